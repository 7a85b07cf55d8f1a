// SPDX-License-Identifier: MIT
// The hand-shake that takes a P from an M that runs, without one atomic read-modify-write on the M's side
// in the usual case, and without ever interrupting user code half-way.
//
// Two words of the M:  in_runtime  1 while it is inside the runtime (owner stores, plain)
//                      revoke      none, requested, taken, blocking
//
//   The M that enters:    F1a  in_runtime = 1;  light fence;  read revoke
//                         none: go on, the P is ours until we leave.
//                         requested: CAS requested -> none (keep the P), or, if that fails, it is taken.
//                         taken: CAS taken -> none: the P is gone, p = null. (It fails if the P was only
//                         borrowed and has been given back: then it is ours as before.)
//                         blocking: see blocking.cpp: CAS owner m|1 -> m, or the P is gone.
//                         forked: this process is the child of a fork: end it with a clear text.
//   The M that leaves:         in_runtime = 0 (release: what we did to the P is before it, P2)
//
//   Who wants the P:      F1b  CAS none -> requested;  heavy fence;  read in_runtime (acquire, P2)
//                         1: CAS requested -> none; try again later.
//                         0: CAS requested -> taken: the P is ours; it may no longer touch it.
//
//   F1  Either the M's read of revoke sees `requested`, or the other's read of in_runtime sees 1 (the heavy
//       fence is a barrier in every running thread of the process). In the first case one CAS on revoke
//       decides; so never do both believe that they hold the P.
//   P2  in_runtime release (leave) -> acquire (take): the taker sees all that the M did to the P.
//   P3  revoke release (CAS taken) -> acquire (enter): nothing of the P is read after it, so this pair only
//       orders the taker's last look at the M's fields.
//   One taker at a time: only the monitor's thread and set_max_procs take Ps, under take_lock.
//   Between F1b and its answer the M may be anywhere in user code, run long, or never come back: no matter.
//
// Rejected: a signal to the thread (Go's way): it interrupts malloc, locks, thread_locals. A locked
// instruction at each entry: 6 to 10 ns in an operation that has room for one.
#pragma once

#include <atomic>
#include <cstdint>

namespace goro::detail {

struct goroutine;
struct machine;
struct processor;

enum class revocation : std::uint32_t { none, requested, taken, blocking, forked };

// Tries to take p from the M that runs on it. True: p is in the caller's hands (owner in_hands), and its M will
// find out when it next enters the runtime.
bool take_from_runner(processor& p) noexcept;

// Takes the goroutine that waits in run_next of a P whose M computes on, and gives the P straight back. If the
// M came back just then and found its P taken, the P stays in the caller's hands.
struct borrowed {
  goroutine* g;
  bool in_hands;
};
borrowed borrow_run_next(processor& p) noexcept;

// The same for an M that has announced that it blocks.
bool take_from_blocker(processor& p) noexcept;
// Its M has announced a call of a kind that is brief. A hint.
bool is_in_brief_call(const processor& p) noexcept;

}  // namespace goro::detail
