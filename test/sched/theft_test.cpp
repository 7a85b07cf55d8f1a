// SPDX-License-Identifier: MIT
// Which goroutines idle Ps take from busy ones: those whose work is worth a theft (src/sched/wake.hpp).
#include "sched/introspect.hpp"
#include "sched/on_goroutine.hpp"
#include "support/cpus.hpp"
#include "support/eventually.hpp"

#include <goro/goro.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstdint>

namespace {

using goro_test::hang_guard;
using goro_test::procs_for_now;

constexpr int goroutines = 8;
constexpr int rounds_each = 100'000;
constexpr std::uint64_t writes = goroutines * rounds_each / 100;

// All on one lock, a write in a hundred: on two Ps the next write stops them all. Returns the thefts.
std::uint64_t thefts_of_a_contended_lock() {
  goro::rw_mutex lock;
  long value = 0;
  std::atomic<long> sum{0};
  const std::uint64_t before = goro::detail::counters().steals;
  goro::wait_group all;
  for (int g = 0; g != goroutines; ++g)
    all.go([&, g] {
      long seen = 0;
      for (int i = 0; i != rounds_each; ++i) {
        if ((i + g * 12) % 100 == 0) {
          lock.lock();
          ++value;
          lock.unlock();
        } else {
          lock.lock_shared();
          seen += value;
          lock.unlock_shared();
        }
      }
      sum += seen;
    });
  all.wait();
  EXPECT_EQ(value, static_cast<long>(writes));
  return goro::detail::counters().steals - before;
}

// Each spins until the others are there, too.
void meet(int n) {
  std::atomic<int> there{0};
  goro::wait_group all;
  for (int i = 0; i != n; ++i)
    all.go([&] {
      ++there;
      while (there != n) {
      }
    });
  all.wait();
}

TEST(Theft, GoroutinesThatStopEachOtherAreLeftTogether) {
  if (goro_test::allowed_cpus().size() < 2) GTEST_SKIP() << "with one CPU Ps are in each other's way as it is";
  const hang_guard guard{"Theft"};
  const procs_for_now two(2);
  std::uint64_t fewest = writes;
  for (int round = 0; round != 10 && fewest >= writes / 40; ++round)
    fewest = std::min(fewest, thefts_of_a_contended_lock());
  // Each theft that follows upon the last one's ends with a write: there were a fifth as many as writes.
  EXPECT_LT(fewest, writes / 40);
}

TEST(Theft, WhatComputesIsTakenAgainAfterwards) {
  const hang_guard guard{"Theft"};
  for (const int p : {2, 4}) {
    const procs_for_now procs(p);
    for (int round = 0; round != 3; ++round) {
      (void)thefts_of_a_contended_lock();
      goro::async([p] { meet(p); }).get();
    }
  }
}

}  // namespace
