// SPDX-License-Identifier: MIT
#include "sched/runtime.hpp"

#include <goro/go.hpp>

#include "base/cgroup.hpp"
#include "base/fatal.hpp"
#include "base/fence.hpp"
#include "base/settings.hpp"
#include "sched/goexit.hpp"
#include "sched/heap_source.hpp"
#include "sched/hooks.hpp"
#include "sched/machine.hpp"
#include "sched/monitor.hpp"
#include "sched/park.hpp"
#include "sched/process_end.hpp"
#include "sched/procs.hpp"
#include "sched/schedule_trace.hpp"
#include "sched/stack_overflow.hpp"
#include "sched/thread_waiter.hpp"
#include "sched/wake.hpp"

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <mutex>
#include <pthread.h>
#include <stdexcept>
#include <string>

namespace goro::detail {

namespace {

constinit std::atomic<bool> started{false};
constinit std::atomic<bool> forked{false};
constinit std::mutex starting;
constinit std::atomic<std::uint64_t> created{0};
constinit std::atomic<std::uint64_t> finished{0};

void in_forked_child() noexcept {
  forked.store(true, std::memory_order_relaxed);
  if (machine* const m = current_machine()) m->revoke.store(revocation::forked, std::memory_order_relaxed);
}

void start() {
  const settings& wanted = the_settings();
  init_fences();
  if (fence_registered.load(std::memory_order_relaxed) && !locks_are_watched)  // F2: whoever sees it relies on membarrier
    __atomic_store_n(&unlock_by_store, true, __ATOMIC_RELAXED);
  const auto shift = static_cast<unsigned>(std::countr_zero(wanted.stack_size));
  const bool small = sanitizer::asan || sanitizer::tsan;
  const std::size_t space = small ? std::size_t{1} << 36 : std::size_t{1} << 42;  // 64 GiB, 4 TiB
  if (!default_stacks.reserve(shift, std::min<std::size_t>(space >> shift, std::size_t{1} << 24)) ||
      !init_goroutines())
    fatal("start", "no address space for the stacks of goroutines",
          "lower GORO_STACK_SIZE, or raise the limit (ulimit -v)");
  const int n = wanted.max_procs != 0 ? wanted.max_procs : std::min(cpu_count(), max_max_procs);
  set_processors(n, false);
  install_overflow_handler();
  pthread_atfork(nullptr, nullptr, &in_forked_child);
  std::atexit(&stop_goroutines_at_exit);
  start_monitor();
  if (wanted.schedtrace_ms != 0) start_schedule_trace(wanted.schedtrace_ms);
  if (wanted.debug_leak) say_if_heap_is_not_recorded();
}

}  // namespace

namespace {
[[gnu::cold, gnu::noinline]] void start_runtime_slow() {
  const std::lock_guard<std::mutex> hold(starting);
  if (started.load(std::memory_order_relaxed)) return;
  start();
  started.store(true, std::memory_order_release);
}
}  // namespace

void start_runtime() {
  if (!started.load(std::memory_order_acquire)) [[unlikely]]
    start_runtime_slow();
  if (forked.load(std::memory_order_relaxed)) [[unlikely]]
    forked_child();
}

void forked_child() noexcept {
  fatal("fork", "goroutines are used in the child of a fork, where only the forking thread lives on",
        "call exec in the child, or start it with posix_spawn");
}

void count_created_without_processor() noexcept { created.fetch_add(1, std::memory_order_relaxed); }
void count_finished_without_processor() noexcept { finished.fetch_add(1, std::memory_order_relaxed); }

// Ends are counted first: so one that is created and ends meanwhile is counted at most once too often.
std::size_t live_goroutines() noexcept {
  std::uint64_t ended = finished.load(std::memory_order_acquire);
  std::uint64_t begun = 0;
  for (int pass = 0; pass != 2; ++pass) {
    for (auto& each : all_processors) {
      const processor* const p = each.load(std::memory_order_acquire);
      if (p == nullptr) break;
      if (pass == 0)
        ended += p->finished.load(std::memory_order_acquire);
      else
        begun += p->created.load(std::memory_order_acquire);
    }
  }
  begun += created.load(std::memory_order_acquire);
  return begun > ended ? static_cast<std::size_t>(begun - ended) : 0;
}

}  // namespace goro::detail

namespace goro {

using namespace detail;

void yield() { yield_now(); }

std::size_t num_goroutine() { return live_goroutines(); }

std::uint64_t goroutine_id() {
  const goroutine* const g = current_goroutine();
  return g == nullptr ? 0 : g->id;
}

int max_procs() {
  start_runtime();
  return processor_count();
}

int set_max_procs(int n) {
  if (n < 1 || n > max_max_procs)
    throw std::invalid_argument("goro: set_max_procs: " + std::to_string(n) + " is not possible; allowed: 1 to " +
                                std::to_string(max_max_procs));
  start_runtime();
  return set_processors(n, true);
}

int num_cpu() { return cpu_count(); }

int set_max_threads(int n) {
  if (n < 1)
    throw std::invalid_argument("goro: set_max_threads: " + std::to_string(n) +
                                " is not possible; allowed: 1 and more (default 10000)");
  return set_machine_limit(n);
}

}  // namespace goro
