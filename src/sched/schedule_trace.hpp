// SPDX-License-Identifier: MIT
// GORO_DEBUG=schedtrace=N: every N milliseconds a line on standard error that says how the scheduler stands.
//
//   SCHED 1004ms: maxprocs=2 idleprocs=1 threads=4 spinningthreads=0 idlethreads=2 goroutines=7 runqueue=0 [3 0]
//
// The words are Go's. threads are those that run goroutines, goroutines all that live, runqueue what waits in
// the queue for all, and the brackets what waits at each P. Each number is a moment's, and not of the same one.
#pragma once

namespace goro::detail {

// Starts the thread that does it, for the life of the process. It holds no P and is no reason for anything else
// to wake up; without the setting there is none.
void start_schedule_trace(int every_ms) noexcept;

}  // namespace goro::detail
