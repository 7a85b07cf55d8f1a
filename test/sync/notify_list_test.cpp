// SPDX-License-Identifier: MIT
// The list under cond and condition_variable: what cannot be seen without a canceller, or a lock, of one's own.
#include "sched/introspect.hpp"
#include "sched/on_goroutine.hpp"
#include "support/at_procs.hpp"
#include "support/eventually.hpp"
#include "sync/cancel_by_hand.hpp"
#include "sync/small_lock.hpp"

#include <goro/goro.hpp>
#include <goro/sync.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <mutex>
#include <stdexcept>

namespace {

using goro::detail::never;
using goro::detail::notify_list;
using goro::detail::user_lock;
using goro_test::eventually;
using goro_test::on_goroutine;
using goro_test::procs_for_now;
using goro_test::cancel_by_hand;
using goro_test::small_lock;
using ended = notify_list::ended;

std::size_t parked() { return goro::detail::parked_count(goro::detail::wait_reason::cond); }

class NotifyList : public testing::Test {
 protected:
  void SetUp() override { before_ = goro_test::settled_goroutines(); }
  void TearDown() override {
    EXPECT_TRUE(eventually([&] { return goro::num_goroutine() == before_; })) << goro::num_goroutine();
  }
  goro_test::hang_guard guard_{"NotifyList"};
  std::size_t before_ = 0;
};

// Waits in a goroutine of its own and notes how that ended.
struct wait_in_goroutine {
  explicit wait_in_goroutine(notify_list& list, goro::detail::canceller* by = nullptr) {
    goro::go([this, &list, by] {
      {
        const std::lock_guard hold(m);
        how = list.wait(user_lock(m), never, by);
      }
      over = true;
    });
  }
  [[nodiscard]] bool comes_back() {
    return eventually([&] { return over.load(); });
  }

  small_lock m;
  ended how = ended::timed_out;
  std::atomic<bool> over{false};
};

TEST_F(NotifyList, ADoneCancellerEndsTheWaitAtOnceWithTheLockHeldThroughout) {
  struct counting_lock {
    int calls = 0;
    void lock() { ++calls; }
    void unlock() { ++calls; }
  } m;
  notify_list list;
  cancel_by_hand by;
  by.cancel();
  EXPECT_EQ(list.wait(user_lock(m), never, &by), ended::canceled);
  EXPECT_EQ(m.calls, 0);
}

TEST_F(NotifyList, ACancelledWaitHasTheLockAgainAndIsOffTheList) {
  const auto check = [] {
    notify_list list;
    cancel_by_hand by;
    small_lock m;
    std::unique_lock hold(m);
    goro::go([&] {
      const std::lock_guard other(m);  // once the wait has released it
      by.cancel();
    });
    EXPECT_EQ(list.wait(user_lock(m), never, &by), ended::canceled);
    hold.unlock();
    wait_in_goroutine next(list);
    EXPECT_TRUE(eventually([] { return parked() == 1; }));
    list.notify_one();
    EXPECT_TRUE(next.comes_back());
    EXPECT_EQ(next.how, ended::notified);
  };
  check();
  on_goroutine(check);
}

// At one P, between two lines of this goroutine no other runs, so the moment can be chosen.
TEST_F(NotifyList, ANotificationPassesOverWhoWasCancelledJustBefore) {
  const procs_for_now one(1);
  on_goroutine([] {
    notify_list list;
    cancel_by_hand by;
    wait_in_goroutine first(list, &by);
    EXPECT_TRUE(eventually([] { return parked() == 1; }));
    wait_in_goroutine second(list);
    EXPECT_TRUE(eventually([] { return parked() == 2; }));
    by.cancel();  // the first is ready, and still on the list
    list.notify_one();
    EXPECT_TRUE(first.comes_back());
    EXPECT_TRUE(second.comes_back());
    EXPECT_EQ(first.how, ended::canceled);
    EXPECT_EQ(second.how, ended::notified);
  });
}

TEST_F(NotifyList, ACancellationPassesOverWhoWasNotifiedJustBefore) {
  const procs_for_now one(1);
  on_goroutine([] {
    notify_list list;
    cancel_by_hand by;
    wait_in_goroutine first(list, &by);
    EXPECT_TRUE(eventually([] { return parked() == 1; }));
    wait_in_goroutine second(list);
    EXPECT_TRUE(eventually([] { return parked() == 2; }));
    list.notify_one();
    by.cancel();
    EXPECT_TRUE(first.comes_back());
    EXPECT_EQ(first.how, ended::notified);
    for (int i = 0; i != 10; ++i) goro::yield();
    EXPECT_FALSE(second.over);
    list.notify_one();
    EXPECT_TRUE(second.comes_back());
    EXPECT_EQ(second.how, ended::notified);
  });
}

// A lock whose own functions use the list: they would hang if the list's lock were held around them, and the
// wait would hang if it released the lock before it was queued.
TEST_F(NotifyList, IsQueuedBeforeTheLockIsReleasedAndHoldsNoLockOfItsOwnThen) {
  struct notifying_lock {
    notify_list& list;
    int locked = 0;
    int unlocked = 0;
    void lock() {
      ++locked;
      list.notify_all();
    }
    void unlock() {
      ++unlocked;
      list.notify_one();
    }
  };
  const auto check = [] {
    notify_list list;
    notifying_lock m{list};
    EXPECT_EQ(list.wait(user_lock(m), never, nullptr), ended::notified);
    EXPECT_EQ(m.unlocked, 1);
    EXPECT_EQ(m.locked, 1);
  };
  check();
  on_goroutine(check);
}

// Releasing a lock may itself wait, as one that hands over directly does. Nobody may wake the caller from that
// wait in place of the one it has not yet begun.
TEST_F(NotifyList, ReleasingTheLockMayWaitForTheNotifier) {
  struct waiting_lock {
    notify_list& list;
    bool all;
    bool came_back = false;
    void lock() {}
    void unlock() {
      const auto notified = goro::make_chan<int>();
      const auto go_on = goro::make_chan<int>();
      goro::go([this, notified, go_on] {
        if (all)
          list.notify_all();
        else
          list.notify_one();
        notified.send(1);
        go_on.send(2);
      });
      EXPECT_EQ(notified.recv(), 1);
      goro::yield();
      EXPECT_EQ(go_on.recv(), 2);
      goro::sleep_for(std::chrono::microseconds(100));
      came_back = true;
    }
  };
  for (const bool all : {false, true}) {
    const auto check = [all] {
      notify_list list;
      waiting_lock m{list, all};
      const auto deadline = goro::detail::deadline_after(std::chrono::hours(1));
      EXPECT_EQ(list.wait(user_lock(m), deadline, nullptr), ended::notified);
      EXPECT_TRUE(m.came_back);
    };
    check();
    on_goroutine(check);
  }
}

TEST_F(NotifyList, AnUnlockThatThrowsLeavesNoWaiterAndLosesNoNotification) {
  struct refusing_lock {
    notify_list& list;
    bool notifies;
    int locked = 0;
    void lock() { ++locked; }
    void unlock() {
      if (notifies) list.notify_one();
      throw std::runtime_error("not yours");
    }
  };
  for (const bool notifies : {false, true})
    on_goroutine([notifies] {
      notify_list list;
      refusing_lock m{list, notifies};
      EXPECT_THROW((void)list.wait(user_lock(m), never, nullptr), std::runtime_error);
      EXPECT_EQ(m.locked, 0);
      wait_in_goroutine next(list);
      EXPECT_TRUE(eventually([] { return parked() == 1; }));
      list.notify_one();  // reaches `next`, so nobody else was left on the list
      EXPECT_TRUE(next.comes_back());
    });
  // The notification that a throwing wait was given serves the one behind it.
  notify_list list;
  goro::wait_group behind;
  struct late_lock {
    notify_list& list;
    goro::wait_group& behind;
    void lock() {}
    void unlock() {
      behind.go([this] {
        small_lock own;
        own.lock();
        (void)list.wait(user_lock(own), never, nullptr);
      });
      if (!eventually([] { return parked() == 1; })) std::abort();
      list.notify_one();  // ends the wait of the caller, who came first
      throw std::runtime_error("not yours");
    }
  } m{list, behind};
  EXPECT_THROW((void)list.wait(user_lock(m), never, nullptr), std::runtime_error);
  behind.wait();
}

TEST_F(NotifyList, ALockThatThrowsComesOutOfTheWait) {
  struct broken_lock {
    notify_list& list;
    void lock() { throw std::runtime_error("gone"); }
    void unlock() { list.notify_one(); }
  };
  on_goroutine([] {
    notify_list list;
    broken_lock m{list};
    EXPECT_THROW((void)list.wait(user_lock(m), never, nullptr), std::runtime_error);
  });
}

}  // namespace
