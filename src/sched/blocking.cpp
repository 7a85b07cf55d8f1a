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
// Who takes: an M that comes back from blocking and finds no idle P (get_processor, below), and the monitor,
// when the P has been in one blocking call for a round of its (20 us at its quickest) and somebody waits.
//
// A site that blocks for long (call_site.hpp) hands its P on at once when work waits, without waiting for the monitor;
// one that is brief does not even call it. The monitor tells the site when it takes a P, so that it is known before the
// first call of many at once has come to its end. A site that hands its P on to the last idle M makes the next one, on
// its own time: threads are made beside the work that waits for them, not before it.
//
// An M that comes back without a P takes none from a call that is brief as a rule: that call's M would
// come back without one a moment later and do the same to the next, and from then on more Ms than CPUs
// would take turns in the kernel for ever. Its goroutine waits in the global queue instead, where the Ps look when
// their calls are over; if a call is not brief for once, the monitor, which is called, takes the P a round later.
#include <goro/go.hpp>

#include "base/clock.hpp"
#include "sched/call_site.hpp"
#include "sched/machine.hpp"
#include "sched/monitor.hpp"
#include "sched/procs.hpp"
#include "sched/runtime.hpp"
#include "sched/wake.hpp"

namespace goro::detail {

namespace {

constexpr std::uint64_t calls_between_looks = 16;  // at the clock, of sites that are known to be brief

bool get_processor(machine* m) noexcept {
  processor* p = take_idle_processor();
  const int n = processor_count();
  bool brief = false;
  for (int i = 0; p == nullptr && i != n; ++i) {
    processor* const each = processor_at(i);
    if ((each->owner.load(std::memory_order_relaxed) & 1) == 0 || each->has_work()) continue;
    if (is_in_brief_call(*each))
      brief = true;
    else if (take_from_blocker(*each))
      p = each;
  }
  if (p == nullptr) {
    if (brief) call_monitor();
    return false;
  }
  m->p = p;
  p->owner.store(reinterpret_cast<std::uintptr_t>(m), std::memory_order_release);
  return true;
}

// After a P was handed on: for the next, if work still waits and every idle M is used up.
void make_a_spare(const machine* m, const processor* handed_on) noexcept {
  if (idle.idle_machines.load(std::memory_order_relaxed) != 0 || m->locked != nullptr) return;
  if (the_global_queue.size() != 0 || handed_on->has_work()) (void)start_machine(nullptr, false);
}

}  // namespace

constinit call_site call_site::table_[256];

blocking_section::blocking_section() noexcept : site_(__builtin_return_address(0)) {
  goroutine* const g = current_goroutine();
  if (g == nullptr) return;
  machine* const m = g->m;
  (void)m->enter();
  g->state.store(goroutine_state::blocking, std::memory_order_relaxed);
  if (processor* const p = m->p) {
    call_site& site = call_site::of(site_);
    if (!site.surely_brief() || p->block_calls.load(std::memory_order_relaxed) % calls_between_looks == 0)
      began_ = now_ns();
    const bool work = !site.surely_brief() && (p->has_work() || the_global_queue.size() != 0);
    if (work && site.blocks_long()) {
      m->p = nullptr;
      p->owner.store(in_hands, std::memory_order_release);
      hand_off(p);
      make_a_spare(m, p);
      m->leave();
      return;
    }
    p->count_block();
    p->blocks_at.store(&site, std::memory_order_relaxed);
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
  if (began_ != 0) call_site::of(site_).took(now_ns() - began_);
  if (m->p == nullptr && !get_processor(m)) [[unlikely]]
    wait_for_processor(m, g);
  g->state.store(goroutine_state::running, std::memory_order_relaxed);
  g->m->leave();
}

}  // namespace goro::detail
