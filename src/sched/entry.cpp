// SPDX-License-Identifier: MIT
// A goroutine's life on its stack: the bottom loop, and the end of a G.
//
// run_here never returns. It runs its goroutine, ends it, and then, cheapest first:
//   - takes up the next goroutine, fresh, on this very stack: no switch;
//   - jumps to the next one, which has a stack: ours is left for good, and reused by whoever comes next;
//   - jumps to the M's stack, which looks further.
// Nothing of it is kept across a goroutine: M and P are read again, since the goroutine may have moved.
#include "sched/entry.hpp"

#include "sched/finish.hpp"
#include "sched/goexit.hpp"
#include "sched/throw_site.hpp"
#include "sched/uncaught.hpp"

#include <cxxabi.h>
#include <exception>

namespace goro::detail {

namespace {

// Apart, because what it keeps meanwhile is as large as a tenth of a page, and the frame below everything else of a
// goroutine.
[[gnu::noinline, gnu::cold]] void report_what_left(goroutine* g) noexcept {
  report_uncaught(g, std::current_exception(), take_throw_site(g->id));
}

// Calls the closure. Whatever comes out of it ends here: nothing may unwind into run_here. A forced unwinding
// has no object for the handler's reference to name, which UBSan would take for a fault.
[[gnu::noinline]] __attribute__((no_sanitize("null"))) void call(goroutine* g) noexcept {
  try {
    goro_detail_watched_call(g->run, g->closure);
  } catch (abi::__forced_unwind&) {
    goexit_arrived();
  } catch (...) {
    report_what_left(g);
  }
}

}  // namespace

GORO_NO_TSAN void run_here(void* argument) noexcept {
  auto* const h = static_cast<stack_header*>(argument);
  sanitizer::arrive(nullptr);
  for (;;) {
    goroutine* const g = h->owner;
    machine* m = g->m;
    m->settle();
    m->leave();
    call(g);
    m = g->m;
    (void)m->enter();
    finish(m, g);
    goroutine* const next = m->p == nullptr ? nullptr : m->p->pick();
    if (next != nullptr && next->stack == nullptr &&
        (next->flags.load(std::memory_order_relaxed) & slow_flags) == 0 &&
        region_of(reinterpret_cast<std::uintptr_t>(h)) == &default_stacks) {
      h->owner = next;
      next->stack = h;
      if constexpr (sanitizer::tsan) {
        m->dead_fiber = h->fiber;
        h->fiber = sanitizer::create_fiber();
        sanitizer::switch_fiber(h->fiber);
      }
      take_up(m, next);
      continue;
    }
    m->left_stack = h;
    if constexpr (sanitizer::tsan) m->dead_fiber = h->fiber;
    if (next != nullptr && next->stack != nullptr && (next->flags.load(std::memory_order_relaxed) & slow_flags) == 0) {
      take_up(m, next);
      if constexpr (sanitizer::tsan) sanitizer::switch_fiber(next->stack->fiber);
      sanitizer::leave(nullptr, next->stack->bottom, next->stack->size);
      jump_to(next->context);
    }
    m->chosen = next;
    jump_to_machine(m);
  }
}

}  // namespace goro::detail
