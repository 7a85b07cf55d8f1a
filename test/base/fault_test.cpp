// SPDX-License-Identifier: MIT
#include "base/fault.hpp"

#include <gtest/gtest.h>

#include <cerrno>

using namespace goro::detail;

#ifdef GORO_FAULTS

TEST(Fault, FailsTheNthCallOfThatNameOnce) {
  fail_nth("mmap", 2, EMFILE);
  EXPECT_FALSE(fault("mmap"));
  EXPECT_FALSE(fault("read"));
  EXPECT_EQ(fault_fired(), nullptr);
  EXPECT_TRUE(fault("mmap"));
  EXPECT_EQ(errno, EMFILE);
  EXPECT_STREQ(fault_fired(), "mmap");
  EXPECT_FALSE(fault("mmap"));
}

TEST(Fault, FailsAnyCallIfNoneIsNamed) {
  fail_nth(nullptr, 2, ENOMEM);
  EXPECT_FALSE(fault("a"));
  EXPECT_TRUE(fault("b"));
  EXPECT_STREQ(fault_fired(), "b");
  fail_nth(nullptr, 0, 0);
  EXPECT_FALSE(fault("c"));
}

#else

TEST(Fault, IsAConstantInBuildsWithoutFaults) { static_assert(!fault("mmap")); }

#endif
