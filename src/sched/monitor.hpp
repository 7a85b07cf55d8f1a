// SPDX-License-Identifier: MIT
// The monitor: a thread without a P that looks at the Ps from outside and takes one from an M that blocks or
// computes for too long while others wait. One mechanism (revoke.hpp), three uses:
//
//   announced blocking      owner is m | 1 for more than one round, and somebody waits: hand off
//   unannounced blocking    the P's count of switches stands still: at 50, 100, 200 … us of that, is the
//                           thread asleep in the kernel? Then, if somebody waits, hand off
//   CPU hogs                stands still for 10 ms, and somebody waits: the P goes to another M, and the
//                           kernel shares the CPU between the two threads
//
// "Somebody waits": the P's own queue, the global queue, or a timer of the P that is due.
// Smaller duties: goroutines that hand over to each other through run_next, but compute for long in between,
// are told after a millisecond that others wait (find_work.cpp looks itself at every 32nd hand-over); a goroutine
// alone in run_next behind a goroutine that goes on computing, while a P is idle, is moved to where it can be had
// (wake.hpp); a timer that is due while its P stands still or nobody keeps time, and a P is idle, wakes an M.
//
// While a P is idle nothing is taken from an M that computes or blocks unannounced: another M can steal what
// waits.
//
// Rounds: 20 us apart while it takes Ps away, doubling up to 10 ms after 50 rounds in which it took none; at most
// 1 ms while somebody waits, or all Ps are busy and timers run, so that a slice ends within 11 ms. A single round
// comes sooner where a look asks for it: 20 us after an announced call was first seen, 50 us after a P was first seen
// to stand still. That does not set the pace: a round costs some microseconds of a CPU that works, and of what is in
// its caches. (When it did, 100,000 sleepers on two Ps had a round each 25 us for their whole time, because a P that
// runs expired timers stands still for that long; without, they take 15 to 20 % less, and are four times less late.)
// When all Ps have been idle for a tenth of a second, it gives memory and threads back, and sleeps without a limit
// until a P stops being idle: idle means idle.
#pragma once

#include <cstdint>

namespace goro::detail {

struct processor;

void start_monitor() noexcept;
// From its sleep without a limit. Under idle.lock.
void wake_monitor() noexcept;
// Makes an M for p on behalf of a thread that must not make one itself.
void start_machine_on_monitor(processor* p, bool spinning) noexcept;
// There is something to do soon: if it has backed off beyond so many nanoseconds, it comes now.
inline constexpr std::int64_t soon = 100'000;
inline constexpr std::int64_t while_somebody_waits = 1'000'000;
void call_monitor(std::int64_t backed_off_beyond = soon) noexcept;

}  // namespace goro::detail
