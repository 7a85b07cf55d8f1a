// SPDX-License-Identifier: MIT
// Announced blocking: the P stays with the blocking M, but is there for the taking.
//
//   begin  P1  revoke = blocking;  owner m -> m | 1 (release);  leave the runtime
//   anyone     CAS owner m | 1 -> in_hands (acquire): the P is theirs. They need not ask the M.
//   enter      the first operation of goro inside, or the end: sees `blocking` in revoke (revoke.hpp) and
//              CASes owner m | 1 -> m (acquire): still ours, or p = null.
//   end        without a P: an idle one, or wait for one in the global queue.
//
//   P1  owner release (begin) -> acquire (taker's CAS): the taker sees all that we did to the P.
//   The word names the M, so a P that was taken, used, and blocks under another M is not mistaken for ours.
//
// Who takes: an M that comes back from blocking and finds no idle P (take_blocked, below), and the monitor,
// when the P has been there for a round of its (20 us at its quickest) and somebody waits. If the monitor
// has backed off and work waits here, it is called.
#include <goro/go.hpp>

#include "sched/machine.hpp"
#include "sched/monitor.hpp"
#include "sched/procs.hpp"
#include "sched/runtime.hpp"
#include "sched/wake.hpp"

namespace goro::detail {

namespace {

bool get_processor(machine* m) noexcept {
  processor* p = take_idle_processor();
  const int n = processor_count();
  for (int i = 0; p == nullptr && i != n; ++i) {
    processor* const each = processor_at(i);
    if ((each->owner.load(std::memory_order_relaxed) & 1) != 0 && !each->has_work() && take_from_blocker(*each))
      p = each;
  }
  if (p == nullptr) return false;
  m->p = p;
  p->owner.store(reinterpret_cast<std::uintptr_t>(m), std::memory_order_release);
  return true;
}

}  // namespace

blocking_section::blocking_section() noexcept {
  goroutine* const g = current_goroutine();
  if (g == nullptr) return;
  machine* const m = g->m;
  (void)m->enter();
  if (processor* const p = m->p) {
    const bool work = p->has_work() || the_global_queue.size() != 0;
    m->revoke.store(revocation::blocking, std::memory_order_relaxed);
    p->owner.store(reinterpret_cast<std::uintptr_t>(m) | 1, std::memory_order_release);  // P1
    if (work) call_monitor();
  }
  m->leave();
}

blocking_section::~blocking_section() {
  goroutine* const g = current_goroutine();
  if (g == nullptr) return;
  machine* const m = g->m;
  (void)m->enter();
  if (m->p == nullptr && !get_processor(m)) wait_for_processor(m, g);
  g->m->leave();
}

}  // namespace goro::detail
