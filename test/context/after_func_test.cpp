// SPDX-License-Identifier: MIT
#include "context/fixture.hpp"

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

using namespace std::chrono_literals;
using goro::context;
using goro_test::eventually;

class AfterCancel : public goro_test::ContextTest {};

TEST_F(AfterCancel, CX18_RunsOnceAfterTheCancelAndStopIsThenFalse) {
  const auto [ctx, cancel] = goro::with_cancel(goro::background());
  std::atomic<int> runs{0};
  std::atomic<std::uint64_t> where{0};
  const auto stop = goro::after_func(ctx, [&] {
    where = goro::goroutine_id();
    ++runs;
  });
  EXPECT_EQ(ctx.children(), 0u);  // it is no context
  for (int i = 0; i != 20; ++i) goro::yield();
  EXPECT_EQ(runs, 0);
  cancel();
  EXPECT_FALSE(stop());
  ASSERT_TRUE(eventually([&] { return runs == 1; }));
  EXPECT_NE(where, 0u);  // in a goroutine, though a plain thread has cancelled
  cancel();
  EXPECT_FALSE(stop());
  EXPECT_EQ(runs, 1);
}

TEST_F(AfterCancel, CX19_RunsOnATimeOutAndAtOnceIfDoneAlready) {
  const auto ran = goro::make_chan<std::error_code>(4);
  {
    // Nobody holds the context any more: its timer still ends it, and f still runs.
    const auto [ctx, cancel] = goro::with_timeout(goro::background(), 2ms);
    goro::after_func(ctx, [ran] { ran.send(goro::errc::deadline_exceeded); });
  }
  EXPECT_EQ(*ran.recv(), goro::errc::deadline_exceeded);
  const auto [ctx, cancel] = goro::with_cancel(goro::background());
  cancel();
  const auto blocked = goro::make_chan<int>();
  const auto stop = goro::after_func(ctx, [&] {
    (void)blocked.recv();  // not in the caller's goroutine
    ran.send({});
  });
  EXPECT_FALSE(stop());
  blocked.close();
  EXPECT_FALSE(*ran.recv());
}

TEST_F(AfterCancel, CX20_StopKeepsItFromRunning) {
  const auto [ctx, cancel] = goro::with_cancel(goro::background());
  auto held = std::make_shared<int>(1);
  const std::weak_ptr<int> watch = held;
  std::atomic<int> runs{0};
  const auto stop = goro::after_func(ctx, [&runs, held = std::move(held)] { ++runs; });
  const goro::stop_func copy = stop;
  EXPECT_TRUE(copy());
  EXPECT_TRUE(watch.expired());  // what it held is gone at once
  EXPECT_FALSE(stop());
  EXPECT_FALSE(copy());
  cancel();
  EXPECT_FALSE(stop());
  for (int i = 0; i != 20; ++i) goro::yield();
  EXPECT_EQ(runs, 0);
}

TEST_F(AfterCancel, CX20_StopWorksWithContextsThatAreNeverDone) {
  int runs = 0;
  const auto stop = goro::after_func(goro::background(), [&] { ++runs; });
  EXPECT_TRUE(stop());
  EXPECT_FALSE(stop());
  goro::after_func(goro::background(), [&] { ++runs; });
  EXPECT_EQ(runs, 0);
}

TEST_F(AfterCancel, CX21_CancelReturnsThoughABodyBlocks) {
  const auto [ctx, cancel] = goro::with_cancel(goro::background());
  const auto blocked = goro::make_chan<int>();
  goro::wait_group ended;
  ended.add(10);
  for (int i = 0; i != 10; ++i)
    goro::after_func(ctx, [&] {
      (void)blocked.recv();
      ended.done();
    });
  cancel();
  EXPECT_TRUE(ctx.err());
  EXPECT_FALSE(ended.wait_for(0s));
  blocked.close();
  ended.wait();
}

TEST_F(AfterCancel, LettingGoOfTheStopFunctionLeavesItToRun) {
  const auto ran = goro::make_chan<int>(2);
  const auto [parent, cancel] = goro::with_cancel(goro::background());
  {
    const auto [child, cancel_child] = goro::with_cancel(parent);
    goro::after_func(child, [ran] { ran.send(1); });
  }
  EXPECT_EQ(parent.children(), 1u);  // held by the function that is to run
  cancel();
  EXPECT_EQ(*ran.recv(), 1);
}

TEST_F(AfterCancel, AFunctionThatNothingCanStartAnyMoreIsDestroyed) {
  auto held = std::make_shared<int>(1);
  const std::weak_ptr<int> watch = held;
  {
    const auto [ctx, cancel] = goro::with_cancel(goro::background());
    goro::after_func(ctx, [held = std::move(held)] { ADD_FAILURE(); });
    EXPECT_FALSE(watch.expired());
  }
  EXPECT_TRUE(watch.expired());
}

TEST_F(AfterCancel, WhatItHoldsIsGoneOnceItHasRun) {
  const auto [ctx, cancel] = goro::with_cancel(goro::background());
  auto held = std::make_shared<int>(1);
  const std::weak_ptr<int> watch = held;
  const auto stop = goro::after_func(ctx, [held = std::move(held)] {});
  cancel();
  EXPECT_TRUE(eventually([&] { return watch.expired(); }));  // though stop is still here
}

TEST_F(AfterCancel, AnEmptyFunctionIsRefused) {
  EXPECT_THROW(goro::after_func(goro::background(), std::function<void()>()), std::invalid_argument);
}

std::atomic<int> uncaught{0};

TEST_F(AfterCancel, AnExceptionGoesToTheUncaughtHandler) {
  const auto before =
      goro::set_uncaught_handler([](const goro::goroutine_info&, std::exception_ptr) { ++uncaught; });
  uncaught = 0;
  const auto [ctx, cancel] = goro::with_cancel(goro::background());
  goro::after_func(ctx, [] { throw std::runtime_error("after"); });
  cancel();
  EXPECT_TRUE(eventually([] { return uncaught == 1; }));
  goro::set_uncaught_handler(before);
}

}  // namespace
