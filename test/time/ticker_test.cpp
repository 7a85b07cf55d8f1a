// SPDX-License-Identifier: MIT
#include "sched/on_goroutine.hpp"
#include "support/at_procs.hpp"
#include "support/eventually.hpp"

#include <goro/goro.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>

namespace {

using namespace std::chrono_literals;
using goro::clock;
using goro_test::eventually;
using goro_test::on_goroutine;

class Ticker : public testing::Test {
 protected:
  goro_test::hang_guard guard_{"Ticker"};
};

TEST_F(Ticker, TM21_EveryNanosecond) {
  const auto check = [] {
    goro::ticker k(1ns);
    EXPECT_TRUE(k.c().recv());
    EXPECT_EQ(k.c().recv_for(20s).status, goro::op_status::ok) << "a second tick must be ready";
    k.stop();
    EXPECT_EQ(k.c().try_recv().status, goro::op_status::would_block) << "a stale tick after stop";
    EXPECT_EQ(k.c().recv_for(5ms).status, goro::op_status::timed_out);
  };
  check();
  on_goroutine(check);
}

TEST_F(Ticker, TM23_ATickReceivedLateHasTheTimeOfItsExpiry) {
  const auto before = clock::now();
  goro::ticker k(20ms);
  const auto armed = clock::now();
  std::this_thread::sleep_for(70ms);
  const auto v = k.c().recv();
  ASSERT_TRUE(v);
  EXPECT_GE(*v, before + 20ms);
  EXPECT_LE(*v, armed + 21ms);  // deadlines are computed up to 2 us late
}

TEST_F(Ticker, TM25_TicksAndTicksAfterAReset) {
  on_goroutine([] {
    constexpr int half = 5;
    const auto start = clock::now();
    goro::ticker k(4ms);
    for (int i = 0; i != half; ++i) EXPECT_TRUE(k.c().recv());
    k.reset(8ms);
    for (int i = 0; i != half; ++i) EXPECT_TRUE(k.c().recv());
    const auto took = clock::now() - start;
    std::printf("  %.1f ms for an ideal of 60\n", std::chrono::duration<double, std::milli>(took).count());
    EXPECT_GE(took, 60ms);
    k.stop();
    EXPECT_EQ(k.c().recv_for(24ms).status, goro::op_status::timed_out) << "a tick after stop";
    k.reset(2ms);
    EXPECT_TRUE(k.c().recv()) << "a stopped ticker may be started again";
  });
}

TEST_F(Ticker, TM18_ResetDropsATickThatNobodyTook) {
  goro::ticker k(1ms);
  std::this_thread::sleep_for(10ms);
  k.reset(1h);
  EXPECT_EQ(k.c().try_recv().status, goro::op_status::would_block);
  EXPECT_EQ(k.c().recv_for(5ms).status, goro::op_status::timed_out);
}

TEST_F(Ticker, TM26_DoesNotQueueTicksAndKeepsItsPhase) {
  on_goroutine([] {
    constexpr auto period = 20ms;
    goro::ticker k(period);
    const auto first = k.c().recv().value();
    goro::sleep_for(10 * period);
    const auto late = k.c().recv().value();  // the one that waited
    const auto next = k.c().recv().value();  // the normal rhythm again
    EXPECT_GT(late, first);
    const auto woke = clock::now();
    // Ten periods passed: with a queue of ticks, `next` would be of the past and there at once.
    EXPECT_GE(next - first, 10 * period) << "ticks were queued";
    EXPECT_GE(woke, next);
    // Phase: a due time is a whole number of periods from the first, whatever the lateness of delivery.
    EXPECT_EQ((next - first) % period, goro::duration::zero());
  });
}

TEST_F(Ticker, TM27_APeriodOfZeroOrLessIsRefused) {
  for (const goro::duration d : {goro::duration(0), goro::duration(-1), goro::duration::min()}) {
    try {
      goro::ticker k(d);
      ADD_FAILURE() << "a ticker of " << d.count() << " ns";
    } catch (const std::invalid_argument& e) {
      EXPECT_NE(std::string(e.what()).find("goro: ticker"), std::string::npos) << e.what();
    }
    goro::ticker k(2ms);
    EXPECT_THROW(k.reset(d), std::invalid_argument);
    EXPECT_TRUE(k.c().recv()) << "a refused reset changed the ticker";
  }
}

TEST_F(Ticker, TM11_AMovedFromOneSaysSo) {
  goro::ticker a(1ms);
  goro::ticker b(std::move(a));
  EXPECT_THROW(a.stop(), std::logic_error);
  EXPECT_THROW(a.reset(1s), std::logic_error);
  EXPECT_TRUE(b.c().recv());
}

TEST_F(Ticker, ADestroyedOneStaysSilent) {
  goro::recv_chan<goro::time_point> c;
  {
    goro::ticker k(1ms);
    c = k.c();
    EXPECT_TRUE(c.recv());
  }
  EXPECT_EQ(c.recv_for(10ms).status, goro::op_status::timed_out);
}

TEST_F(Ticker, TM29_EveryNanosecondBesideYieldersAndChangesOfP) {
  const int before = goro::max_procs();
  std::atomic<bool> stop{false};
  goro::wait_group hogs;
  for (int i = 0; i != 2; ++i)
    hogs.go([&] {
      while (!stop) goro::yield();
    });
  hogs.go([&] {
    for (int i = 0; !stop; ++i) {
      goro::set_max_procs(1 + i % 3);
      goro::sleep_for(100us);
    }
  });
  on_goroutine([] {
    goro::ticker k(1ns);
    for (int i = 0; i != 100; ++i) ASSERT_EQ(k.c().recv_for(20s).status, goro::op_status::ok) << i;
  });
  stop = true;
  hogs.wait();
  goro::set_max_procs(before);
}

}  // namespace
