// SPDX-License-Identifier: MIT
// Holding a parked goroutine, step by step: the test plays the waker, so that each meeting of the two happens
// for certain, which no stress can promise.
#include "sched/hold.hpp"

#include <goro/goro.hpp>

#include "base/fence.hpp"
#include "sched/park.hpp"
#include "support/at_procs.hpp"
#include "support/eventually.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

namespace {

using namespace goro::detail;
using goro_test::eventually;

class Hold : public testing::Test {
 protected:
  void SetUp() override {
    goro::go({.name = "held"}, [this] {
      const task self = task::current();
      g_ = self.as_goroutine();
      parking_ = true;
      park(self, wait_reason::cond, this);
      woken_ = true;
    });
    ASSERT_TRUE(
        eventually([this] { return parking_.load() && g_->off_stack.load(std::memory_order_acquire) == 1; }));
    walk_lock.lock();
  }
  void TearDown() override {
    g_->waking.store(0);
    g_->off_stack.store(1);  // whatever a failed test has left, so that the real waker gets through
    walk_lock.unlock();
    ready(task(g_));
    EXPECT_TRUE(eventually([this] { return woken_.load(); }));
  }
  std::uint32_t off_stack() const { return g_->off_stack.load(std::memory_order_acquire); }

  goro_test::hang_guard guard_{"Hold"};
  goroutine* g_ = nullptr;
  std::atomic<bool> parking_{false};
  std::atomic<bool> woken_{false};
};

TEST_F(Hold, WhatIsParkedCanBeHeldAndLetGo) {
  ASSERT_TRUE(begin_hold(g_));
  heavy_fence();
  ASSERT_TRUE(confirm_hold(g_));
  EXPECT_FALSE(begin_hold(g_)) << "it is held already";
  end_hold(g_);
  EXPECT_EQ(off_stack(), 1u);
}

TEST_F(Hold, AWakerThatHasSeenItOffItsStackWins) {
  g_->waking.store(1);
  ASSERT_EQ(off_stack(), 1u);  // the waker has looked, and is about to write its 0
  ASSERT_TRUE(begin_hold(g_));
  heavy_fence();
  EXPECT_FALSE(confirm_hold(g_));
  EXPECT_EQ(off_stack(), 1u) << "it is not let go";
}

TEST_F(Hold, AWakerThatWritesItsZeroBeforeTheLookWins) {
  g_->waking.store(1);
  ASSERT_TRUE(begin_hold(g_));
  g_->off_stack.store(0);
  EXPECT_FALSE(confirm_hold(g_));
  EXPECT_EQ(off_stack(), 0u);
}

TEST_F(Hold, AWakerThatIsThroughBeforeTheLookWins) {
  ASSERT_TRUE(begin_hold(g_));
  g_->off_stack.store(0);
  EXPECT_FALSE(confirm_hold(g_));
  EXPECT_EQ(off_stack(), 0u);
  EXPECT_FALSE(begin_hold(g_)) << "it runs";
}

TEST_F(Hold, AWakerThatComesLaterWaits) {
  ASSERT_TRUE(begin_hold(g_));
  heavy_fence();
  ASSERT_TRUE(confirm_hold(g_));
  std::atomic<bool> through{false};
  std::thread waker([&] {
    ready(task(g_));
    through = true;
  });
  EXPECT_TRUE(eventually([this] { return g_->waking.load() == 1; }));
  EXPECT_FALSE(through);
  EXPECT_FALSE(woken_);
  EXPECT_EQ(off_stack(), 2u);
  end_hold(g_);
  waker.join();
  EXPECT_TRUE(eventually([this] { return woken_.load(); }));
  // For TearDown: another one to wake.
  woken_ = parking_ = false;
  walk_lock.unlock();
  SetUp();
}

TEST_F(Hold, ReadingSaysWhoItIs) {
  identity who;
  ASSERT_TRUE(read_identity(g_, who));
  EXPECT_EQ(who.id, g_->id);
  EXPECT_EQ(who.state, goroutine_state::parked);
  EXPECT_EQ(who.why, wait_reason::cond);
  EXPECT_EQ(who.waits_on, this);
  char name[8];
  copy_name(g_, who.id, name, sizeof name);
  EXPECT_STREQ(name, "held");
  copy_name(g_, who.id, name, 3);
  EXPECT_STREQ(name, "he");
  copy_name(g_, who.id + 1, name, sizeof name);
  EXPECT_STREQ(name, "") << "another goroutine's block";
}

}  // namespace
