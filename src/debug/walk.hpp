// SPDX-License-Identifier: MIT
// The one walk over all goroutines that every view of them is made from: records, text, JSON, last words.
//
// Nothing is stopped. The slab is walked block by block; parked goroutines are held, a dozen at a time and
// for some 50 us at most, while their stacks are read (sched/hold.hpp). So each sighting is true in itself;
// two of them need not be of one moment. Memory is taken only while nobody is held.
#pragma once

#include "debug/lock_watch.hpp"

#include "sched/hold.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace goro::detail {

// What became of a stack.
enum class stack_note : std::uint8_t {
  taken,
  cut,        // taken, its innermost part: it is deeper
  not_begun,  // it has never run
  runnable,   // about to go on
  running,    // in another thread, which was not asked, or did not answer
  moving,     // parked, but not off its stack yet
  no_room,    // too full to be read where it is
};

struct facts {
  identity who{};
  std::int64_t waiting = 0;  // ns; 0: not parked, or not known
  // A channel's, of those that wait for one.
  bool on_channel = false;
  bool of_a_timer = false;  // which has no values that wait, but makes them
  bool unbounded = false;
  std::size_t length = 0;
  std::size_t capacity = 0;
  stack_note note = stack_note::running;
  std::size_t first_pc = 0;  // in sightings::pcs
  std::size_t pc_count = 0;
};

struct sighting : facts {
  std::string name;                  // cut at 255 bytes
  std::vector<lock_holder> held_by;  // who has the lock that it waits for, if that is known
};

// What an errgroup keeps of a goroutine that has ended: sync/failures.hpp.
struct kept_failure {
  std::string state;
  std::string name;
  std::uint64_t id;
  std::uint64_t created_by;
  std::uintptr_t created_at;
  hidden_address kept_by;
};

struct sightings {
  std::vector<sighting> all;  // by rising id
  std::vector<kept_failure> failures;
  std::vector<std::uintptr_t> pcs;

  std::span<const std::uintptr_t> stack_of(const sighting& s) const noexcept {
    return std::span(pcs).subspan(s.first_pc, s.pc_count);
  }
};

enum class walk_kind : std::uint8_t {
  alive,   // the program goes on: nobody is interrupted
  ending,  // the process ends: threads that run goroutines are asked for their stacks by a signal
  alone,   // in a forked copy of a broken process: there is no other thread, and locks mean nothing
};

// Which goroutines; asked before anybody is held.
struct walk_filter {
  bool (*wants)(const void* self, const identity& who) noexcept;
  const void* self;
};

// With a filter only goroutines, and no failures. May throw std::bad_alloc.
sightings walk(walk_kind kind, const walk_filter* filter = nullptr);

// The word for its state.
const char* state_word(const identity& who) noexcept;

}  // namespace goro::detail
