// SPDX-License-Identifier: MIT
#include "sched/locked_thread.hpp"

#include <goro/go.hpp>

#include "sched/deadlock.hpp"
#include "sched/machine.hpp"
#include "sched/wake.hpp"

namespace goro::detail {

namespace {
constinit std::atomic<int> sleepers{0};
}

int locked_sleepers() noexcept { return sleepers.load(std::memory_order_acquire); }

bool wait_for_locked(machine* m) noexcept {
  {
    const spin_guard hold(idle.lock);
    if (m->handed == nullptr) {
      m->waits_for_locked = true;
      sleepers.fetch_add(1, std::memory_order_acq_rel);
      check_all_asleep();
    }
  }
  m->sleep.park();
  processor* const p = m->handed;
  m->handed = nullptr;
  m->p = p;
  p->owner.store(reinterpret_cast<std::uintptr_t>(m), std::memory_order_release);
  m->chosen = m->locked;
  return true;
}

void give_to_locked(machine* m, goroutine* g) noexcept {
  machine* const bound = g->extra->locked_to;
  processor* const p = m->p;
  m->p = nullptr;
  p->owner.store(in_hands, std::memory_order_release);
  {
    const spin_guard hold(idle.lock);
    bound->handed = p;
    if (bound->waits_for_locked) {
      bound->waits_for_locked = false;
      sleepers.fetch_sub(1, std::memory_order_acq_rel);
    }
  }
  bound->sleep.unpark();
}

void end_locked(machine* m, goroutine* g) noexcept {
  // Without a P nobody else is taken up here: not even the next one on the stack that is hot, which could bind itself
  // to a thread that is about to end. While m still counts as bound, so that a thread that is made for the P inherits
  // none of its attributes (start_machine).
  if (processor* const p = m->p) {
    m->p = nullptr;
    p->owner.store(in_hands, std::memory_order_release);
    hand_off(p);
  }
  g->extra->locked_to = nullptr;
  m->locked = nullptr;
  m->ends_with_goroutine = true;
}

}  // namespace goro::detail

namespace goro {

void lock_os_thread() {
  using namespace detail;
  goroutine* const g = current_goroutine();
  if (g == nullptr) return;
  goroutine_extra& extra = g->more();
  const runtime_section here;
  if (extra.locks++ > 0) return;
  extra.locked_to = here.m;
  here.m->locked = g;
  g->flags.fetch_or(flag_locked, std::memory_order_relaxed);
}

void unlock_os_thread() {
  using namespace detail;
  goroutine* const g = current_goroutine();
  if (g == nullptr || g->extra == nullptr || g->extra->locks == 0) return;
  const runtime_section here;
  if (--g->extra->locks > 0) return;
  g->extra->locked_to = nullptr;
  here.m->locked = nullptr;
  g->flags.fetch_and(static_cast<std::uint8_t>(~flag_locked), std::memory_order_relaxed);
}

}  // namespace goro
