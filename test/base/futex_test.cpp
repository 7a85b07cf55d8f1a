// SPDX-License-Identifier: MIT
#include "base/futex.hpp"

#include <gtest/gtest.h>

#include <cerrno>
#include <thread>

using namespace goro::detail;

namespace {
constexpr std::int64_t ms = 1'000'000;
}

TEST(Futex, ReturnsAtOnceIfTheWordDiffers) {
  std::atomic<std::uint32_t> word{1};
  EXPECT_TRUE(futex_wait(word, 0));
  EXPECT_TRUE(futex_wait(word, 0, monotonic_ns() + 3'600'000 * ms));
}

TEST(Futex, SaysWhenTheDeadlineHasPassed) {
  std::atomic<std::uint32_t> word{0};
  const std::int64_t deadline = monotonic_ns() + 20 * ms;
  bool in_time = true;
  while (in_time) in_time = futex_wait(word, 0, deadline);  // true: woken for no reason
  EXPECT_GE(monotonic_ns(), deadline) << "not before";
}

TEST(Futex, TakesDeadlinesOfThePast) {
  std::atomic<std::uint32_t> word{0};
  for (const std::int64_t past : {std::int64_t{INT64_MIN}, std::int64_t{-1}, std::int64_t{0}, std::int64_t{1},
                                  monotonic_ns()})
    EXPECT_FALSE(futex_wait(word, 0, past)) << past;
}

TEST(Futex, LeavesErrnoAlone) {
  std::atomic<std::uint32_t> word{0};
  errno = 1234;
  EXPECT_TRUE(futex_wait(word, 1));
  EXPECT_FALSE(futex_wait(word, 0, 1));
  EXPECT_EQ(futex_wake(word, 1), 0);
  EXPECT_EQ(errno, 1234);
}

TEST(Futex, WakesASleeperAndCountsIt) {
  std::atomic<std::uint32_t> word{0};
  std::thread sleeper([&] {
    while (word.load() == 0) EXPECT_TRUE(futex_wait(word, 0));
  });
  while (futex_wake(word, 1) == 0) std::this_thread::yield();  // until it sleeps; it then sleeps again
  word.store(1);
  futex_wake(word, 1);
  sleeper.join();
}
