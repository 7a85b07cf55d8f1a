// SPDX-License-Identifier: MIT
#include "support/at_procs.hpp"
#include "sync/cancel_by_hand.hpp"
#include "sync/small_lock.hpp"

#include <goro/goro.hpp>
#include <goro/sync.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace {

using goro::detail::never;
using goro::detail::notify_list;
using goro::detail::user_lock;
using goro_test::cancel_by_hand;
using goro_test::small_lock;
using std::chrono::microseconds;

class CondStress : public goro_test::AtProcs {};
GORO_AT_PROCS(CondStress);

TEST_P(CondStress, CO03_EachOf200WakesOnceForEachBroadcast) {
  const int rounds = goro_test::scaled(200);
  constexpr int n = 200;
  goro::async([rounds] {
    small_lock m;
    goro::cond changed(m);
    int round = 0;  // these under m
    int waiting = 0;
    std::vector<int> wakings(n);
    const auto all_wait = goro::make_chan<int>(1);
    goro::wait_group waiters;
    for (std::size_t i = 0; i != n; ++i)
      waiters.go([&, i] {
        const std::lock_guard hold(m);
        for (int r = 0; r != rounds; ++r) {
          if (++waiting == n) all_wait.send(r);
          changed.wait();  // without a predicate: that it returns once is what is tested
          ++wakings[i];
          EXPECT_EQ(round, r + 1);
        }
      });
    for (int r = 0; r != rounds; ++r) {
      EXPECT_EQ(all_wait.recv(), r);
      const std::lock_guard hold(m);
      waiting = 0;
      ++round;
      changed.notify_all();
    }
    waiters.wait();
    for (const int w : wakings) EXPECT_EQ(w, rounds);
  }).get();
}

TEST_P(CondStress, CO05_WhoWaitedBeforeABroadcastIsWokenThoughANewOneRacesIn) {
  const int rounds = goro_test::scaled(10'000);
  goro::async([rounds] {
    for (int round = 0; round != rounds; ++round) {
      small_lock m;
      goro::cond changed(m);
      bool done = false;  // under m
      const auto holds = goro::make_chan<int>();
      goro::wait_group old;
      old.go([&] {
        const std::lock_guard hold(m);
        holds.send(0);
        changed.wait();
      });
      (void)holds.recv();
      { const std::lock_guard hold(m); }  // it has released the lock: so it waits
      goro::wait_group racers;
      racers.go([&] { changed.notify_all(); });
      racers.go([&] {
        const std::lock_guard hold(m);
        changed.wait([&] { return done; });
      });
      old.wait();  // hangs if the newcomer could take its place
      {
        const std::lock_guard hold(m);
        done = true;
      }
      changed.notify_all();
      racers.wait();
    }
  }).get();
}

// One notification for a waiter with a limit and one behind it without: exactly one of them gets it. `limited`
// is called with the lock held and says whether it was notified; `meanwhile` is what lets the limit pass.
template <class Limited, class Meanwhile>
void one_of_two_is_notified(Limited limited, Meanwhile meanwhile) {
  small_lock m;
  notify_list list;
  bool first_notified = false;  // these under m
  bool second_notified = false;
  const auto queued = goro::make_chan<int>(2);
  goro::wait_group first;
  goro::wait_group second;
  first.go([&] {
    const std::lock_guard hold(m);
    queued.send(1);
    first_notified = limited(list, m);
  });
  (void)queued.recv();
  second.go([&] {
    const std::lock_guard hold(m);
    queued.send(2);
    (void)list.wait(user_lock(m), never, nullptr);
    second_notified = true;
  });
  (void)queued.recv();
  { const std::lock_guard hold(m); }  // both wait now, or the first has given up
  meanwhile(list);
  first.wait();
  if (first_notified) {
    for (int i = 0; i != 3; ++i) goro::yield();
    {
      const std::lock_guard hold(m);
      ASSERT_FALSE(second_notified) << "one notification ended two waits";
    }
    list.notify_one();
  }
  second.wait();  // hangs if the first took the notification and gave up all the same
}

TEST_P(CondStress, ATimeoutAndANotificationAtTheSameMoment) {
  const int rounds = goro_test::scaled(1'500);
  goro::async([rounds] {
    for (int i = 0; i != rounds; ++i)
      one_of_two_is_notified(
          [i](notify_list& list, small_lock& m) {
            const auto deadline = goro::detail::deadline_after(microseconds(10 + i % 40));
            return list.wait(user_lock(m), deadline, nullptr) == notify_list::ended::notified;
          },
          [i](notify_list& list) {
            goro::sleep_for(microseconds(i % 31));
            list.notify_one();
          });
  }).get();
}

TEST_P(CondStress, ACancellationAndANotificationAtTheSameMoment) {
  const int rounds = goro_test::scaled(10'000);
  goro::async([rounds] {
    for (int i = 0; i != rounds; ++i) {
      cancel_by_hand by;
      one_of_two_is_notified(
          [&by](notify_list& list, small_lock& m) {
            return list.wait(user_lock(m), never, &by) == notify_list::ended::notified;
          },
          [&by, i](notify_list& list) {
            goro::wait_group canceller;
            canceller.go([&by, i] {
              if (i % 3 == 0) goro::yield();
              by.cancel();
            });
            if (i % 2 == 0) goro::yield();
            list.notify_one();
            canceller.wait();
          });
    }
  }).get();
}

// A bounded buffer between goroutines and plain threads; some wait with a limit, and wait again.
TEST_P(CondStress, ABoundedBufferHandsOverEachItemOnce) {
  const int items = goro_test::scaled(1'000);
  constexpr int producers = 6;  // of each three kinds: plain, timed, and threads
  struct {
    small_lock m;
    goro::condition_variable not_full;
    goro::condition_variable not_empty;
    std::deque<int> held;
    int left = 0;
  } buffer;
  buffer.left = producers * items;
  std::vector<std::atomic<int>> seen(static_cast<std::size_t>(buffer.left));
  const auto wait = [](goro::condition_variable& on, std::unique_lock<small_lock>& hold, bool timed,
                       auto ready) {
    if (!timed) return on.wait(hold, ready);
    while (!on.wait_for(hold, microseconds(50), ready)) {
    }
  };
  const auto produce = [&](int who, bool timed) {
    for (int i = 0; i != items; ++i) {
      std::unique_lock hold(buffer.m);
      wait(buffer.not_full, hold, timed, [&] { return buffer.held.size() < 4; });
      buffer.held.push_back(who * items + i);
      hold.unlock();
      buffer.not_empty.notify_one();
    }
  };
  const auto consume = [&](bool timed) {
    for (;;) {
      std::unique_lock hold(buffer.m);
      wait(buffer.not_empty, hold, timed, [&] { return !buffer.held.empty() || buffer.left == 0; });
      if (buffer.left == 0) return;
      ++seen[static_cast<std::size_t>(buffer.held.front())];
      buffer.held.pop_front();
      const bool last = --buffer.left == 0;
      hold.unlock();
      buffer.not_full.notify_one();
      if (last) buffer.not_empty.notify_all();
    }
  };
  goro::wait_group goroutines;
  std::vector<std::thread> threads;
  for (int who = 0; who != producers; ++who) {
    const bool timed = who % 3 == 1;
    if (who % 3 == 2) {
      threads.emplace_back([&, who] { produce(who, false); });
      threads.emplace_back([&] { consume(false); });
    } else {
      goroutines.go([&, who, timed] { produce(who, timed); });
      goroutines.go([&, timed] { consume(timed); });
    }
  }
  goroutines.wait();
  for (std::thread& t : threads) t.join();
  for (const auto& count : seen) ASSERT_EQ(count, 1);
}

// A lock that yields as it is released: notifications find waiters that have not parked yet.
TEST_P(CondStress, NotificationsMeetWaitersThatAreReleasingTheLock) {
  const int turns = goro_test::scaled(3'000);
  struct yielding_lock {
    small_lock inner;
    int releases = 0;
    void lock() { inner.lock(); }
    void unlock() {
      const int n = ++releases;
      inner.unlock();
      if (n % 4 == 1) goro::yield();
      if (n % 16 == 2) goro::sleep_for(microseconds(1));
    }
  };
  constexpr int players = 6;
  yielding_lock m;
  goro::condition_variable changed;
  int turn = 0;  // under m
  const auto play = [&](int who) {
    for (int i = 0; i != turns; ++i) {
      std::unique_lock hold(m);
      changed.wait(hold, [&] { return turn % players == who; });
      ++turn;
      changed.notify_all();
    }
  };
  goro::wait_group goroutines;
  for (int who = 0; who != players - 1; ++who) goroutines.go(play, who);
  std::thread thread(play, players - 1);
  thread.join();
  goroutines.wait();
  EXPECT_EQ(turn, turns * players);
}

// The last one that is notified destroys the object while others of the same broadcast are still on their way.
TEST_P(CondStress, IsDestroyedRightAfterTheBroadcast) {
  const int rounds = goro_test::scaled(5'000);
  goro::async([rounds] {
    for (int round = 0; round != rounds; ++round) {
      small_lock m;
      auto changed = std::make_unique<goro::condition_variable>();
      goro::wait_group waiters;
      const auto queued = goro::make_chan<int>(4);
      for (int i = 0; i != 4; ++i)
        waiters.go([&, i, at = changed.get()] {
          std::unique_lock hold(m);
          queued.send(0);
          if (i % 2 == 0)
            at->wait(hold);
          else
            (void)at->wait_for(hold, microseconds(20));  // may be giving up just then
        });
      for (int i = 0; i != 4; ++i) (void)queued.recv();
      {
        const std::lock_guard hold(m);
        changed->notify_all();
        changed.reset();
      }
      waiters.wait();
    }
  }).get();
}

}  // namespace
