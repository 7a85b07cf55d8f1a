// SPDX-License-Identifier: MIT
#include "sched/schedule_trace.hpp"

#include "base/clock.hpp"
#include "base/fatal.hpp"
#include "base/settings.hpp"
#include "base/thread.hpp"
#include "sched/machine.hpp"
#include "sched/procs.hpp"
#include "sched/runtime.hpp"
#include "sched/wake.hpp"

#include <unistd.h>
#include <cerrno>
#include <cstdio>
#include <ctime>

namespace goro::detail {
namespace {

constinit std::int64_t began = 0;  // before the thread
constinit std::int64_t every = 0;  // ns
constinit char line[8 * 1024];     // the thread's: room for 1024 Ps of five digits

// Never more than fits.
template <class... Numbers>
void add(std::size_t& at, const char* format, Numbers... numbers) noexcept {
  const int n = std::snprintf(line + at, sizeof line - at, format, numbers...);
  if (n > 0)
    at = at + static_cast<std::size_t>(n) < sizeof line ? at + static_cast<std::size_t>(n) : sizeof line - 1;
}

void write_line() noexcept {
  const int in_use = processor_count();
  std::size_t size = 0;
  add(size,
      "SCHED %lldms: maxprocs=%d idleprocs=%d threads=%d spinningthreads=%d idlethreads=%d goroutines=%zu "
      "runqueue=%zu [",
      static_cast<long long>((monotonic_ns() - began) / 1'000'000), in_use,
      idle.idle_processors.load(std::memory_order_relaxed), machine_count(),
      idle.spinning.load(std::memory_order_relaxed), idle.idle_machines.load(std::memory_order_relaxed),
      live_goroutines(), the_global_queue.size());
  for (int i = 0; i != in_use; ++i) {
    const processor* const p = processor_at(i);
    const unsigned next = p->run_next.load(std::memory_order_relaxed) != nullptr ? 1 : 0;
    add(size, i == 0 ? "%u" : " %u", p->ring.size() + next);
  }
  add(size, "%s", "]\n");
  const int saved_errno = errno;
  (void)!::write(STDERR_FILENO, line, size);  // in one go, so that lines of others do not come between
  errno = saved_errno;
}

void thread_main(void*) noexcept {
  std::int64_t next = began;
  for (;;) {
    next += every;
    if (const std::int64_t now = monotonic_ns(); next <= now) next += ((now - next) / every + 1) * every;
    const timespec until{next / 1'000'000'000, next % 1'000'000'000};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr) == EINTR) {
    }
    write_line();
  }
}

constexpr runtime_thread trace_thread{.name = "goro-schedtrace", .stack_size = 256u * 1024, .body = &thread_main};

}  // namespace

void start_schedule_trace(int every_ms) noexcept {
  began = monotonic_ns();
  every = std::int64_t{every_ms} * 1'000'000;
  if (start_thread<trace_thread>() != 0)
    fatal("start", "the kernel gives no thread for GORO_DEBUG=schedtrace", "raise the limit (ulimit -u)");
}

}  // namespace goro::detail
