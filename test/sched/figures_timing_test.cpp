// SPDX-License-Identifier: MIT
// The figures that the scheduler promises, printed; the bounds are only what no machine should miss.
#include "sched/introspect.hpp"

#include "sched/on_goroutine.hpp"
#include "support/at_procs.hpp"
#include "support/eventually.hpp"

#include <goro/goro.hpp>

#include <gtest/gtest.h>

#include <time.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>

namespace {

using namespace std::chrono_literals;
using goro_test::eventually;
using goro_test::on_goroutine;
using goro_test::procs_for_now;
using std::chrono::steady_clock;

// Straight to the kernel; goes on when a signal cuts it short.
void kernel_sleep(std::chrono::nanoseconds d) {
  timespec left{d.count() / 1'000'000'000, d.count() % 1'000'000'000};
  while (::nanosleep(&left, &left) != 0 && errno == EINTR) {
  }
}

class Figures : public testing::Test {
 protected:
  goro_test::hang_guard guard_{"Figures"};
};

double sixty_four_times_ten(bool announced) {
  const procs_for_now two(2);
  const auto start = steady_clock::now();
  goro::wait_group all;
  for (int i = 0; i != 64; ++i) {
    all.go([announced] {
      for (int n = 0; n != 10; ++n) {
        if (announced)
          goro::blocking([] { kernel_sleep(5ms); });
        else
          kernel_sleep(5ms);
      }
    });
  }
  all.wait();
  return std::chrono::duration<double, std::milli>(steady_clock::now() - start).count();
}

// The best of several: each is slow on a machine that has other things to do.
double quickest_of_some(bool announced) {
  double ms = sixty_four_times_ten(announced);
  for (int i = 0; i != 10 && ms >= 4 * 50; ++i) ms = std::min(ms, sixty_four_times_ten(announced));
  return ms;
}

TEST_F(Figures, UnannouncedSleepsOverlap) {
  const double ms = quickest_of_some(false);
  std::printf("  64 x 10 x 5 ms on 2 Ps, unannounced: %.1f ms (ideal 50, one after another 1600)\n", ms);
  EXPECT_GE(ms, 50);
  EXPECT_LT(ms, 4 * 50);
}

TEST_F(Figures, AnnouncedSleepsOverlap) {
  const double ms = quickest_of_some(true);
  std::printf("  64 x 10 x 5 ms on 2 Ps, announced: %.1f ms (ideal 50, one after another 1600)\n", ms);
  EXPECT_GE(ms, 50);
  EXPECT_LT(ms, 4 * 50);
}

TEST_F(Figures, IdleThreadsAreReaped) {
  const procs_for_now two(2);
  (void)sixty_four_times_ten(true);
  // Bounded by patience, not by a promise: they must become fewer while nothing happens.
  const auto machines = [] { return goro::detail::counters().machines; };
  const auto many = machines();
  if (many < 16) GTEST_SKIP() << "only " << many << " threads were needed";
  EXPECT_TRUE(eventually([&] { return machines() <= many / 2; })) << machines() << " of " << many;
}

TEST_F(Figures, ASleeperBesideAHogOnEachPWakes) {
  constexpr int p = 2;
  const procs_for_now procs(p);
  std::atomic<bool> stop{false};
  goro::wait_group hogs;
  for (int i = 0; i != p; ++i)
    hogs.go([&] {
      while (!stop.load(std::memory_order_relaxed)) {
      }
    });
  goro::duration worst{};
  on_goroutine([&] {
    for (int i = 0; i != 10; ++i) {
      const auto due = goro::clock::now() + 5ms;
      goro::sleep_until(due);
      const auto late = goro::clock::now() - due;
      EXPECT_GE(late, 0ns);
      worst = std::max(worst, goro::duration(late));
    }
  });
  stop = true;
  hogs.wait();
  std::printf("  at worst %.1f ms late\n", std::chrono::duration<double, std::milli>(worst).count());
}

TEST_F(Figures, AYieldLoopBesideIdlePsWakesNobody) {
  const procs_for_now procs(4);
  on_goroutine([] {
    constexpr int rounds = 100'000;
    std::uint64_t wakes = ~std::uint64_t{0};
    for (int tries = 0; tries != 10 && wakes > 100;
         ++tries) {  // on a busy machine it may look like one that hogs
      for (int i = 0; i != 1000; ++i) goro::yield();
      const auto before = goro::detail::counters();
      for (int i = 0; i != rounds; ++i) goro::yield();
      wakes = goro::detail::counters().futex_wakes - before.futex_wakes;
    }
    std::printf("  %llu threads woken in %d yields\n", static_cast<unsigned long long>(wakes), rounds);
    EXPECT_LE(wakes, 100u);
  });
}

TEST_F(Figures, APingPongSeldomWakesAThread) {
  const procs_for_now procs(4);
  on_goroutine([] {
    constexpr int rounds = 100'000;
    const auto ping = goro::make_chan<int>();
    const auto pong = goro::make_chan<int>();
    goro::wait_group partner;
    partner.go([=] {
      while (ping.recv()) pong.send(0);
    });
    std::uint64_t wakes = ~std::uint64_t{0};
    for (int tries = 0; tries != 10 && wakes > rounds / 10; ++tries) {
      const auto before = goro::detail::counters();
      for (int i = 0; i != rounds; ++i) {
        ping.send(i);
        (void)pong.recv();
      }
      wakes = goro::detail::counters().futex_wakes - before.futex_wakes;
    }
    ping.close();
    partner.wait();
    std::printf("  %llu threads woken in %d round trips\n", static_cast<unsigned long long>(wakes), rounds);
    EXPECT_LE(wakes, static_cast<std::uint64_t>(rounds) / 10);
  });
}

// How often the monitor has gone to sleep.
std::uint64_t rounds_of_the_monitor() {
  for (const auto& thread : std::filesystem::directory_iterator("/proc/self/task")) {
    std::ifstream status(thread.path() / "status");
    bool monitor = false;
    for (std::string line; std::getline(status, line);) {
      if (line.rfind("Name:", 0) == 0) monitor = line.find("goro-monitor") != std::string::npos;
      if (monitor && line.rfind("voluntary_ctxt_switches:", 0) == 0) return std::stoull(line.substr(24));
    }
  }
  return 0;
}

// A P that runs expired timers stands still for long; that is nothing to look at every 20 us.
TEST_F(Figures, TheMonitorComesSeldomWhileTimersKeepAllPsBusy) {
  const procs_for_now two(2);
  double apart = 0;  // in us, on the average
  for (int tries = 0; tries != 5 && apart < 300; ++tries) {
    const std::uint64_t before = rounds_of_the_monitor();
    const auto start = steady_clock::now();
    goro::wait_group all;
    for (int i = 0; i != 20'000; ++i)
      all.go([i] {
        auto x = static_cast<std::uint64_t>(i) * 0x9e37'79b9'7f4a'7c15 + 1;
        for (int n = 0; n != 5; ++n) {
          x ^= x << 13, x ^= x >> 7, x ^= x << 17;
          goro::sleep_for(std::chrono::nanoseconds(x % 20'000'000));
        }
      });
    all.wait();
    const double took = std::chrono::duration<double, std::micro>(steady_clock::now() - start).count();
    apart = std::max(apart, took / static_cast<double>(rounds_of_the_monitor() - before + 1));
  }
  std::printf("  a round of the monitor each %.0f us\n", apart);
  EXPECT_GE(apart, 300);
}

}  // namespace
