// SPDX-License-Identifier: MIT
// Between threads: cache lines, futex wakes, signals.
#include "floor.hpp"

#include <linux/futex.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <atomic>
#include <csignal>
#include <string>
#include <thread>

namespace floor_costs {
namespace {

void wait_for(std::atomic<int>& word, int wanted) {
  for (int seen = word.load(); seen != wanted; seen = word.load()) {
    syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, seen, nullptr, nullptr, 0);
  }
}

void set_and_wake(std::atomic<int>& word, int value) {
  word.store(value);
  syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0);
}

void cache_line() {
  std::atomic<u64> line{0};
  const u64 count = scaled(2'000'000);
  std::thread other([&] {
    pin(1);
    for (u64 i = 0; i < count; ++i) {
      while (line.load(std::memory_order_acquire) != 2 * i + 1) {
      }
      line.store(2 * i + 2, std::memory_order_release);
    }
  });
  usleep(1000);
  const u64 start = now();
  for (u64 i = 0; i < count; ++i) {
    line.store(2 * i + 1, std::memory_order_release);
    while (line.load(std::memory_order_acquire) != 2 * i + 2) {
    }
  }
  const u64 elapsed = now() - start;
  other.join();
  out("cache_line_round_trip", per(elapsed, count));
}

enum class place { other_cpu, anywhere, same_cpu };

// A thread that sleeps on a futex is woken every 200 us: what it costs the waker, and when the sleeper runs.
void futex_wake(place where, const std::string& suffix) {
  const int count = static_cast<int>(scaled(2000)) + 100;
  std::atomic<int> word{0};
  std::atomic<int> seen{0};
  std::atomic<u64> sent{0};
  std::vector<u64> arrival;
  std::vector<u64> cost;
  std::thread sleeper([&] {
    if (where == place::other_cpu) pin(1);
    if (where == place::anywhere) unpin();
    for (int i = 1; i <= count; ++i) {
      wait_for(word, i);
      arrival.push_back(now() - sent.load());
      seen.store(i);
    }
  });
  if (where == place::anywhere) unpin();
  for (int i = 1; i <= count; ++i) {
    usleep(200);
    const u64 start = now();
    sent.store(start);
    set_and_wake(word, i);
    cost.push_back(now() - start);
    while (seen.load() != i) {
      if (where == place::same_cpu) {
        sched_yield();
      } else {
        relax();
      }
    }
  }
  sleeper.join();
  pin(0);
  percentiles(("futex_wake_to_run_" + suffix).c_str(), arrival);
  percentiles(("futex_wake_cost_" + suffix).c_str(), cost);
}

void futex_ping_pong() {
  std::atomic<int> word{0};
  const int count = static_cast<int>(scaled(50'000));
  std::thread other([&] {
    pin(1);
    for (int i = 0; i < count; ++i) {
      wait_for(word, 2 * i + 1);
      set_and_wake(word, 2 * i + 2);
    }
  });
  usleep(1000);
  const u64 start = now();
  for (int i = 0; i < count; ++i) {
    set_and_wake(word, 2 * i + 1);
    wait_for(word, 2 * i + 2);
  }
  const u64 elapsed = now() - start;
  other.join();
  out("futex_round_trip", per(elapsed, static_cast<u64>(count)) / 1e3, "us");
}

std::atomic<u64> handled{0};

void note_time(int) { handled.store(now(), std::memory_order_release); }

void signal_to_running_thread() {
  std::signal(SIGURG, note_time);
  std::atomic<bool> stop{false};
  std::atomic<bool> up{false};
  std::thread other([&] {
    pin(1);
    up = true;
    while (!stop.load(std::memory_order_relaxed)) {
    }
  });
  while (!up) relax();
  std::vector<u64> arrival;
  for (u64 i = 0; i < scaled(2000); ++i) {
    handled = 0;
    const u64 start = now();
    pthread_kill(other.native_handle(), SIGURG);
    u64 at = 0;
    while ((at = handled.load(std::memory_order_acquire)) == 0) relax();
    arrival.push_back(at - start);
    for (int k = 0; k < 1000; ++k) relax();
  }
  stop = true;
  other.join();
  std::signal(SIGURG, SIG_DFL);
  percentiles("signal_to_running_thread", arrival);
}

}  // namespace

void wake_costs() {
  futex_wake(place::same_cpu, "same_cpu");
  if (cpus().size() < 2) return;  // the rest needs a second CPU
  cache_line();
  futex_wake(place::other_cpu, "other_cpu");
  futex_wake(place::anywhere, "anywhere");
  futex_ping_pong();
  signal_to_running_thread();
}

}  // namespace floor_costs
