// SPDX-License-Identifier: MIT
// The mutex's two modes. What depends on who is quicker is a matter of the machine as well, so there one round of
// many has to show it: a mutex without the rule shows it in none.
#include "sched/introspect.hpp"

#include "sched/on_goroutine.hpp"
#include "support/at_procs.hpp"
#include "support/eventually.hpp"

#include <goro/goro.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <mutex>
#include <vector>

namespace {

using namespace std::chrono_literals;
using goro::detail::wait_reason;
using goro_test::eventually;
using goro_test::on_goroutine;
using goro_test::procs_for_now;

std::size_t waiting() { return goro::detail::parked_count(wait_reason::mutex); }
bool until_waiting(std::size_t n) {
  return eventually([n] { return waiting() == n; });
}

// A round is played until the machine has let it be: as a rule that is the first.
template <class Round>
bool in_some_round(Round shows) {
  for (int i = 0; i != 1'000; ++i)
    if (shows()) return true;
  return false;
}

class MutexModes : public testing::Test {
 protected:
  void SetUp() override { before_ = goro_test::settled_goroutines(); }
  void TearDown() override {
    EXPECT_TRUE(eventually([&] { return goro::num_goroutine() == before_; })) << goro::num_goroutine();
  }
  goro_test::hang_guard guard_{"MutexModes"};
  std::size_t before_ = 0;
};

TEST_F(MutexModes, MU04_AnOldWaiterIsHandedTheLockPastNewcomers) {
  for (const int procs : {1, 4}) {
    const procs_for_now now(procs);
    on_goroutine([] {
      goro::mutex m;
      goro::wait_group done;
      bool had_it = false;  // under m
      m.lock();
      done.go([&] {
        std::lock_guard hold(m);
        had_it = true;
      });
      ASSERT_TRUE(until_waiting(1));
      goro::sleep_for(2ms);  // the age is what is being tested
      m.unlock();
      m.lock();  // in normal mode the one that runs would take it at once
      EXPECT_TRUE(had_it);
      m.unlock();
      done.wait();
    });
  }
}

TEST_F(MutexModes, MU04_AYoungWaiterCompetesWithNewcomers) {
  const procs_for_now one(1);
  on_goroutine([] {
    EXPECT_TRUE(in_some_round([] {
      goro::mutex m;
      goro::wait_group done;
      bool had_it = false;  // under m
      m.lock();
      done.go([&] {
        std::lock_guard hold(m);
        had_it = true;
      });
      while (waiting() != 1) goro::yield();
      m.unlock();
      m.lock();
      const bool overtaken = !had_it;
      m.unlock();
      done.wait();
      return overtaken;
    }));
  });
}

TEST_F(MutexModes, MU04_InStarvationModeTheOrderIsThatOfArrival) {
  for (const int procs : {1, 4}) {
    const procs_for_now now(procs);
    goro::mutex m;
    goro::wait_group done;
    std::vector<int> order;  // under m
    m.lock();
    constexpr int n = 50;
    for (int i = 0; i != n; ++i) {
      done.go([&, i] {
        std::lock_guard hold(m);
        order.push_back(i);
      });
      ASSERT_TRUE(until_waiting(static_cast<std::size_t>(i) + 1));
    }
    goro::sleep_for(2ms);
    m.unlock();
    done.wait();
    ASSERT_EQ(order.size(), std::size_t{n});
    for (int i = 0; i != n; ++i) EXPECT_EQ(order[static_cast<std::size_t>(i)], i);
    // The mode has ended with the last one.
    EXPECT_TRUE(m.try_lock());
    m.unlock();
  }
}

// One of many is on its way at a time: the next is woken once that one has had the lock, or has lost.
TEST_F(MutexModes, MU04_OneIsWokenAtATime) {
  constexpr std::size_t waiters = goro_test::under_sanitizer ? 3 : 10;  // all young: younger than a millisecond
  const procs_for_now one(1);
  on_goroutine([] {
    EXPECT_TRUE(in_some_round([] {
      goro::mutex m;
      goro::wait_group done;
      m.lock();
      for (std::size_t n = 0; n != waiters; ++n) done.go([&] { std::lock_guard hold(m); });
      while (waiting() != waiters) goro::yield();
      for (int n = 0; n != 5; ++n) {
        m.unlock();
        m.lock();
      }
      const std::size_t left = waiting();
      m.unlock();
      done.wait();
      return left == waiters - 1;
    }));
  });
}

TEST_F(MutexModes, MU04_WhoIsWokenAndLosesGoesBackToTheFront) {
  const procs_for_now one(1);
  on_goroutine([] {
    for (int round = 0; round != 20; ++round) {
      goro::mutex m;
      goro::wait_group done;
      std::vector<int> order;  // under m
      m.lock();
      for (int i = 0; i != 3; ++i) {
        done.go([&, i] {
          std::lock_guard hold(m);
          order.push_back(i);
        });
        while (waiting() != static_cast<std::size_t>(i) + 1) goro::yield();
      }
      m.unlock();
      m.lock();
      while (waiting() != 3 - order.size()) goro::yield();  // the first has lost, or was handed the lock
      m.unlock();
      done.wait();
      EXPECT_EQ(order, (std::vector<int>{0, 1, 2}));
    }
  });
}

// The woken one waits in the run_next of the one that goes on; left to the monitor, it would be let out after a
// slice of 10 ms.
TEST_F(MutexModes, MU04_WhoLocksInALoopGivesWayToTheOneItHasWoken) {
  const procs_for_now one(1);
  on_goroutine([] {
    EXPECT_TRUE(in_some_round([] {
      goro::mutex m;
      goro::wait_group done;
      bool had_it = false;  // under m
      m.lock();
      done.go([&] {
        std::lock_guard hold(m);
        had_it = true;
      });
      while (waiting() != 1) goro::yield();
      const auto before = goro::detail::counters();
      m.unlock();
      m.lock();
      const bool handed = had_it;  // the machine stopped for a millisecond: that is another rule
      while (!had_it) {
        m.unlock();
        m.lock();
      }
      const auto after = goro::detail::counters();
      m.unlock();
      done.wait();
      return !handed && after.revoked_hogs == before.revoked_hogs && after.handoffs == before.handoffs;
    }));
  });
}

// Handed over to one that has not waited for long, though another one waits: that one can be overtaken again.
TEST_F(MutexModes, MU04_TheModeEndsWithATakerThatWasYoung) {
  const procs_for_now one(1);
  on_goroutine([] {
    EXPECT_TRUE(in_some_round([] {
      goro::mutex m;
      goro::wait_group done;
      bool last_had_it = false;  // under m
      bool overtaken = false;    // under m
      m.lock();
      done.go([&] { std::lock_guard hold(m); });
      while (waiting() != 1) goro::yield();
      goro::sleep_for(1500us);  // that one is old
      done.go([&] {
        m.lock();
        m.unlock();
        m.lock();
        overtaken = !last_had_it;
        m.unlock();
      });
      while (waiting() != 2) goro::yield();
      done.go([&] {
        std::lock_guard hold(m);
        last_had_it = true;
      });
      while (waiting() != 3) goro::yield();
      m.unlock();
      done.wait();
      return overtaken;
    }));
  });
}

// How many of `tries` goroutines, all old so that each unlock hands over, saw their successor run before their
// own unlock returned.
int handed_over_first(int tries) {
  goro::mutex m;
  goro::wait_group done;
  std::vector<std::atomic<bool>> ran(static_cast<std::size_t>(tries) + 1);
  std::size_t arrived = 0;  // under m
  std::atomic<int> first{0};
  m.lock();
  for (int i = 0; i != tries; ++i)
    done.go([&] {
      m.lock();
      const std::size_t mine = arrived++;
      ran[mine].store(true, std::memory_order_relaxed);
      m.unlock();
      if (ran[mine + 1].load(std::memory_order_relaxed)) ++first;
    });
  EXPECT_TRUE(until_waiting(static_cast<std::size_t>(tries)));
  goro::sleep_for(2ms);
  m.unlock();
  done.wait();
  EXPECT_EQ(arrived, static_cast<std::size_t>(tries));
  return first;
}

TEST_F(MutexModes, MU05_HandOffLetsTheWaiterRunBeforeTheReleaserContinues) {
  // TSan has room for some 8,000 fibers. Watched by GORO_DEBUG=deadlock each try takes a thousand times as long.
  const int tries = std::max(500, goro_test::scaled(goro_test::under_tsan ? 2'000 : 10'000));
  for (const int procs : {1, 2, goro::num_cpu()}) {
    const procs_for_now now(procs);
    // On a machine that keeps stopping one of the threads, the other takes the waiters away: then once more.
    int best = 0;
    for (int i = 0; i != 50 && best < tries * 2 / 3; ++i) best = std::max(best, handed_over_first(tries));
    EXPECT_GE(best, tries * 2 / 3) << "at P = " << procs;
  }
}

}  // namespace
