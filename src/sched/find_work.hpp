// SPDX-License-Identifier: MIT
// Where an M looks for a goroutine, and in which order. On the M's own stack.
//
//   1  own timers that have expired (they make goroutines ready here)
//   2  every 61st round the global queue, so that it is never starved by local ones (not while goroutines
//      hand over to each other through run_next: they have a slice together, see monitor.hpp): one goroutine,
//      or a share if the own ring is empty
//   3  run_next, own ring
//   4  global queue, a fair share
//   5  the netpoller, if somebody waits for a descriptor and no M sleeps in it (netpoll.hpp)
//   6  other Ps, from a random one on: half of a ring; their expired timers
//   7  give up the P and sleep (wake.hpp)
// A run_order, if somebody has set one, chooses in place of 2 and 3 (run_order.hpp).
// At most half of the busy Ms look into other Ps at a time: more would only fight over the same lines.
#pragma once

namespace goro::detail {

struct goroutine;
struct machine;

// The M has a P. Null: it has lost its P while it looked, or is to end (told_to_end).
goroutine* find_work(machine* m) noexcept;

}  // namespace goro::detail
