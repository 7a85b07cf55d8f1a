// SPDX-License-Identifier: MIT
#include "support/at_procs.hpp"

#include <goro/goro.hpp>
#include <goro/sync.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <stdexcept>
#include <thread>
#include <vector>

namespace {

class OnceStress : public goro_test::AtProcs {};
GORO_AT_PROCS(OnceStress);

TEST_P(OnceStress, ON01_CallersRaceForAFreshOneEachRound) {
  const int rounds = goro_test::scaled(20'000);
  goro::async([rounds] {
    for (int round = 0; round != rounds; ++round) {
      const auto once = std::make_unique<goro::once>();
      int written = 0;  // by the one, read by all: ordered by the once alone
      std::atomic<int> calls{0};
      goro::wait_group callers;
      for (int i = 0; i != 10; ++i)
        callers.go([&, i] {
          if (i % 4 == 0) goro::yield();
          once->call([&] {
            ++calls;
            if (round % 2 == 0) goro::yield();
            written = round;
          });
          EXPECT_EQ(written, round);
        });
      callers.wait();
      ASSERT_EQ(calls, 1);
    }
  }).get();
}

TEST_P(OnceStress, ON04_GoroutinesAndThreadsRaceForAFailure) {
  const int rounds = goro_test::scaled(100);
  for (int round = 0; round != rounds; ++round) {
    std::atomic<int> calls{0};
    std::atomic<int> caught{0};
    const auto run = goro::once_func([&] {
      ++calls;
      goro::yield();
      throw std::runtime_error("each gets it");
    });
    const auto caller = [run, &caught] {
      try {
        run();
      } catch (const std::runtime_error&) {
        ++caught;
      }
    };
    std::vector<std::thread> threads;
    for (int i = 0; i != 2; ++i) threads.emplace_back(caller);
    goro::wait_group goroutines;
    for (int i = 0; i != 6; ++i) goroutines.go(caller);
    goroutines.wait();
    for (std::thread& t : threads) t.join();
    ASSERT_EQ(calls, 1);
    ASSERT_EQ(caught, 8);
  }
}

}  // namespace
