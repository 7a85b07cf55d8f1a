// SPDX-License-Identifier: MIT
#include <goro/detail/duration.hpp>

#include <gtest/gtest.h>

#include <limits>

#include "base/clock.hpp"

using namespace std::chrono_literals;
using namespace goro::detail;
namespace chrono = std::chrono;

namespace {

constexpr std::int64_t lowest = std::numeric_limits<std::int64_t>::min();

template <class Rep, class Period = std::ratio<1>>
constexpr std::int64_t ns(Rep count) {
  return to_ns(chrono::duration<Rep, Period>(count));
}

struct restore_clock {
  ~restore_clock() { set_clock(nullptr); }
};

}  // namespace

TEST(Duration, ConvertsExactly) {
  static_assert(to_ns(0s) == 0);
  static_assert(to_ns(1ns) == 1);
  static_assert(to_ns(1500us) == 1'500'000);
  static_assert(to_ns(-2s) == -2'000'000'000);
  static_assert(to_ns(24h) == 86'400'000'000'000);
  static_assert(ns<std::uint8_t>(255) == 255'000'000'000);
  EXPECT_EQ(ns<double>(0.5), 500'000'000);
}

TEST(Duration, RoundsFractionsUp) {
  EXPECT_EQ((ns<int, std::pico>(1)), 1);
  EXPECT_EQ((ns<int, std::pico>(1000)), 1);
  EXPECT_EQ((ns<int, std::pico>(1001)), 2);
  EXPECT_EQ((ns<int, std::pico>(-1)), 0);
  EXPECT_EQ((ns<int, std::pico>(-1001)), -1);
  EXPECT_EQ((ns<int, std::ratio<1, 3>>(1)), 333'333'334);
  EXPECT_EQ((ns<double, std::nano>(1.25)), 2);
  EXPECT_EQ((ns<double, std::nano>(-1.25)), -1);
  EXPECT_EQ((ns<float, std::nano>(1e-20f)), 1);
}

TEST(Duration, SaturatesInsteadOfOverflowing) {
  static_assert(to_ns(chrono::hours::max()) == never);
  static_assert(to_ns(chrono::hours::min()) == lowest);
  static_assert(to_ns(chrono::nanoseconds::max()) == never);
  static_assert(to_ns(chrono::nanoseconds::min()) == lowest);
  EXPECT_EQ(ns<std::uint64_t>(std::numeric_limits<std::uint64_t>::max()), never);
  EXPECT_EQ(ns<std::int64_t>(9'223'372'036), 9'223'372'036'000'000'000);
  EXPECT_EQ(ns<std::int64_t>(9'223'372'037), never);
  EXPECT_EQ(ns<std::int64_t>(-9'223'372'037), lowest);
  using slow = std::ratio<std::numeric_limits<std::intmax_t>::max()>;
  EXPECT_EQ((ns<std::int64_t, slow>(std::numeric_limits<std::int64_t>::max())), never);
  EXPECT_EQ((ns<std::int64_t, slow>(std::numeric_limits<std::int64_t>::min())), lowest);
  EXPECT_EQ((ns<std::int64_t, slow>(0)), 0);
  using fast = std::ratio<1, std::numeric_limits<std::intmax_t>::max()>;
  EXPECT_EQ((ns<std::int64_t, fast>(std::numeric_limits<std::int64_t>::max())), 1'000'000'000);
}

TEST(Duration, SaturatesFloatingPoint) {
  EXPECT_EQ(ns<double>(1e300), never);
  EXPECT_EQ(ns<double>(-1e300), lowest);
  EXPECT_EQ(ns<float>(std::numeric_limits<float>::infinity()), never);
  EXPECT_EQ(ns<float>(-std::numeric_limits<float>::infinity()), lowest);
  EXPECT_EQ(ns<long double>(std::numeric_limits<long double>::max()), never);
  EXPECT_EQ((ns<double, std::nano>(0x1p63)), never);
  EXPECT_EQ((ns<double, std::nano>(-0x1p63)), lowest);
}

TEST(Duration, TakesNotANumberAsZero) {
  EXPECT_EQ(ns<double>(std::numeric_limits<double>::quiet_NaN()), 0);
  EXPECT_EQ(ns<float>(-std::numeric_limits<float>::quiet_NaN()), 0);
}

TEST(Deadline, AfterADurationIsNowPlusIt) {
  const restore_clock restore;
  set_clock([]() noexcept -> std::int64_t { return 1'000; });
  EXPECT_EQ(deadline_after(5ns), 1'005);
  EXPECT_EQ(deadline_after(-2'000ns), -1'000);
  EXPECT_EQ(deadline_after(chrono::hours::max()), never);
  EXPECT_EQ(deadline_after(chrono::nanoseconds(never - 1)), never) << "the sum does not fit";
  EXPECT_EQ(deadline_after(chrono::hours::min()), lowest + 1'000);
}

TEST(Deadline, AtOurOwnTimePointIsItself) {
  EXPECT_EQ(deadline_at(goro::time_point(77ns)), 77);
  EXPECT_EQ(deadline_at(goro::time_point::max()), never);
  EXPECT_EQ(deadline_at(chrono::time_point<goro::clock, chrono::hours>::max()), never);
}

TEST(Deadline, AtAnotherClocksTimePointIsMovedToOurs) {
  const std::int64_t before = now_ns();
  const std::int64_t deadline = deadline_at(chrono::system_clock::now() + 1h);
  const std::int64_t after = now_ns();
  // The two clocks are read a moment apart, and the system's may be slewed: a second is ample.
  EXPECT_GE(deadline, before + to_ns(1h) - to_ns(1s));
  EXPECT_LE(deadline, after + to_ns(1h) + to_ns(1s));
}

TEST(Deadline, AtTheEndsOfAnotherClockSaturates) {
  EXPECT_EQ(deadline_at(chrono::system_clock::time_point::max()), never);
  EXPECT_EQ(deadline_at(chrono::steady_clock::time_point::max()), never);
  EXPECT_LT(deadline_at(chrono::system_clock::time_point::min()), 0);
  EXPECT_LT(deadline_at(chrono::steady_clock::time_point::min()), 0);
  EXPECT_EQ(deadline_at(chrono::sys_days::max()), never);
}
