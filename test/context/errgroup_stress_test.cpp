// SPDX-License-Identifier: MIT
#include "support/at_procs.hpp"

#include <goro/errgroup.hpp>
#include <goro/goro.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace {

class ErrgroupStress : public goro_test::AtProcs {};
GORO_AT_PROCS(ErrgroupStress);

TEST_P(ErrgroupStress, EG04_TheLimitHoldsWithCallersOfBothKinds) {
  const int each = goro_test::scaled(2'000);
  for (const int limit : {1, 3, 10}) {
    goro::errgroup group;
    group.set_limit(limit);
    std::vector<std::atomic<int>> runs(static_cast<std::size_t>(4 * each));
    std::atomic<int> active{0};
    std::atomic<int> most{0};
    const auto start = [&](int n) {
      for (int i = 0; i != each; ++i) {
        const auto task = [&, at = static_cast<std::size_t>(n * each + i)] {
          const int now = ++active;
          for (int seen = most; now > seen && !most.compare_exchange_weak(seen, now);) {
          }
          if (at % 7 == 0) goro::yield();
          ++runs[at];
          --active;
          if (at % 11 == 0) goro::goexit();
        };
        if (i % 2 == 0 && group.try_go(task)) continue;
        group.go(task);
      }
    };
    std::thread threads[] = {std::thread(start, 0), std::thread(start, 1)};
    goro::scope goroutines;
    goroutines.go(start, 2);
    goroutines.go(start, 3);
    goroutines.wait();
    for (std::thread& t : threads) t.join();
    group.wait();
    EXPECT_LE(most, limit);
    for (const std::atomic<int>& n : runs) ASSERT_EQ(n, 1);
  }
}

TEST_P(ErrgroupStress, EG03_OneFailureOfManyIsKeptAndIsTheCause) {
  const int rounds = goro_test::scaled(2'000);
  goro::async([rounds] {
    for (int round = 0; round != rounds; ++round) {
      auto [group, ctx] = goro::errgroup::with_context(goro::background());
      if (round % 2 == 0) group.set_limit(4);
      std::atomic<int> ended{0};
      for (int i = 0; i != 12; ++i)
        group.go([&, i] {
          if (i % 4 == 0) goro::yield();
          ++ended;
          if (i % 3 == 0) throw std::runtime_error(std::to_string(i));
        });
      std::string failure;
      try {
        group.wait();
      } catch (const std::runtime_error& e) {
        failure = e.what();
      }
      ASSERT_EQ(ended, 12);
      ASSERT_NE(failure, "");
      try {
        std::rethrow_exception(ctx.cause());
      } catch (const std::runtime_error& e) {
        ASSERT_EQ(failure, e.what());
      }
    }
  }).get();
}

TEST_P(ErrgroupStress, TheGroupMayGoAsSoonAsWaitReturns) {
  const int rounds = goro_test::scaled(3'000);
  const auto work = [rounds] {
    for (int round = 0; round != rounds; ++round) {
      std::optional<goro::errgroup> group(std::in_place);
      if (round % 2 == 0) group->set_limit(1 + round % 3);
      std::atomic<int> ran{0};
      for (int i = 0; i != 4; ++i) group->go([&] { ++ran; });
      group->wait();
      group.reset();
      ASSERT_EQ(ran, 4);
    }
  };
  std::thread thread(work);
  goro::async(work).get();
  thread.join();
}

TEST_P(ErrgroupStress, SiblingsStopAtTheFirstFailure) {
  const int rounds = goro_test::scaled(2'000);
  goro::async([rounds] {
    for (int round = 0; round != rounds; ++round) {
      auto [group, ctx] = goro::errgroup::with_context(goro::background());
      const auto never = goro::make_chan<int>();
      std::atomic<int> stopped{0};
      for (int i = 0; i != 8; ++i)
        group.go([&, &ctx = ctx] {
          if (never.recv(ctx).status == goro::op_status::canceled) ++stopped;
        });
      group.go([] { throw std::runtime_error("enough"); });
      ASSERT_THROW(group.wait(), std::runtime_error);
      ASSERT_EQ(stopped, 8);
    }
  }).get();
}

}  // namespace
