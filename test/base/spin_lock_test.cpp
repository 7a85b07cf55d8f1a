// SPDX-License-Identifier: MIT
#include "base/spin_lock.hpp"

#include <gtest/gtest.h>

#include <cerrno>

using namespace goro::detail;

TEST(SpinLock, TryLockFailsWhileLocked) {
  static constinit spin_lock lock;
  EXPECT_TRUE(lock.try_lock());
  EXPECT_FALSE(lock.try_lock());
  EXPECT_TRUE(lock.is_locked());
  lock.unlock();
  EXPECT_FALSE(lock.is_locked());
  EXPECT_TRUE(lock.try_lock());
  lock.unlock();
}

TEST(SpinLock, GuardUnlocksAtTheEndOfTheBlock) {
  spin_lock lock;
  {
    const spin_guard guard(lock);
    EXPECT_TRUE(lock.is_locked());
  }
  EXPECT_FALSE(lock.is_locked());
}

TEST(SpinLock, WaitsLeaveErrnoAlone) {
  errno = 1234;
  for (unsigned round = 0; round != 115; ++round) spin_wait(round);
  EXPECT_EQ(errno, 1234);
}
