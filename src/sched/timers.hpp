// SPDX-License-Identifier: MIT
// The timer heaps: one for each P, each under its own lock; a timer is a node inside whatever it wakes, so
// that arming allocates nothing but the heap's own array as it grows.
//
// Invariants
//   I1  A node is in exactly one heap while its state is `armed`; `home` names that heap.
//   I2  `when`, `heap_index` and the change armed -> anything are written under the home heap's lock.
//   I3  fire(node) is called without any lock, in state `firing` (`moved` once somebody has given it a new
//       time meanwhile), on some M in the runtime. The last touch of the node is the change to `idle`, after
//       fire has returned.
//   Lock order: a channel's lock (or any primitive's) may be held while arming or disarming; fire may take
//   any. So disarm_sync, which waits for a running fire, must not be called with a lock that fire takes.
#pragma once

#include "base/clock.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace goro::detail {

class timer_heap;

struct timer_node {
  enum class state : std::uint8_t { idle, armed, firing, moved };

  explicit timer_node(void (*on_fire)(timer_node&) noexcept, const void* touched = nullptr) noexcept
      : fire(on_fire), touches(touched) {}
  timer_node(const timer_node&) = delete;
  timer_node& operator=(const timer_node&) = delete;

  void (*const fire)(timer_node&) noexcept;  // short: it runs on the scheduler's stack; must not park
  const void* const touches;                 // what fire will need first, to be fetched ahead; may be null
  std::int64_t when = never;                 // clock of base/clock.hpp, ns; under the home's lock
  std::uint32_t heap_index = UINT32_MAX;     // under the home's lock
  std::atomic<timer_heap*> home{nullptr};
  std::atomic<state> now{state::idle};
};

// The node must be idle. Throws std::bad_alloc, with nothing changed, when the heap cannot grow.
// `when` in the past: fires at the next look; `never`: is in no heap.
void timer_arm(timer_node& node, std::int64_t when);

// True: it was armed and will not fire. False: idle, or fire has begun and may still be running.
bool timer_disarm(timer_node& node) noexcept;

// The same, and when it returns fire is not running: the node may be destroyed.
bool timer_disarm_sync(timer_node& node) noexcept;

// For an owner whom nothing but fire can have woken: waits until the node is idle. No lock.
void timer_wait_idle(const timer_node& node) noexcept;

// Moves it to another time, from any state (arms an idle one; one that fires right now is armed again
// after that). True: it was armed, and the old time will not fire. One caller at a time for one node.
bool timer_rearm(timer_node& node, std::int64_t when);

}  // namespace goro::detail
