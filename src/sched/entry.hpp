// SPDX-License-Identifier: MIT
// How a goroutine is taken up, from an M's stack or from another goroutine's. A fresh one is started on a
// stack from the cache, and the loop that runs it there (run_here in entry.cpp) goes on with the next fresh
// one on the same, still hot, stack without any switch: a goroutine that never parks costs no stack.
#pragma once

#include "sched/machine.hpp"

namespace goro::detail {

// The loop at the bottom of every goroutine stack. `argument` is its stack_header.
[[noreturn]] void run_here(void* argument) noexcept;

// What every taking-up has in common.
[[gnu::always_inline]] inline void take_up(machine* m, goroutine* g) noexcept {
  g->m = m;
  m->current = g;
  g->state.store(goroutine_state::running, std::memory_order_relaxed);
  m->p->count_switch();
}

// Gives a fresh goroutine a stack. False: none to be had now.
inline bool give_stack(machine* m, goroutine* g) noexcept {
  stack_header* h = nullptr;
  if ((g->flags.load(std::memory_order_relaxed) & flag_own_stack) != 0) [[unlikely]] {
    if (g->extra->stacks->take(&h, 1) == 0) return false;
  } else {
    h = m->p->take_stack();
    if (h == nullptr) return false;
  }
  h->owner = g;
  g->stack = h;
  if constexpr (sanitizer::asan) {
    sanitizer::unpoison(const_cast<void*>(h->bottom), h->size);
    h->fake_stack = nullptr;
  }
  if constexpr (sanitizer::tsan) h->fiber = sanitizer::create_fiber();
  return true;
}

// Leaves the caller's stack, saved in *from, for g's. g has been taken up and has a stack.
[[gnu::always_inline]] inline void switch_to(goroutine* g, saved_context* from, void** fake_stack) noexcept {
  stack_header* const h = g->stack;
  saved_context fresh;
  saved_context* to = g->context;
  if (to == nullptr) {
    prepare_context(&fresh, stack_top(h), &run_here, h);
    to = &fresh;
  }
  if constexpr (sanitizer::tsan) sanitizer::switch_fiber(h->fiber);
  sanitizer::leave(fake_stack, h->bottom, h->size);
  switch_stacks(from, to);
}

}  // namespace goro::detail
