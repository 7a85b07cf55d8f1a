// SPDX-License-Identifier: MIT
#include "support/at_procs.hpp"
#include "support/eventually.hpp"

#include <goro/goro.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <memory>
#include <random>
#include <thread>
#include <vector>

namespace {

using namespace std::chrono_literals;
using goro::clock;

class TimerStress : public goro_test::AtProcs {};
GORO_AT_PROCS(TimerStress);

TEST_P(TimerStress, TM12_AnImmediateTimerWakesAnIdleRuntimeEachTime) {
  // The wake-up between arming and falling asleep must not be lost; nothing else runs that could cover it.
  const int n = goro_test::scaled(20'000);
  const auto wait_for_all = [n] {
    for (int i = 0; i != n; ++i) {
      goro::timer t(0s);
      ASSERT_EQ(t.c().recv_for(20s).status, goro::op_status::ok) << "lost at " << i;
    }
  };
  wait_for_all();
  goro::async(wait_for_all).get();
}

TEST_P(TimerStress, TM12_ShortSleepsWakeAnIdleRuntimeEachTime) {
  const int n = goro_test::scaled(3'000);
  goro::async([n] {
    std::minstd_rand random(static_cast<unsigned>(goro_test::seed()));
    for (int i = 0; i != n; ++i) goro::sleep_for(std::chrono::nanoseconds(random() % 100'000));
  }).get();
}

TEST_P(TimerStress, TM24_ManySleepersDoNotMakeSelectsWithTimersSlow) {
  // A heap of thousands, and selects that each bring a timer and win by another case at once. Twice as many
  // selects must take about twice as long: a factor of four would be the quadratic behaviour.
  const auto leave = goro::make_chan<int>();
  const int many = goro_test::under_tsan ? 1'000 : 5'000;  // it has room for about 8,000 fibers
  goro::wait_group sleepers;
  for (int i = 0; i != many; ++i)
    sleepers.go([=] { goro::select(goro::recv(leave), goro::timeout(1h + std::chrono::seconds(i))); });
  const auto feed = goro::make_chan<int>();
  feed.close();
  const auto selects = [&](int n) {
    const auto start = clock::now();
    for (int i = 0; i != n; ++i) goro::select(goro::recv(feed), goro::recv(goro::after(5s)));
    return std::chrono::duration<double>(clock::now() - start).count();
  };
  goro::async([&] {
    const int n = goro_test::scaled(20'000);
    (void)selects(n / 4 + 1);
    const double once = selects(n);
    const double twice = selects(2 * n);
    std::printf("  %d selects: %.0f ns each, twice as many: %.0f ns each\n", n, once / n * 1e9,
                twice / (2 * n) * 1e9);
    EXPECT_LT(twice, 20) << "guard";
  }).get();
  leave.close();
  sleepers.wait();
}

TEST_P(TimerStress, StopResetAndReceiveFromManyGoroutines) {
  // One timer, many hands. No crash, no hang, and no value within an hour after the last stop.
  goro::timer t(1h);
  std::atomic<bool> stop{false};
  std::atomic<int> received{0};
  goro::wait_group all;
  for (int i = 0; i != 3; ++i)
    all.go([&, c = t.c()] {
      while (!stop)
        if (c.recv_for(1ms).status == goro::op_status::ok) ++received;
    });
  for (int i = 0; i != 3; ++i)
    all.go([&, i] {
      std::minstd_rand random(static_cast<unsigned>(goro_test::seed()) + static_cast<unsigned>(i));
      for (int n = 0; n != goro_test::scaled(2'000); ++n) {
        if (random() % 3 == 0)
          t.stop();
        else
          t.reset(std::chrono::microseconds(random() % 100));
        if (n % 16 == 0) goro::yield();
      }
    });
  goro::sleep_for(20ms);
  stop = true;
  all.wait();
  t.stop();
  EXPECT_EQ(t.c().try_recv().status, goro::op_status::would_block);
}

TEST_P(TimerStress, NoStaleValueAfterStopOrReset) {
  goro::wait_group all;
  std::atomic<int> stale{0};
  for (int g = 0; g != 8; ++g)
    all.go([&, g] {
      std::minstd_rand random(static_cast<unsigned>(goro_test::seed()) + static_cast<unsigned>(g));
      goro::timer t(0s);
      for (int i = 0; i != goro_test::scaled(500); ++i) {
        t.reset(std::chrono::microseconds(random() % 60));
        if (random() % 2 == 0) goro::yield();
        if (random() % 2 == 0) {
          t.stop();
        } else {
          t.reset(1h);
        }
        if (t.c().try_recv().status == goro::op_status::ok) ++stale;
      }
    });
  all.wait();
  EXPECT_EQ(stale, 0);
}

TEST_P(TimerStress, TimersMadeAndDroppedWhileTheyFire) {
  goro::wait_group all;
  for (int g = 0; g != 8; ++g)
    all.go([g] {
      std::minstd_rand random(static_cast<unsigned>(goro_test::seed()) + static_cast<unsigned>(g));
      std::vector<std::unique_ptr<goro::timer>> some(16);
      for (int i = 0; i != goro_test::scaled(1'000); ++i) {
        some[random() % some.size()] =
            std::make_unique<goro::timer>(std::chrono::microseconds(random() % 40));
        if (i % 8 == 0) goro::yield();
        if (i % 50 == 0) goro::sleep_for(20us);
      }
    });
  all.wait();
}

}  // namespace
