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
// What a call site did before says what it will do: a table by return address remembers, for each, whether the
// P was lost there. A site that blocks for long hands its P on at once when work waits, without waiting for the
// monitor; one that is quick does not even call it. Entries are hints: a collision, or a lost update, costs a
// hand-off or a late one.
#include <goro/go.hpp>

#include "sched/machine.hpp"
#include "sched/monitor.hpp"
#include "sched/procs.hpp"
#include "sched/runtime.hpp"
#include "sched/wake.hpp"

namespace goro::detail {

namespace {

constexpr std::int8_t surely_quick = -8;
constexpr std::int8_t surely_long = 4;
constinit std::atomic<std::int8_t> sites[256] = {};  // between the two; 0: not known

std::atomic<std::int8_t>& site_of(void* address) noexcept {
  const auto bits = reinterpret_cast<std::uintptr_t>(address) * 0x9e37'79b9'7f4a'7c15u;
  return sites[bits >> 56];
}

void lost_at(std::atomic<std::int8_t>& site) noexcept {
  const std::int8_t before = site.load(std::memory_order_relaxed);
  site.store(static_cast<std::int8_t>(before < 0 ? 0 : before < surely_long ? before + 1 : before),
             std::memory_order_relaxed);
}

void kept_at(std::atomic<std::int8_t>& site) noexcept {
  const std::int8_t before = site.load(std::memory_order_relaxed);
  if (before > surely_quick) site.store(static_cast<std::int8_t>(before - 1), std::memory_order_relaxed);
}

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

blocking_section::blocking_section() noexcept : site_(__builtin_return_address(0)) {
  goroutine* const g = current_goroutine();
  if (g == nullptr) return;
  machine* const m = g->m;
  (void)m->enter();
  g->state.store(goroutine_state::blocking, std::memory_order_relaxed);
  if (processor* const p = m->p) {
    const std::int8_t known = site_of(site_).load(std::memory_order_relaxed);
    const bool work = known != surely_quick && (p->has_work() || the_global_queue.size() != 0);
    if (work && known >= 2) {
      m->p = nullptr;
      p->owner.store(in_hands, std::memory_order_release);
      hand_off(p);
      m->leave();
      return;
    }
    p->count_block();
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
  if (m->p != nullptr) [[likely]] {
    kept_at(site_of(site_));
  } else {
    lost_at(site_of(site_));
    if (!get_processor(m)) wait_for_processor(m, g);
  }
  g->state.store(goroutine_state::running, std::memory_order_relaxed);
  g->m->leave();
}

}  // namespace goro::detail
