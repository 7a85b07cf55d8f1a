// SPDX-License-Identifier: MIT
#include "support/at_procs.hpp"

#include <goro/goro.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <random>
#include <thread>
#include <vector>

namespace {

using namespace std::chrono_literals;
using goro::clock;

class SleepStress : public goro_test::AtProcs {};
GORO_AT_PROCS(SleepStress);

TEST_P(SleepStress, NoneIsLostAndNoneIsEarly) {
  std::atomic<int> woken{0};
  std::atomic<int> early{0};
  goro::wait_group all;
  const int sleepers = 200;
  const int rounds = goro_test::scaled(20);
  for (int g = 0; g != sleepers; ++g) {
    all.go([&, g] {
      std::minstd_rand random(static_cast<unsigned>(goro_test::seed()) + static_cast<unsigned>(g));
      for (int i = 0; i != rounds; ++i) {
        const goro::duration d = std::chrono::nanoseconds(random() % 2'000'000);
        const auto start = clock::now();
        goro::sleep_for(d);
        if (clock::now() - start < d) ++early;
      }
      ++woken;
    });
  }
  all.wait();
  EXPECT_EQ(woken, sleepers);
  EXPECT_EQ(early, 0);
}

TEST_P(SleepStress, PlainThreadsAndGoroutinesSleepSideBySide) {
  std::atomic<int> woken{0};
  std::vector<std::thread> threads;
  goro::wait_group all;
  for (int t = 0; t != 4; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i != 50; ++i) {
        goro::sleep_for(100us);
        ++woken;
      }
    });
  for (int g = 0; g != 16; ++g)
    all.go([&] {
      for (int i = 0; i != 50; ++i) {
        goro::sleep_for(100us);
        ++woken;
      }
    });
  for (std::thread& t : threads) t.join();
  all.wait();
  EXPECT_EQ(woken, 1000);
}

}  // namespace
