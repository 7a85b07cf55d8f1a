// SPDX-License-Identifier: MIT
#include "support/at_procs.hpp"
#include "support/eventually.hpp"

#include <goro/goro.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <set>
#include <vector>

namespace {

using namespace std::chrono_literals;
using goro::clock;
using goro_test::eventually;

class AfterFunc : public testing::Test {
 protected:
  void SetUp() override { before_ = goro_test::settled_goroutines(); }
  void TearDown() override {
    EXPECT_TRUE(eventually([&] { return goro::num_goroutine() == before_; })) << goro::num_goroutine();
  }
  goro_test::hang_guard guard_{"AfterFunc"};
  std::size_t before_ = 0;
};

TEST_F(AfterFunc, RunsNotBeforeItsTimeInAGoroutineOfItsOwn) {
  const auto ran = goro::make_chan<std::uint64_t>(1);
  const auto start = clock::now();
  const goro::timer t = goro::after_func(5ms, [ran] { ran.send(goro::goroutine_id()); });
  EXPECT_FALSE(t.c()) << "after_func's timer has a nil channel";
  EXPECT_NE(ran.recv().value(), 0u);
  EXPECT_GE(clock::now() - start, 5ms);
}

TEST_F(AfterFunc, LettingGoOfTheTimerDoesNotStopIt) {
  const auto ran = goro::make_chan<int>(1);
  {
    auto dropped = goro::after_func(2ms, [ran] { ran.send(1); });
  }
  EXPECT_EQ(ran.recv(), 1);
}

TEST_F(AfterFunc, TM03_ACallbackThatWaitsDoesNotDelayTheNext) {
  // A chain of ten: each arms the next and then waits for the last one. One after another they would never end.
  const auto done = goro::make_chan<int>();
  std::atomic<int> left{10};
  std::atomic<int> waits{0};
  const auto step = std::make_shared<std::function<void()>>();
  *step = [&, self = std::weak_ptr(step), done] {
    if (--left == 0) {
      done.close();
    } else if (const auto again = self.lock()) {
      (void)goro::after_func(0s, [again] { (*again)(); });
    }
    ++waits;
    (void)done.recv();
    --waits;
  };
  (void)goro::after_func(0s, [step] { (*step)(); });
  (void)done.recv();
  EXPECT_TRUE(eventually([&] { return goro::num_goroutine() == before_; }));
  EXPECT_EQ(waits, 0);
}

TEST_F(AfterFunc, TM06_StoppedItDoesNotRun) {
  std::atomic<int> ran{0};
  int too_late = 0;  // on a machine that stops for 50 ms it runs, and stop says so
  for (bool stopped = false; !stopped;) {
    goro::timer t = goro::after_func(50ms, [&] { ++ran; });
    stopped = t.stop();
    too_late += !stopped;
    EXPECT_FALSE(t.stop());
  }
  goro::sleep_for(70ms);
  EXPECT_TRUE(eventually([&] { return ran == too_late; })) << ran << " ran, " << too_late << " too late";
}

TEST_F(AfterFunc, StopAfterItRanIsFalse) {
  const auto ran = goro::make_chan<int>(1);
  goro::timer t = goro::after_func(1ms, [ran] { ran.send(1); });
  EXPECT_EQ(ran.recv(), 1);
  EXPECT_FALSE(t.stop());
}

TEST_F(AfterFunc, TM08_AHundredStoppedHalfWayNeverRun) {
  std::atomic<int> ran{0};
  goro::wait_group all;
  for (int i = 0; i != 100; ++i) {
    all.go([&] {
      goro::timer t = goro::after_func(400ms, [&] { ++ran; });
      goro::sleep_for(100ms);
      // A machine that stands still for 300 ms would let it run: then stop says so.
      if (!t.stop()) --ran;
    });
  }
  all.wait();
  goro::sleep_for(400ms);
  EXPECT_TRUE(eventually([&] { return ran == 0; })) << ran;
}

TEST_F(AfterFunc, ResetRunsItAgain) {
  const auto ran = goro::make_chan<int>(4);
  goro::timer t = goro::after_func(1ms, [ran] { ran.send(1); });
  EXPECT_EQ(ran.recv(), 1);
  EXPECT_FALSE(t.reset(1ms));
  EXPECT_EQ(ran.recv(), 1);
  EXPECT_FALSE(t.reset(1h));
  EXPECT_TRUE(t.reset(1ms));
  EXPECT_EQ(ran.recv(), 1);
  EXPECT_EQ(ran.recv_for(10ms).status, goro::op_status::timed_out);
}

TEST_F(AfterFunc, DestroysItsFunctionWhenStoppedAndDropped) {
  std::weak_ptr<int> watch;
  {
    auto held = std::make_shared<int>(1);
    watch = held;
    goro::timer t = goro::after_func(1h, [held = std::move(held)] {});
    EXPECT_TRUE(t.stop());
  }
  EXPECT_TRUE(eventually([&] { return watch.expired(); }));
}

}  // namespace
