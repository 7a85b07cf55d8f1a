// SPDX-License-Identifier: MIT
#include "sched/finish.hpp"

#include "sched/locals.hpp"
#include "sched/locked_thread.hpp"
#include "sched/runtime.hpp"

namespace goro::detail {

void finish(machine* m, goroutine* g) noexcept {
  if (goroutine_extra* const extra = g->extra) {
    if (extra->locals != nullptr) {
      // User's destructors: outside the runtime, and they may park.
      m->leave();
      destroy_locals(g->extra->locals);
      g->extra->locals = nullptr;
      m = g->m;
      (void)m->enter();
    }
    if (extra->locks > 0) end_locked(m, g);
    g->drop_extra();
  }
  const std::uint8_t flags = g->flags.load(std::memory_order_relaxed);
  g->state.store(goroutine_state::dead, std::memory_order_relaxed);
  g->stack = nullptr;
  g->context = nullptr;
  g->flags.store(0, std::memory_order_relaxed);
  if ((flags & flag_main) != 0) main_ended();  // while the block is still ours: it names this M
  if (processor* const p = m->p) {
    p->finished.store(p->finished.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    p->free_block(g);
  } else {
    count_finished_without_processor();
    give_block(g);
  }
}

}  // namespace goro::detail
