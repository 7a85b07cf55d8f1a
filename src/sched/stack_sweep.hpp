// SPDX-License-Identifier: MIT
// Gives back the stack pages of goroutines that have waited for a descriptor for a while.
//
// What an idle connection costs is its stack, as deep as its last request has touched it: the handler, a parser,
// 2.7 KB for the dynamic linker's first call. The frames that it waits in take less than one page. The pages
// below them are of no use to anybody until the next request, which then pays a fault for each, about 1 us.
//
//      slot   | guard | never touched | touched, below sp: given back | frames of the wait | header |
//                                                           (page)    ^ sp, less red zone
//
// Who is idle is noted in off_stack (goroutine.hpp), whose odd values all say "parked, off its stack":
//
//      0 --settle--> 1 --lap--> 5 --next lap--> 2 (held) --madvise--> 3 --waker--> 0
//                    '------------- waker ----------------------------------------> 0
//
// Invariants
//   I1  5 and 3 are written from 1 and from 2 only, under walk_lock: 1 -> 5 by CAS, which claims nothing, so a
//       waker's 0 goes on top of it or makes it fail; 3 by who has held the goroutine (end of a hold).
//   I2  The waker writes 0, as ever. So a note lives no longer than the wait that it is about, and who runs or
//       parks pays nothing: no time stamp is read, no word of it is written by anybody else.
//   I3  5 says that a lap has seen it parked; the next one starts a second later at the earliest. So who is
//       found with 5 has waited that long. Nobody is held to be looked at.
//   I4  Pages go while the goroutine is held (hold.hpp), at most `batch` held at a time, one madvise each, once
//       in a wait. Nothing is kept below a parked stack pointer but a red zone and what a walk puts there while
//       it holds the goroutine itself.
//
// When. While Ps are at work, a lap a second, in pieces: so many blocks and so many stacks in a round of the
// monitor. When the process has been idle for half a second everything in one go, without notes: who is parked
// has been so all the time. That is the one time the monitor wakes up in an idle process, and only if somebody
// waits for a descriptor (monitor.cpp).
//
// Rejected: frames that fit into one page with everything that a request needs (5 KB at the time of writing, and
// a handler's are its own); an age by the time stamp on the stack (it is read only under a hold, and each hold
// makes a waker wait); all reasons to wait rather than I/O (a million goroutines on channels have mostly one page
// each, and a second of madvise).
// Tests: test/net/idle_{test,stress_test,timing_test}.cpp, test/debug/hold_test.cpp.
#pragma once

#include <cstddef>

namespace goro::detail {

// The monitor's.
class stack_sweep {
 public:
  // Unless one is under way. Not more often than once a second.
  void begin_lap() noexcept;
  // A piece of the lap.
  void go_on() noexcept;

 private:
  std::size_t next_ = 0;
  std::size_t end_ = 0;
};

// Everything, as long as `idle` says so.
void sweep_stacks_while(bool (*idle)() noexcept) noexcept;

}  // namespace goro::detail
