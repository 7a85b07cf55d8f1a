// SPDX-License-Identifier: MIT
// Park and ready.
//
// A goroutine that parks has already published itself (its waiter is linked, its timer armed) and may be
// made ready by another M before it is off its stack. Nobody may run it until then.
//
//   P1  off_stack: store 1, release, by whatever runs next on the parking M (machine::settle)
//                  -> load, acquire, by ready() before it touches the goroutine further.
//       The waker sees the saved context, and all of the parked stack. It waits for the 1: between the
//       parker's publication and its switch are a few dozen instructions, in the runtime, so nobody takes
//       its P; should the kernel take its CPU, the waker ends up yielding its own (spin_wait).
//       The waker writes the 0 again: from then on the goroutine is runnable and the waker's.
//   F1, P2, P3 with those who look at parked stacks: hold.hpp. They cost the waker two plain byte stores.
//   Nobody waits for itself: ready(g) is never called on the M where g is on its way out, because between
//   publication and switch that M only picks the next goroutine. Timers, which call ready, run on the M's
//   own stack or on the stack of a goroutine that has ended.
//
// Rejected: a call-back that unlocks the channel behind the switch (Go): an indirect call for each park, and
// the lock is held for longer; a CAS on the state by both sides: a locked instruction each.
#include "sched/park.hpp"

#include "base/fence.hpp"
#include "sched/coarse_clock.hpp"
#include "sched/entry.hpp"
#include "sched/hooks.hpp"
#include "sched/process_end.hpp"
#include "sched/runtime.hpp"
#include "sched/thread_waiter.hpp"
#include "sched/wake.hpp"

#include <sched.h>

namespace goro::detail {

namespace {

// The goroutine that g's M turns to without a look around; null: none, or the M's own loop is to decide.
[[gnu::always_inline]] inline goroutine* pick_after(const machine* m, const goroutine* g) noexcept {
  return m->p == nullptr || (g->flags.load(std::memory_order_relaxed) & flag_locked) != 0 ? nullptr : m->p->pick();
}

// Leaves g's stack for `next`, which has been picked, or for whatever comes next; and comes back when g is taken up
// again. In the runtime. (Picked by the caller, because picking ends in a locked instruction: what is stored before
// has to be written back first, and what is loaded after it waits.)
GORO_NO_TSAN [[gnu::noinline]] void leave_stack(machine* m, goroutine* g, leaving how, goroutine* next) noexcept {
  const int saved_errno = *m->thread.error;
  exception_globals saved_exceptions;
  const bool in_exception = m->thread.exceptions->caught != nullptr || m->thread.exceptions->uncaught != 0;
  if (in_exception) [[unlikely]] {
    saved_exceptions = *m->thread.exceptions;
    *m->thread.exceptions = {};
  }
  m->left = g;
  m->why_left = how;
  stopped_context here;
  here.since = coarse_now();
  g->context = on_this_stack(&here);
  if (next != nullptr && (next->flags.load(std::memory_order_relaxed) & slow_flags) == 0 &&
      (next->stack != nullptr || give_stack(m, next))) [[likely]] {
    take_up(m, next);
    switch_to(next, &here, &g->stack->fake_stack);
  } else {
    m->chosen = next;
    switch_to_machine(m, &here, g->stack);
  }
  sanitizer::arrive(g->stack->fake_stack);
  m = g->m;  // perhaps another
  m->settle();
  if (in_exception) [[unlikely]]
    *m->thread.exceptions = saved_exceptions;
  *m->thread.error = saved_errno;
}

// Waits until g, which is ours to wake, is off its stack, and makes it runnable.
[[gnu::always_inline]] inline void make_runnable(goroutine* g) noexcept {
  g->waking.store(1, std::memory_order_relaxed);
  light_fence();                                                       // F1a of hold.hpp
  if (!is_off_stack(g->off_stack.load(std::memory_order_acquire))) [[unlikely]] {  // P1; P3 of hold.hpp
    for (unsigned round = 0; !is_off_stack(g->off_stack.load(std::memory_order_acquire)); ++round) spin_wait(round);
  }
  g->off_stack.store(0, std::memory_order_relaxed);
  g->state.store(goroutine_state::runnable, std::memory_order_relaxed);
  g->waking.store(0, std::memory_order_release);  // P2 of hold.hpp
}

}  // namespace

task task::current() {
  if (goroutine* const g = current_goroutine()) return task(g);
  start_runtime();
  return task(&this_thread_waiter());
}

void park(task self, wait_reason why, const void* on) noexcept {
  goroutine* const g = self.as_goroutine();
  if (g == nullptr) {
    self.as_thread()->park(why, on);
    return;
  }
  if (hooks.parks != nullptr) [[unlikely]]
    hooks.parks(g, to_string(why));
  machine* const m = g->m;
  (void)m->enter();
  if (m->p == nullptr && ends_the_process(g)) [[unlikely]]
    goroutine_waits_while_process_ends(why, on);
  g->why.store(why, std::memory_order_relaxed);
  g->waits_on.store(on, std::memory_order_relaxed);
  g->state.store(goroutine_state::parked, std::memory_order_relaxed);
  leave_stack(m, g, leaving::parked, pick_after(m, g));
  g->m->leave();
}

void ready(task t) noexcept {
  goroutine* const g = t.as_goroutine();
  if (g == nullptr) {
    t.as_thread()->unpark();
    return;
  }
  const runtime_section here;
  make_runnable(g);
  // It will run soon; of many sleepers, the stack is cold.
  const auto* const lines = reinterpret_cast<const std::byte*>(g->context);
  for (int i = 0; i != 4; ++i) __builtin_prefetch(lines + 64 * i, 1);
  __builtin_prefetch(g->stack);
  processor* const p = here.p();
  if (p == nullptr) {
    the_global_queue.push(g);
    wake_from_outside();
    return;
  }
  const bool alone = !p->push_next(g);
  if (idle.idle_processors.load(std::memory_order_relaxed) == 0) [[likely]]
    return;
  if (alone && p->eager.load(std::memory_order_relaxed) != 0) {
    p->run_next.store(nullptr, std::memory_order_relaxed);
    p->push(g);  // where it can be stolen
  }
  wake_one_for(p);
}

void prefetch_to_wake(task t) noexcept {
  if (const goroutine* const g = t.as_goroutine()) __builtin_prefetch(g, 1);
}

void ready_batch::add(task t) noexcept {
  goroutine* const g = t.as_goroutine();
  if (g == nullptr) {
    t.as_thread()->unpark();
    return;
  }
  make_runnable(g);
  if (count_ == few) flush_to_all();
  batch_[count_++] = g;
}

void ready_batch::flush_to_all() noexcept {
  many_ = true;
  const runtime_section here;
  the_global_queue.push_all(batch_, count_);
  count_ = 0;
  wake_from_outside();
}

void ready_batch::flush() noexcept {
  if (count_ == 0) return;
  if (!many_) {
    const runtime_section here;
    if (processor* const p = here.p()) {
      for (std::size_t i = 0; i != count_; ++i) p->push(batch_[i]);
      count_ = 0;
      wake_one();
      return;
    }
  }
  flush_to_all();
  many_ = false;
}

void ready_batch::flush_here() noexcept {
  if (count_ == 0 || many_) return flush();
  const runtime_section here;
  processor* const p = here.p();
  if (p == nullptr) return flush();
  for (std::size_t i = 0; i != count_; ++i) p->push(batch_[i]);
  count_ = 0;
  if (idle.idle_processors.load(std::memory_order_relaxed) != 0) wake_one_for(p);
}

void yield_now() noexcept {
  goroutine* const g = current_goroutine();
  if (g == nullptr) {
    sched_yield();
    return;
  }
  if (hooks.parks != nullptr) [[unlikely]]
    hooks.parks(g, "yield");
  machine* const m = g->m;
  (void)m->enter();
  processor* const p = m->p;
  if (p == nullptr && ends_the_process(g)) [[unlikely]] {
    m->leave();
    sched_yield();
    return;
  }
  goroutine* const next = pick_after(m, g);
  // Nobody else is here, and it is not yet time to look around.
  if (next == nullptr && p != nullptr && p->rounds_left > 1 && !p->has_work() &&
      p->poke.load(std::memory_order_relaxed) == 0) {
    if ((g->flags.load(std::memory_order_relaxed) & flag_locked) != 0) --p->rounds_left;  // for others pick() did
    m->leave();
    return;
  }
  leave_stack(m, g, p == nullptr ? leaving::displaced : leaving::yielded, next);
  g->m->leave();
}

// After a hand-shake or a blocking call took the P: g waits for another in the global queue.
void wait_for_processor(machine* m, goroutine* g) noexcept {
  if (ends_the_process(g)) return;  // it goes on without
  leave_stack(m, g, leaving::displaced, pick_after(m, g));
}

}  // namespace goro::detail
