// SPDX-License-Identifier: MIT
#include "base/clock.hpp"

#include <gtest/gtest.h>

#include <ctime>
#include <type_traits>

#include <goro/clock.hpp>
#include <goro/version.hpp>

using namespace goro::detail;

namespace {

std::int64_t always_42() noexcept { return 42; }

struct restore_clock {
  ~restore_clock() { set_clock(nullptr); }
};

}  // namespace

TEST(Clock, NeverGoesBack) {
  std::int64_t last = now_ns();
  for (int i = 0; i != 10'000; ++i) {
    const std::int64_t now = now_ns();
    ASSERT_GE(now, last);
    last = now;
  }
}

TEST(Clock, IsTheKernelsMonotonicClock) {
  timespec ts{};
  const std::int64_t before = now_ns();
  clock_gettime(CLOCK_MONOTONIC, &ts);
  const std::int64_t kernel = ts.tv_sec * std::int64_t{1'000'000'000} + ts.tv_nsec;
  const std::int64_t after = now_ns();
  EXPECT_LE(before, kernel);
  EXPECT_LE(kernel, after);
}

TEST(Clock, CanBeReplacedAndBroughtBack) {
  const restore_clock restore;
  EXPECT_EQ(set_clock(&always_42), &monotonic_ns);
  EXPECT_EQ(now_ns(), 42);
  EXPECT_EQ(goro::clock::now().time_since_epoch().count(), 42) << "the public clock follows";
  EXPECT_NE(monotonic_ns(), 42) << "the kernel's stays readable";
  EXPECT_EQ(set_clock(nullptr), &always_42);
  EXPECT_GT(now_ns(), 42);
}

TEST(Clock, MeetsTheStandardsRequirements) {
  static_assert(goro::clock::is_steady);
  static_assert(std::is_same_v<goro::duration, std::chrono::nanoseconds>);
  static_assert(std::is_same_v<goro::time_point::clock, goro::clock>);
  const goro::time_point start = goro::clock::now();
  EXPECT_GE(goro::clock::now() - start, goro::duration::zero());
}

TEST(Version, NumberAndTextAgree) {
  static_assert(goro::version == 100);
  EXPECT_STREQ(goro::version_string, (std::to_string(goro::version_major) + "." +
                                      std::to_string(goro::version_minor) + "." +
                                      std::to_string(goro::version_patch)).c_str());
}
