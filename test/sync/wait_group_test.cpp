// SPDX-License-Identifier: MIT
#include "sched/on_goroutine.hpp"
#include "support/at_procs.hpp"
#include "support/eventually.hpp"
#include "sync/address_lock.hpp"

#include <goro/goro.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <type_traits>
#include <vector>

namespace {

using namespace std::chrono_literals;
using goro_test::eventually;
using goro_test::on_goroutine;

constinit goro::wait_group global_group;  // usable as a constant-initialised global

class WaitGroup : public testing::Test {
 protected:
  void SetUp() override { before_ = goro_test::settled_goroutines(); }
  void TearDown() override {
    EXPECT_TRUE(eventually([&] { return goro::num_goroutine() == before_; })) << goro::num_goroutine();
  }
  goro_test::hang_guard guard_{"WaitGroup"};
  std::size_t before_ = 0;
};

// The word of the protocol in src/sync/countdown.cpp: the count, and how many wait.
std::uint64_t word_of(const goro::wait_group& g) {
  static_assert(
      std::is_standard_layout_v<goro::wait_group>);  // so the first member of its first member is there
  return __atomic_load_n(reinterpret_cast<const std::uint64_t*>(&g), __ATOMIC_ACQUIRE);
}
constexpr std::uint64_t none_counted_one_waits = 1;
constexpr std::uint64_t one_counted_one_waits = (std::uint64_t{1} << 32) | 1;

TEST_F(WaitGroup, WaitOnZeroReturnsAtOnce) {
  goro::wait_group g;
  g.wait();
  on_goroutine([&] { g.wait(); });
  EXPECT_TRUE(g.wait_for(0s));
  global_group.wait();
}

TEST_F(WaitGroup, WG01_NobodyPassesTheSecondBeforeTheFirstIsComplete) {
  goro::wait_group first;
  goro::wait_group second;
  constexpr int n = 16;
  for (int round = 0; round != 8; ++round) {
    first.add(n);
    second.add(n);
    std::atomic<int> passed{0};
    goro::wait_group ended;
    for (int i = 0; i != n; ++i)
      ended.go([&] {
        first.done();
        second.wait();
        ++passed;
      });
    first.wait();
    for (int i = 0; i != n; ++i) {
      EXPECT_EQ(passed, 0) << "wait returned early";
      second.done();
    }
    ended.wait();
    EXPECT_EQ(passed, n);
  }
}

TEST_F(WaitGroup, WG02_BelowZeroThrows) {
  goro::wait_group g;
  for (const bool by_done : {true, false}) {
    try {
      if (by_done)
        g.done();
      else
        g.add(-1);
      ADD_FAILURE() << "a negative count was taken";
    } catch (const std::logic_error& e) {
      EXPECT_NE(std::string(e.what()).find("negative"), std::string::npos) << e.what();
      EXPECT_NE(std::string(e.what()).find("wait_group"), std::string::npos) << e.what();
    }
  }
}

TEST_F(WaitGroup, WG03_WaitNeverReturnsEarly) {
  on_goroutine([] {
    for (int i = 0; i != 1000; ++i) {
      goro::wait_group g;
      std::atomic<int> sum{0};
      for (int n = 0; n != 2; ++n)
        g.go([&, n] {
          if (n == 0) goro::yield();
          sum.fetch_add(1, std::memory_order_relaxed);
        });
      g.wait();
      ASSERT_EQ(sum, 2);
    }
  });
}

TEST_F(WaitGroup, WG04_GoCountsBeforeItStartsAndNests) {
  goro::wait_group g;
  std::atomic<int> ended{0};
  g.go([&] {
    for (int i = 0; i != 10; ++i)
      g.go([&] {
        goro::yield();
        g.go([&] { ++ended; });
      });
  });
  g.wait();
  EXPECT_EQ(ended, 10);
}

TEST_F(WaitGroup, GoPassesArgumentsAndReleasesThemBeforeWaitersGoOn) {
  goro::wait_group g;
  auto held = std::make_shared<int>(5);
  const std::weak_ptr<int> watch = held;
  std::atomic<int> seen{0};
  g.go([&](std::shared_ptr<int> p) { seen = *p; }, std::move(held));
  g.wait();
  EXPECT_EQ(seen, 5);
  EXPECT_TRUE(eventually([&] { return watch.expired(); }));
}

TEST_F(WaitGroup, GoRefusesAnEmptyFunctionAndIsNotCountedUp) {
  goro::wait_group g;
  EXPECT_THROW(g.go(std::function<void()>{}), std::invalid_argument);
  g.wait();
}

TEST_F(WaitGroup, GoexitCountsAsDone) {
  goro::wait_group g;
  g.go([] { goro::goexit(); });
  g.wait();
}

TEST_F(WaitGroup, WaitForTellsWhetherItReachedZero) {
  goro::wait_group g;
  g.add();
  const auto check = [&] {
    const auto start = goro::clock::now();
    EXPECT_FALSE(g.wait_for(5ms));
    EXPECT_GE(goro::clock::now() - start, 5ms);
    EXPECT_FALSE(g.wait_for(0s));
    EXPECT_FALSE(g.wait_for(-1s));
  };
  check();
  on_goroutine(check);
  g.done();
  EXPECT_TRUE(g.wait_for(1h));
  on_goroutine([&] { EXPECT_TRUE(g.wait_for(0s)); });
}

TEST_F(WaitGroup, ManyWaitersOfBothKindsWakeTogether) {
  goro::wait_group g;
  g.add(2);
  std::atomic<int> awake{0};
  goro::wait_group goroutines;
  std::vector<std::thread> threads;
  for (int i = 0; i != 10; ++i)
    goroutines.go([&] {
      g.wait();
      ++awake;
    });
  for (int i = 0; i != 3; ++i)
    threads.emplace_back([&] {
      g.wait();
      ++awake;
    });
  goro::sleep_for(2ms);
  g.done();
  EXPECT_EQ(awake, 0);
  g.done();
  goroutines.wait();
  for (std::thread& t : threads) t.join();
  EXPECT_EQ(awake, 13);
}

// The last done is held up between the step of the count to zero and the waking of who waits: the moment in
// which an add from zero can be told from a right one. Whether the add comes in that moment is not to be seen
// from outside, so a round in which it came too late is played again.
TEST_F(WaitGroup, WG05_AnAddFromZeroWhileAWaitIsUnderWayThrows) {
  std::string words;
  for (int round = 0; round != 1000 && words.empty(); ++round) {
    goro::wait_group g;
    g.add();
    std::thread waiter([&] {
      try {
        g.wait();
      } catch (const std::logic_error&) {
        // It saw the add, which was not refused, or not undone yet.
      }
    });
    while (word_of(g) != one_counted_one_waits) std::this_thread::yield();

    goro::detail::wait_list_lock& lock = goro::detail::lock_of(&g);
    lock.lock();
    std::thread last([&] { g.done(); });
    while (word_of(g) != none_counted_one_waits) std::this_thread::yield();
    std::atomic<bool> adding{false};
    std::thread late([&] {
      adding = true;
      try {
        g.add();
        g.done();
      } catch (const std::logic_error& e) {
        words = e.what();
      }
    });
    while (!adding) std::this_thread::yield();
    std::this_thread::sleep_for(1ms);
    lock.unlock();

    last.join();
    late.join();
    waiter.join();
    EXPECT_TRUE(g.wait_for(0s)) << "the count is as it was";
  }
  EXPECT_NE(words.find("wait_group::add"), std::string::npos) << words;
  EXPECT_NE(words.find("from zero"), std::string::npos) << words;
}

// On one P the goroutine that done() has woken runs when the caller parks, so the group is in use again by
// then. (If the monitor has given the P to another thread in between, it is not: then once more.)
TEST_F(WaitGroup, WG05_AWaitThatFindsTheGroupUsedAgainThrows) {
  const goro_test::procs_for_now one(1);
  std::string words;
  on_goroutine([&] {
    for (int round = 0; round != 1000 && words.empty(); ++round) {
      goro::wait_group g;
      goro::wait_group ended;
      g.add();
      ended.go([&] {
        try {
          g.wait();
        } catch (const std::logic_error& e) {
          words = e.what();
        }
      });
      ASSERT_TRUE(eventually([&] { return word_of(g) == one_counted_one_waits; }));
      g.done();
      g.add();
      ended.wait();
      g.done();
      ASSERT_TRUE(g.wait_for(0s));
    }
  });
  EXPECT_NE(words.find("wait_group::wait"), std::string::npos) << words;
  EXPECT_NE(words.find("reused"), std::string::npos) << words;
}

TEST_F(WaitGroup, WG05_ReuseAfterWaitHasReturned) {
  goro::wait_group g;
  std::atomic<int> sum{0};
  for (int round = 0; round != 100; ++round) {
    g.add(3);
    for (int i = 0; i != 3; ++i)
      goro::go([&] {
        ++sum;
        g.done();
      });
    g.wait();
    ASSERT_EQ(sum, 3 * (round + 1));
  }
}

TEST_F(WaitGroup, CannotBeCopiedOrMoved) {
  static_assert(!std::is_copy_constructible_v<goro::wait_group>);
  static_assert(!std::is_move_constructible_v<goro::wait_group>);
  static_assert(!std::is_copy_assignable_v<goro::wait_group>);
}

}  // namespace
