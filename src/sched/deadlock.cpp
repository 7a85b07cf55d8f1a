// SPDX-License-Identifier: MIT
#include "sched/deadlock.hpp"

#include "base/clock.hpp"
#include "base/fatal.hpp"
#include "sched/hooks.hpp"
#include "sched/locked_thread.hpp"
#include "sched/machine.hpp"
#include "sched/netpoll.hpp"
#include "sched/place.hpp"
#include "sched/procs.hpp"
#include "sched/runtime.hpp"
#include "sched/thread_waiter.hpp"
#include "sched/wake.hpp"

#include <unistd.h>
#include <cstdint>

namespace goro::detail {

namespace {

const char* state_words(const goroutine* g) noexcept {
  switch (g->state.load(std::memory_order_relaxed)) {
    case goroutine_state::parked: return to_string(g->why.load(std::memory_order_relaxed));
    case goroutine_state::running: return "running";
    case goroutine_state::blocking: return "blocking";
    default: return "runnable";
  }
}

}  // namespace

void write_goroutines() noexcept {
  if (hooks.dump_all != nullptr) {
    hooks.dump_all(last_words_after::all_asleep);
    return;
  }
  constexpr std::size_t most = 1000;  // a report, not a flood
  std::size_t written = 0;
  std::size_t left_out = 0;
  for (std::size_t i = 0; i != block_count(); ++i) {
    const goroutine* const g = block_at(i);
    const goroutine_state state = g->state.load(std::memory_order_relaxed);
    if (state == goroutine_state::dead || state == goroutine_state::fresh) continue;
    if ((g->flags.load(std::memory_order_relaxed) & flag_daemon) != 0) continue;  // meant to wait for ever
    if (++written > most) {
      ++left_out;
      continue;
    }
    fatal_text text;
    text << "\ngoroutine " << static_cast<unsigned long>(g->id);
    if (g->extra != nullptr && g->extra->name != nullptr) text << " \"" << g->extra->name << '"';
    text << " [" << state_words(g) << ']';
    if (const void* const on = g->waits_on.load(std::memory_order_relaxed); on != nullptr && state == goroutine_state::parked)
      text << " on " << hex(on);
    text << ":\n";
    text.write();
    write_place("  created", g->created_at, g->created_by);
  }
  if (left_out != 0) {
    fatal_text text;
    text << "\n... and " << static_cast<unsigned long>(left_out) << " more\n";
    text.write();
  }
}

void check_all_asleep() noexcept {
  if (!run_under_way() || idle.stopping.load(std::memory_order_relaxed)) return;
  const int asleep = idle.idle_machines.load(std::memory_order_relaxed) + locked_sleepers();
  if (asleep < machine_count()) return;
  // A P that is not idle is in somebody's hands, perhaps with work; who puts it down looks again.
  if (idle.idle_processors.load(std::memory_order_relaxed) < processor_count()) return;
  if (idle.in_flight.load(std::memory_order_acquire) != 0) return;
  if (somebody_waits_for_io()) return;
  if (plain_threads() > 1) return;  // run's caller is one, if it is a plain thread
  if (earliest_timer() != never || visible_work(now_ns()) != visible::nothing) return;
  fatal_text text;
  if (main_did_goexit() && live_goroutines() == 0)
    text << "fatal error: no goroutines (main called goexit) - deadlock!\n";
  else
    text << "fatal error: all goroutines are asleep - deadlock!\n";
  text.write();
  write_goroutines();
  _exit(2);
}

void say_why_not_asleep(fatal_text& to) noexcept {
  to << "goro: \"all goroutines are asleep\" ";
  if (!run_under_way()) {
    to << "is not looked for: no run() is under way\n";
    return;
  }
  if (const int threads = plain_threads(); threads > 1) {
    to << "is not looked for: " << threads << " plain threads use goro, run's caller among them, and may wake somebody\n";
    return;
  }
  to << "would be reported, but ";
  const int asleep = idle.idle_machines.load(std::memory_order_relaxed) + locked_sleepers();
  const std::int64_t now = now_ns();
  const std::int64_t timer = earliest_timer();
  if (const int awake = machine_count() - asleep; awake > 0)
    to << awake << (awake == 1 ? " thread is" : " threads are") << " at work, or blocked in the kernel\n";
  else if (timer != never)
    to << "a timer is due in " << (timer > now ? (timer - now) / 1'000'000 : 0) << " ms\n";
  else
    to << "something is on its way\n";
}

}  // namespace goro::detail
