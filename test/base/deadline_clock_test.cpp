// SPDX-License-Identifier: MIT
#include "base/deadline_clock.hpp"

#include "base/clock.hpp"
#include "base/fault.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include <goro/detail/duration.hpp>

using namespace goro::detail;

namespace {

std::int64_t always_42() noexcept { return 42; }

// Asks until the counter is in use, for as long as a base line may take; false: this kernel's clock is another.
bool counts_by_now() {
  const std::int64_t until = monotonic_ns() + 200'000'000;
  while (!deadline_clock_counts() && monotonic_ns() < until) (void)deadline_now();
  return deadline_clock_counts();
}

void expect_never_early(int rounds) {
  for (int i = 0; i != rounds; ++i) {
    const std::int64_t before = monotonic_ns();
    ASSERT_GE(deadline_now(), before) << "round " << i;
  }
}

}  // namespace

TEST(DeadlineClock, IsNeverEarlyBeforeAndAfterItCounts) {
  expect_never_early(1'000);
  (void)counts_by_now();
  expect_never_early(1'000'000);
}

TEST(DeadlineClock, IsLateByNoMoreThanItSays) {
  // A thread may be stopped between the two readings, so it is the best of many that counts.
  std::int64_t least = never;
  (void)counts_by_now();
  for (int i = 0; i != 10'000; ++i) {
    const std::int64_t at = deadline_now();
    least = std::min(least, at - monotonic_ns());
  }
  EXPECT_LE(least, 2 * deadline_allowance);
}

TEST(DeadlineClock, IsNeverEarlyOnManyThreads) {
  std::vector<std::thread> threads;
  for (int i = 0; i != 8; ++i) threads.emplace_back([] { expect_never_early(200'000); });
  for (std::thread& t : threads) t.join();
}

TEST(DeadlineClock, FollowsAClockThatWasPutInItsPlace) {
  (void)counts_by_now();
  set_clock(&always_42);
  EXPECT_EQ(deadline_now(), 42);
  EXPECT_EQ(deadline_after(std::chrono::nanoseconds(8)), 50);
  set_clock(nullptr);
  EXPECT_GT(deadline_now(), 50);
}
