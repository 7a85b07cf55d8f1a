// SPDX-License-Identifier: MIT
// Spawning, parking, waking and ending in bulk, at each number of Ps. Each goroutine is counted exactly once.
#include "sched/introspect.hpp"

#include "support/at_procs.hpp"
#include "support/eventually.hpp"

#include <goro/goro.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <random>
#include <thread>
#include <vector>

namespace {

using namespace std::chrono_literals;

class SchedStress : public goro_test::AtProcs {};
GORO_AT_PROCS(SchedStress);

TEST_P(SchedStress, EveryGoroutineRunsExactlyOnce) {
  const int n = goro_test::scaled(50'000);
  std::vector<std::atomic<std::uint8_t>> ran(static_cast<std::size_t>(n));
  goro::wait_group all;
  for (int i = 0; i != n; ++i)
    all.go([&ran, i] {
      if (i % 3 == 0) goro::yield();
      ran[static_cast<std::size_t>(i)].fetch_add(1);
    });
  all.wait();
  for (const auto& r : ran) ASSERT_EQ(r.load(), 1);
}

TEST_P(SchedStress, SpawnersThatSpawnOverflowTheRing) {
  // Each starts more than a ring's worth, so that half of it spills to the global queue, again and again.
  constexpr int each = goro_test::under_tsan ? 400 : 1000;  // a fiber a goroutine: most of a millisecond
  std::atomic<int> ran{0};
  goro::wait_group all;
  for (int i = 0; i != 16; ++i)
    all.go([&] {
      for (int n = 0; n != each; ++n) all.go([&] { ran.fetch_add(1, std::memory_order_relaxed); });
    });
  all.wait();
  EXPECT_EQ(ran, 16 * each);
}

void tree(int depth, std::atomic<int>& leaves, goro::wait_group& all) {
  if (depth == 0) {
    ++leaves;
    return;
  }
  for (int i = 0; i != 2; ++i) all.go([=, &leaves, &all] { tree(depth - 1, leaves, all); });
}

TEST_P(SchedStress, ATreeOfSpawnersReachesAllItsLeaves) {
  constexpr int depth = goro_test::under_tsan ? 11 : 13;
  std::atomic<int> leaves{0};
  goro::wait_group all;
  all.go([&] { tree(depth, leaves, all); });
  all.wait();
  EXPECT_EQ(leaves, 1 << depth);
}

TEST_P(SchedStress, NoWakeUpIsLostBetweenProducersAndIdleThreads) {
  // Long enough pauses to let threads fall asleep, short ones to catch them as they do.
  const int rounds = goro_test::scaled(5'000);
  const auto work = goro::make_chan<int>();
  const auto done = goro::make_chan<int>(64);
  goro::wait_group all;
  for (int i = 0; i != 4; ++i)
    all.go([=] {
      while (const auto v = work.recv()) done.send(*v);
    });
  std::vector<std::thread> producers;
  for (int p = 0; p != 2; ++p)
    producers.emplace_back([=] {
      std::minstd_rand random(static_cast<unsigned>(goro_test::seed()) + static_cast<unsigned>(p));
      for (int i = 0; i != rounds; ++i) {
        work.send(i);
        for (auto spin = random() % 2000; spin != 0; --spin) asm volatile("");
      }
    });
  std::int64_t sum = 0;
  for (int i = 0; i != 2 * rounds; ++i) sum += done.recv().value();
  for (std::thread& t : producers) t.join();
  work.close();
  all.wait();
  EXPECT_EQ(sum, std::int64_t{rounds} * (rounds - 1));
}

TEST_P(SchedStress, YieldersAndParkersAndBlockersTogether) {
  std::atomic<int> ended{0};
  goro::wait_group all;
  const int rounds = goro_test::scaled(50);
  for (int g = 0; g != 60; ++g) {
    all.go([&, g] {
      const auto c = goro::make_chan<int>(1);
      for (int i = 0; i != rounds; ++i) {
        switch ((g + i) % 5) {
          case 0: goro::yield(); break;
          case 1: goro::sleep_for(20us); break;
          case 2: goro::blocking([] { std::this_thread::sleep_for(20us); }); break;
          case 3: goro::select(goro::recv(c), goro::timeout(10us)); break;
          case 4:
            goro::go([c] { c.send(1); });
            (void)c.recv();
            break;
        }
      }
      ++ended;
    });
  }
  all.wait();
  EXPECT_EQ(ended, 60);
}

TEST_P(SchedStress, ManyParkedAtOnceAllWake) {
  const int n = goro_test::scaled(20'000);
  const auto gate = goro::make_chan<int>();
  std::atomic<int> woken{0};
  goro::wait_group all;
  for (int i = 0; i != n; ++i)
    all.go([&, gate] {
      (void)gate.recv();
      ++woken;
    });
  ASSERT_TRUE(goro_test::eventually([&] {
    return goro::detail::parked_count(goro::detail::wait_reason::chan_receive) >= static_cast<std::size_t>(n);
  }));
  EXPECT_EQ(woken, 0);
  gate.close();
  all.wait();
  EXPECT_EQ(woken, n);
}

TEST_P(SchedStress, IdleMemoryGivenBackWhileOthersRunHarmsNobody) {
  std::atomic<bool> stop{false};
  goro::wait_group all;
  for (int g = 0; g != 8; ++g)
    all.go([&] {
      while (!stop) {
        auto f = goro::async([] {
          volatile char frame[16'384];
          for (std::size_t i = 0; i < sizeof frame; i += 512) frame[i] = static_cast<char>(i >> 9);
          goro::yield();
          int right = 0;
          for (std::size_t i = 0; i < sizeof frame; i += 512) right += frame[i] == static_cast<char>(i >> 9);
          return right;
        });
        EXPECT_EQ(f.get(), 32);
      }
    });
  for (int i = 0; i != goro_test::scaled(100); ++i) {
    goro::detail::release_idle_memory();
    goro::sleep_for(200us);
  }
  stop = true;
  all.wait();
}

}  // namespace
