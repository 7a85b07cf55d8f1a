// SPDX-License-Identifier: MIT
#include "sched/introspect.hpp"

#include "sched/counters.hpp"
#include "sched/locals.hpp"
#include "sched/machine.hpp"
#include "sched/procs.hpp"

namespace goro::detail {

constinit rare_counters rare;

std::size_t parked_count(wait_reason why) noexcept {
  std::size_t n = 0;
  for (std::size_t i = 0; i != block_count(); ++i) {
    const goroutine* const g = block_at(i);
    if (g->state.load(std::memory_order_relaxed) == goroutine_state::parked &&
        g->why.load(std::memory_order_relaxed) == why && g->off_stack.load(std::memory_order_acquire) != 0)
      ++n;
  }
  return n;
}

void release_idle_memory() noexcept { (void)default_stacks.trim(0); }

scheduler_counters counters() noexcept {
  scheduler_counters c;
  for (auto& each : all_processors) {
    const processor* const p = each.load(std::memory_order_acquire);
    if (p == nullptr) break;
    c.switches += p->switches.load(std::memory_order_relaxed);
    c.steals += p->steals.load(std::memory_order_relaxed);
  }
  c.handoffs = rare.handoffs.load(std::memory_order_relaxed);
  c.revoked_hogs = rare.revoked_hogs.load(std::memory_order_relaxed);
  c.futex_wakes = rare.wakes.load(std::memory_order_relaxed);
  c.machines = static_cast<std::uint64_t>(machine_count());
  return c;
}

void*& current_locals() noexcept {
  goroutine* const g = current_goroutine();
  return g == nullptr ? thread_locals_slot() : g->more().locals;  // no memory for a pointer: std::terminate
}

}  // namespace goro::detail
