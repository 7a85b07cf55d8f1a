// SPDX-License-Identifier: MIT
#include "sched/process_end.hpp"

#include "base/clock.hpp"
#include "base/fatal.hpp"
#include "base/sanitizer.hpp"
#include "base/spin_lock.hpp"
#include "base/thread.hpp"
#include "sched/deadlock.hpp"
#include "sched/goroutines.hpp"
#include "sched/kernel_state.hpp"
#include "sched/locked_thread.hpp"
#include "sched/machine.hpp"
#include "sched/monitor.hpp"
#include "sched/procs.hpp"
#include "sched/wake.hpp"

#include <pthread.h>
#include <unistd.h>
#include <atomic>

namespace goro::detail {

namespace {

constexpr std::int64_t look_every = 100'000'000;
constexpr std::int64_t long_wait = 1'000'000'000;

// Of the thread that called exit(). Others may read an old value: they are not the one it names in either case.
constinit std::atomic<pthread_t> ending_thread{};
constinit std::atomic<const goroutine*> ending_goroutine{nullptr};

void say_who_waits(fatal_text& to, const char* who, wait_reason why, const void* on) noexcept {
  to << who << " waits in a handler of exit() or a destructor of a static";
  if (why != wait_reason::none) to << " [" << to_string(why) << ']';
  if (on != nullptr) to << " on " << hex(on);
  to << ", and goroutines do not run any more: they stop before what is older than goro's first use";
}

[[noreturn]] void end_with_words(const char* who, wait_reason why, const void* on) noexcept {
  fatal_text text;
  text << "fatal error: exit: ";
  say_who_waits(text, who, why, on);
  text << "; wait for them in main, or in a handler that was registered later - deadlock!\n";
  text.write();
  write_goroutines();
  _exit(2);
}

// Only a goroutine could end the wait of the ending thread: all threads of the runtime sleep, and there are no others.
bool nobody_else_is_left(wait_reason why) noexcept {
  if (why == wait_reason::io_wait) return false;
  const int ours = runtime_threads() + (sanitizer::tsan ? 1 : 0);  // it has one in the background
  if (threads_of_process() > ours + 1) return false;
  const spin_guard hold(idle.lock);
  if (idle.idle_machines.load(std::memory_order_relaxed) + locked_sleepers() < machine_count()) return false;
  return idle.in_flight.load(std::memory_order_acquire) == 0 && earliest_timer() == never;
}

}  // namespace

void stop_goroutines_at_exit() noexcept {
  ending_thread.store(pthread_self(), std::memory_order_relaxed);
  {
    const spin_guard hold(idle.lock);
    idle.stopping.store(true, std::memory_order_relaxed);
  }
  wake_monitor();
  if (goroutine* const g = current_goroutine()) {  // it goes on without a P
    ending_goroutine.store(g, std::memory_order_relaxed);
    const runtime_section here;
    if (processor* const p = here.p()) {
      here.m->p = nullptr;
      put_idle_processor(p);
    }
  }
  for (int i = 0, in_use = processor_count(); i != in_use; ++i) {
    processor* const p = processor_at(i);
    p->poke.store(1, std::memory_order_relaxed);
    if (!take_from_blocker(*p)) (void)take_from_runner(*p);
  }
  if constexpr (sanitizer::asan) {  // what parked stacks refer to is not leaked
    for (std::size_t i = 0; i != block_count(); ++i) {
      const goroutine* const g = block_at(i);
      const goroutine_state state = g->state.load(std::memory_order_relaxed);
      if (state != goroutine_state::dead && g->stack != nullptr)
        sanitizer::keep_alive(g->stack->bottom, g->stack->size + sizeof(stack_header));
      if (state != goroutine_state::dead) sanitizer::keep_alive(g, sizeof *g);  // its closure, its name
    }
  }
}

bool goroutines_have_stopped() noexcept { return idle.stopping.load(std::memory_order_relaxed); }

bool ends_the_process(const goroutine* g) noexcept {
  return ending_goroutine.load(std::memory_order_relaxed) == g;
}

void park_while_process_ends(parker& until, wait_reason why, const void* on) noexcept {
  if (pthread_equal(ending_thread.load(std::memory_order_relaxed), pthread_self()) == 0) return until.park();
  const std::int64_t began = monotonic_ns();
  bool told = false;
  while (!until.park_until(monotonic_ns() + look_every)) {
    if (nobody_else_is_left(why)) end_with_words("the thread that ends the process", why, on);
    if (told || monotonic_ns() - began < long_wait) continue;
    told = true;  // another thread of the program's, or a timer, may yet end it
    fatal_text text;
    text << "goro: exit: ";
    say_who_waits(text, "for a second, the thread that ends the process", why, on);
    text << '\n';
    text.write();
  }
}

void goroutine_waits_while_process_ends(wait_reason why, const void* on) noexcept {
  end_with_words("the goroutine that called it", why, on);
}

}  // namespace goro::detail
