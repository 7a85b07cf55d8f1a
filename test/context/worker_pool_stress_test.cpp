// SPDX-License-Identifier: MIT
#include "support/at_procs.hpp"

#include <goro/goro.hpp>
#include <goro/worker_pool.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <stdexcept>
#include <thread>
#include <vector>

namespace {

using namespace std::chrono_literals;

class WorkerPoolStress : public goro_test::AtProcs {};
GORO_AT_PROCS(WorkerPoolStress);

// Calls body(i) in `goroutines` goroutines and `threads` plain threads, with a number for each.
template <class F>
void from_everywhere(int goroutines, int threads, F body) {
  std::vector<std::thread> plain;
  for (int i = 0; i != threads; ++i) plain.emplace_back([&body, n = goroutines + i] { body(n); });
  goro::scope all;
  for (int i = 0; i != goroutines; ++i) all.go([&body, i] { body(i); });
  all.wait();
  for (std::thread& t : plain) t.join();
}

TEST_P(WorkerPoolStress, EachTaskRunsOnceFromSubmittersOfBothKinds) {
  const int each = goro_test::scaled(2'000);
  for (const std::size_t capacity : {0u, 1u, 7u}) {
    std::vector<std::atomic<int>> runs(static_cast<std::size_t>(6 * each));
    goro::worker_pool pool(3, capacity);
    from_everywhere(4, 2, [&](int n) {
      for (int i = 0; i != each; ++i) {
        std::atomic<int>& mine = runs[static_cast<std::size_t>(n * each + i)];
        auto task = [token = std::make_unique<int>(1), &mine] { mine += *token; };
        if (i % 3 == 0 && pool.try_submit(std::move(task))) continue;
        if (i % 3 == 1 && pool.submit_for(std::chrono::microseconds(i % 20), std::move(task))) continue;
        pool.submit(std::move(task));
      }
    });
    pool.close();
    pool.wait();
    for (const std::atomic<int>& n : runs) ASSERT_EQ(n, 1);
  }
}

TEST_P(WorkerPoolStress, CloseAndSubmitAtTheSameMoment) {
  const int rounds = goro_test::scaled(400);
  for (int round = 0; round != rounds; ++round) {
    auto pool = std::make_unique<goro::worker_pool>(2, static_cast<std::size_t>(round % 3));
    std::atomic<int> taken{0};
    std::atomic<int> refused{0};
    std::atomic<int> ran{0};
    {
      goro::scope all;
      for (int s = 0; s != 4; ++s)
        all.go([&] {
          for (int i = 0; i != 5; ++i) {
            try {
              pool->submit([&] { ++ran; });
              ++taken;
            } catch (const std::logic_error&) {
              ++refused;
            }
          }
        });
      all.go([&, round] {
        for (int i = round % 17; i != 0; --i) goro::yield();
        pool->close();
      });
      pool->wait();
    }
    ASSERT_EQ(taken + refused, 20);
    ASSERT_EQ(ran, taken);
  }
}

TEST_P(WorkerPoolStress, ThePoolMayGoAsSoonAsWaitReturns) {
  const int rounds = goro_test::scaled(20'000);
  goro::async([rounds] {
    for (int round = 0; round != rounds; ++round) {
      std::atomic<int> ran{0};
      auto pool = std::make_unique<goro::worker_pool>(2, 2);
      for (int i = 0; i != 4; ++i) pool->submit([&] { ++ran; });
      goro::wait_group closer;
      closer.go([&] { pool->close(); });
      pool->wait();
      pool.reset();
      ASSERT_EQ(ran, 4);
      closer.wait();
    }
  }).get();
}

TEST_P(WorkerPoolStress, GoexitNowAndThenHangsNobody) {
  const int each = goro_test::scaled(1'000);
  for (const std::size_t capacity : {0u, 4u}) {
    std::atomic<int> ran{0};
    goro::worker_pool pool(2, capacity);
    from_everywhere(3, 1, [&](int n) {
      for (int i = 0; i != each; ++i)
        pool.submit([&ran, end = (i + n) % 5 == 0] {
          ++ran;
          if (end) goro::goexit();
        });
    });
    pool.close();
    pool.wait();
    EXPECT_EQ(ran, 4 * each);
  }
}

TEST_P(WorkerPoolStress, CancellingAndAPlaceAtTheSameMoment) {
  const int rounds = goro_test::scaled(1'000);
  goro::async([rounds] {
    for (int round = 0; round != rounds; ++round) {
      goro::worker_pool pool(1, static_cast<std::size_t>(round % 2));
      auto [ctx, cancel] = goro::with_cancel(goro::background());
      std::atomic<int> taken{0};
      std::atomic<int> ran{0};
      goro::wait_group submitters;
      for (int s = 0; s != 3; ++s)
        submitters.go([&, &ctx = ctx] {
          while (!pool.submit(ctx, [&] {
            goro::yield();
            ++ran;
          }))
            ++taken;
        });
      for (int i = round % 23; i != 0; --i) goro::yield();
      cancel();
      submitters.wait();
      pool.close();
      pool.wait();
      ASSERT_EQ(ran, taken);
    }
  }).get();
}

TEST_P(WorkerPoolStress, APlaceIsNotLostToOneWhoGivesUp) {
  const int each = goro_test::scaled(1'500);
  std::atomic<int> taken{0};
  std::atomic<int> ran{0};
  goro::worker_pool pool(1, 1);
  from_everywhere(4, 2, [&](int) {
    for (int i = 0; i != each; ++i)
      if (pool.submit_for(std::chrono::microseconds(i % 7), [&] { ++ran; })) ++taken;
  });
  for (int i = 0; i != 2; ++i) pool.submit([&] { ++ran; });  // both places are there
  pool.close();
  pool.wait();
  EXPECT_EQ(ran, taken + 2);
}

}  // namespace
