// SPDX-License-Identifier: MIT
// What a proof knows of goroutines and of what they wait for, and how it finds out what an address points into.
// The argument that all of this serves is in docs/design/proof.md.
//
//   unit     a parked goroutine: its stack from the saved stack pointer up, and its closure. One piece: an
//            address in any part of it makes all of it readable.
//   object   a block of the heap that belongs to what a unit waits for, with known bounds: a channel, a future.
//   entity   either; numbered, units first. What is in no entity is "open" memory: every word of it counts.
//
// Both kinds have the goroutines that can be woken through what lies inside them: "sleepers". Who marks an entity
// makes them live, and what is live is marked in its turn.
#pragma once

#include "sched/goroutine.hpp"

#include <cstddef>
#include <cstdint>

namespace goro::detail {

struct hchan;

inline constexpr std::uint32_t no_entity = UINT32_MAX;

enum class verdict : std::uint8_t {
  live,     // may be woken, for all that is known
  waiting,  // parked, and it is known on what: stuck unless something of that is marked
};

struct unit {
  goroutine* g;
  std::uint64_t id;
  std::uintptr_t first;  // the stack's live part
  std::uintptr_t last;
  std::uintptr_t users;  // frames below are only the switch's own
  std::uintptr_t
      waiter_first;  // the node in the queue, if it lies on the stack; of a select all below it too
  std::uintptr_t waiter_last;
  std::uintptr_t closure_first;  // a closure on the heap; 0: in the block
  std::uintptr_t closure_last;
  const void* on;  // as park was told
  wait_reason why;
  verdict is;
  bool found;              // in a queue of what it waits for, and nobody has claimed it
  hchan* const* channels;  // a select's; else null
  std::uint32_t channel_count;
};

struct object {
  std::uintptr_t first;
  std::uintptr_t last;
  std::uintptr_t end;  // addresses below it are references; those behind it only the allocator has
};

// A sleeper in the list of its entity.
struct sleeper {
  std::uint32_t who;   // a unit
  std::uint32_t next;  // its number plus 1; 0: none
};

}  // namespace goro::detail
