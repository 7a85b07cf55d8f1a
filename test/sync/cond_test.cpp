// SPDX-License-Identifier: MIT
#include "sched/introspect.hpp"
#include "sched/on_goroutine.hpp"
#include "support/at_procs.hpp"
#include "support/eventually.hpp"
#include "sync/small_lock.hpp"

#include <goro/goro.hpp>
#include <goro/sync.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <mutex>
#include <thread>
#include <type_traits>
#include <vector>

namespace {

using namespace std::chrono_literals;
using goro_test::eventually;
using goro_test::on_goroutine;
using goro_test::small_lock;

bool waiting(std::size_t n) {
  return eventually([n] { return goro::detail::parked_count(goro::detail::wait_reason::cond) == n; });
}

class Cond : public testing::Test {
 protected:
  void SetUp() override { before_ = goro_test::settled_goroutines(); }
  void TearDown() override {
    EXPECT_TRUE(eventually([&] { return goro::num_goroutine() == before_; })) << goro::num_goroutine();
  }
  goro_test::hang_guard guard_{"Cond"};
  std::size_t before_ = 0;
};

static_assert(!std::is_copy_constructible_v<goro::cond<std::mutex>>);
static_assert(!std::is_move_constructible_v<goro::cond<std::mutex>>);
static_assert(!std::is_copy_assignable_v<goro::cond<std::mutex>>);

TEST_F(Cond, CO01_NotifyOneWakesExactlyOneOfTwo) {
  small_lock m;
  goro::cond changed(m);
  const auto awake = goro::make_chan<int>(2);
  for (int i = 0; i != 2; ++i)
    goro::go([&] {
      {
        const std::lock_guard hold(m);
        changed.wait();
      }
      awake.send(1);
    });
  ASSERT_TRUE(waiting(2));
  for (int left = 1; left >= 0; --left) {
    {
      const std::lock_guard hold(m);
      changed.notify_one();
    }
    EXPECT_TRUE(awake.recv());
    EXPECT_TRUE(waiting(static_cast<std::size_t>(left)));
    EXPECT_EQ(awake.len(), 0u);
  }
  changed.notify_one();  // nobody waits: nothing is kept
  changed.notify_all();
  const std::lock_guard hold(m);
  EXPECT_FALSE(changed.wait_for(1ms));
}

TEST_F(Cond, CO02_AHundredWakeInTheOrderOfTheirArrival) {
  small_lock m;
  goro::cond changed(m);
  const auto awake = goro::make_chan<int>();
  for (std::size_t i = 0; i != 100; ++i) {
    goro::go([&, i] {
      {
        const std::lock_guard hold(m);
        changed.wait();
      }
      awake.send(static_cast<int>(i));
    });
    ASSERT_TRUE(waiting(i + 1));
  }
  for (int i = 0; i != 100; ++i) {
    changed.notify_one();
    EXPECT_EQ(awake.recv(), i);
  }
}

TEST_F(Cond, CO02_ThreadsStandInTheSameLine) {
  std::mutex m;
  goro::cond changed(m);
  std::atomic<int> entered{0};
  std::atomic<int> awake{-1};
  std::vector<std::thread> threads;
  for (int i = 0; i != 6; ++i) {
    threads.emplace_back([&, i] {
      const std::lock_guard hold(m);
      ++entered;
      changed.wait();
      awake = i;
    });
    ASSERT_TRUE(eventually([&] { return entered == i + 1; }));
    const std::lock_guard hold(m);  // it waits once the lock is free: queued comes before released
  }
  for (int i = 0; i != 6; ++i) {
    changed.notify_one();
    EXPECT_TRUE(eventually([&] { return awake == i; })) << awake;
  }
  for (std::thread& t : threads) t.join();
}

TEST_F(Cond, CO04_ThreePartiesPassThroughOneTwoThree) {
  small_lock m;
  goro::cond changed(m);
  int x = 0;
  goro::wait_group parties;
  parties.go([&] {
    const std::lock_guard hold(m);
    x = 1;
    changed.wait([&] { return x == 2; });
    x = 3;
    changed.notify_one();
  });
  parties.go([&] {
    for (;;) {
      {
        const std::lock_guard hold(m);
        if (x == 1) {
          x = 2;
          changed.notify_one();
          return;
        }
      }
      goro::yield();
    }
  });
  parties.go([&] {
    for (;;) {
      {
        const std::lock_guard hold(m);
        if (x == 2) {
          changed.wait([&] { return x == 3; });
          return;
        }
        if (x == 3) return;
      }
      goro::yield();
    }
  });
  parties.wait();
  EXPECT_EQ(x, 3);
}

TEST_F(Cond, TheLockIsFreeWhileOneWaitsAndHeldAfterwards) {
  const auto check = [] {
    small_lock m;
    goro::cond changed(m);
    std::unique_lock hold(m);
    goro::go([&] {
      const std::lock_guard other(m);  // only when the wait below has released it
      changed.notify_all();
    });
    changed.wait();
    bool taken = false;
    goro::wait_group other;
    other.go([&] {
      const std::lock_guard late(m);
      taken = true;
    });
    for (int i = 0; i != 10; ++i) goro::yield();
    EXPECT_FALSE(taken);
    hold.unlock();
    other.wait();
    EXPECT_TRUE(taken);
  };
  check();
  on_goroutine(check);
}

TEST_F(Cond, TimedWaitsTellWhetherTheyWereNotified) {
  const auto check = [] {
    small_lock m;
    goro::cond changed(m);
    bool open = false;
    const std::unique_lock hold(m);
    const auto start = goro::clock::now();
    EXPECT_FALSE(changed.wait_for(3ms));
    EXPECT_GE(goro::clock::now() - start, 3ms);
    EXPECT_FALSE(changed.wait_for(0s));
    EXPECT_FALSE(changed.wait_for(-1h));
    EXPECT_FALSE(changed.wait_for(2ms, [&] { return open; }));
    EXPECT_FALSE(changed.wait_until(goro::clock::now() + 2ms));
    EXPECT_FALSE(changed.wait_until(std::chrono::system_clock::now() + 2ms, [&] { return open; }));
    EXPECT_TRUE(changed.wait_for(-1h, [] { return true; }));
    goro::go([&] {
      const std::lock_guard other(m);
      changed.notify_one();
    });
    EXPECT_TRUE(changed.wait_for(1h));
    goro::go([&] {
      const std::lock_guard other(m);
      changed.notify_one();
    });
    EXPECT_TRUE(changed.wait_until(std::chrono::steady_clock::now() + 1h));
    goro::go([&] {
      const std::lock_guard other(m);
      open = true;
      changed.notify_one();
    });
    EXPECT_TRUE(changed.wait_for(std::chrono::duration<double>(3600), [&] { return open; }));
  };
  check();
  on_goroutine(check);
}

TEST_F(Cond, AnExceptionOfThePredicateComesOutWithTheLockHeld) {
  small_lock m;
  goro::cond changed(m);
  std::unique_lock hold(m);
  int asked = 0;
  goro::go([&] {
    const std::lock_guard other(m);
    changed.notify_one();
  });
  EXPECT_THROW(changed.wait([&]() -> bool {
    if (++asked == 2) throw 1;
    return false;
  }),
               int);
  EXPECT_EQ(asked, 2);
  hold.unlock();  // would hang if it were not held
  const std::lock_guard again(m);
}

}  // namespace
