// SPDX-License-Identifier: MIT
#include "sched/hooks.hpp"
#include "sched/introspect.hpp"

#include "sched/on_goroutine.hpp"
#include "support/at_procs.hpp"
#include "support/eventually.hpp"
#include "sync/cancel_by_hand.hpp"

#include <goro/goro.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <concepts>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <type_traits>
#include <vector>

namespace {

using namespace std::chrono_literals;
using goro::detail::wait_reason;
using goro_test::eventually;
using goro_test::on_goroutine;
using goro_test::procs_for_now;

constinit goro::mutex global_mutex;  // usable as a constant-initialised global
static_assert(std::is_trivially_destructible_v<goro::mutex>);

// MU07
static_assert(!std::is_copy_constructible_v<goro::mutex> && !std::is_copy_assignable_v<goro::mutex>);
static_assert(!std::is_move_constructible_v<goro::mutex> && !std::is_move_assignable_v<goro::mutex>);

template <class L>
concept basic_lockable = requires(L m) {
  m.lock();
  m.unlock();
};
template <class L>
concept lockable = basic_lockable<L> && requires(L m) {
  { m.try_lock() } -> std::same_as<bool>;
};
template <class L>
concept timed_lockable = lockable<L> && requires(L m) {
  { m.try_lock_for(1ms) } -> std::same_as<bool>;
  { m.try_lock_for(std::chrono::duration<double>(0.5)) } -> std::same_as<bool>;
  { m.try_lock_until(goro::clock::now()) } -> std::same_as<bool>;
  { m.try_lock_until(std::chrono::steady_clock::now()) } -> std::same_as<bool>;
  { m.try_lock_until(std::chrono::system_clock::now()) } -> std::same_as<bool>;
};
static_assert(timed_lockable<goro::mutex>);
static_assert(requires(goro::mutex m, const goro::context& ctx) {
  { m.lock(ctx) } -> std::same_as<std::error_code>;
});

std::size_t waiting() { return goro::detail::parked_count(wait_reason::mutex); }
bool until_waiting(std::size_t n) {
  return eventually([n] { return waiting() == n; });
}

class Mutex : public testing::Test {
 protected:
  void SetUp() override { before_ = goro_test::settled_goroutines(); }
  void TearDown() override {
    EXPECT_TRUE(eventually([&] { return goro::num_goroutine() == before_; })) << goro::num_goroutine();
  }
  goro_test::hang_guard guard_{"Mutex"};
  std::size_t before_ = 0;
};

TEST_F(Mutex, MU01_TryLockIsFalseWhenHeldAndTrueWhenFree) {
  goro::mutex m;
  const auto check = [&] {
    EXPECT_TRUE(m.try_lock());
    EXPECT_FALSE(m.try_lock());
    m.unlock();
    m.lock();
    EXPECT_FALSE(m.try_lock());
    m.unlock();
    EXPECT_TRUE(m.try_lock());
    m.unlock();
  };
  check();
  on_goroutine(check);
  std::lock_guard hold(global_mutex);
  EXPECT_FALSE(global_mutex.try_lock());
}

TEST_F(Mutex, MU01_TryLockNeverWaitsAlthoughOthersDo) {
  goro::mutex m;
  goro::wait_group done;
  m.lock();
  for (int i = 0; i != 3; ++i) done.go([&] { std::lock_guard hold(m); });
  ASSERT_TRUE(until_waiting(3));
  EXPECT_FALSE(m.try_lock());
  m.unlock();
  done.wait();
  EXPECT_TRUE(m.try_lock());
  m.unlock();
}

TEST_F(Mutex, MU02_UnlockOfWhatIsNotLockedThrowsAndChangesNothing) {
  goro::mutex m;
  const auto refused = [&] {
    try {
      m.unlock();
      ADD_FAILURE() << "an unlock without a lock was taken";
    } catch (const std::logic_error& e) {
      EXPECT_NE(std::string(e.what()).find("unlock"), std::string::npos) << e.what();
      EXPECT_EQ(std::string(e.what()).find("goro: mutex::unlock: "), 0u) << e.what();
    }
  };
  const auto check = [&] {
    refused();  // a new one
    m.lock();
    m.unlock();
    refused();  // a second time
    EXPECT_TRUE(m.try_lock());
    EXPECT_FALSE(m.try_lock());
    m.unlock();
    refused();
  };
  check();
  on_goroutine(check);
}

TEST_F(Mutex, MU06_LockedHereUnlockedThere) {
  goro::mutex m;
  for (int round = 0; round != 100; ++round) {
    m.lock();
    goro::go([&] { m.unlock(); });
    m.lock();
    std::thread([&] { m.unlock(); }).join();
    on_goroutine([&] { m.lock(); });
    m.unlock();
  }
}

TEST_F(Mutex, ParkingWhileHoldingIsLegal) {
  goro::mutex m;
  goro::wait_group done;
  int inside = 0;
  for (int i = 0; i != 8; ++i)
    done.go([&] {
      for (int n = 0; n != 20; ++n) {
        std::lock_guard hold(m);
        EXPECT_EQ(++inside, 1);
        if (n % 4 == 0)
          goro::sleep_for(10us);
        else
          goro::yield();
        --inside;
      }
    });
  done.wait();
}

TEST_F(Mutex, TimedFormsTellWhetherTheyGotIt) {
  goro::mutex m;
  const auto check = [&] {
    m.lock();
    const auto start = goro::clock::now();
    EXPECT_FALSE(m.try_lock_for(5ms));
    EXPECT_GE(goro::clock::now() - start, 5ms);
    EXPECT_FALSE(m.try_lock_until(std::chrono::system_clock::now() + 2ms));
    EXPECT_FALSE(m.try_lock_for(0s));
    EXPECT_FALSE(m.try_lock_for(-1h));
    EXPECT_FALSE(m.try_lock_until(goro::clock::now() - 1s));
    m.unlock();
    EXPECT_TRUE(m.try_lock_for(std::chrono::hours::max()));
    m.unlock();
    EXPECT_TRUE(m.try_lock_for(-1s));  // free: needs no time
    m.unlock();
    EXPECT_TRUE(m.try_lock_until(goro::clock::time_point::min()));
    m.unlock();
  };
  check();
  on_goroutine(check);
}

TEST_F(Mutex, ATimedWaiterIsWokenByUnlock) {
  goro::mutex m;
  m.lock();
  auto got = goro::async([&] { return m.try_lock_for(1h); });
  ASSERT_TRUE(until_waiting(1));
  m.unlock();
  EXPECT_TRUE(got.get());
  m.unlock();
}

// The bits must be right after each of the three has left: the first, the last, the only one.
TEST_F(Mutex, WhoGivesUpLeavesTheQueueWhole) {
  for (const bool old : {false, true}) {
    for (int leaves = 0; leaves != 3; ++leaves) {
      goro::mutex m;
      goro_test::cancel_by_hand cancel;
      goro::wait_group done;
      std::atomic<int> got{0};
      std::error_code ended;
      m.lock();
      for (int i = 0; i != 3; ++i) {
        done.go([&, i] {
          if (i == leaves) {
            ended = goro::detail::lock_unless_cancelled(m, &cancel);
            return;
          }
          std::lock_guard hold(m);
          ++got;
        });
        ASSERT_TRUE(until_waiting(static_cast<std::size_t>(i) + 1));
      }
      if (old) goro::sleep_for(2ms);
      cancel.cancel();
      ASSERT_TRUE(until_waiting(2));
      EXPECT_EQ(got, 0);
      m.unlock();
      done.wait();
      EXPECT_EQ(got, 2);
      EXPECT_EQ(ended, goro::errc::canceled);
      EXPECT_TRUE(m.try_lock());
      m.unlock();
    }
  }
}

TEST_F(Mutex, LockWithACanceller) {
  using goro::detail::lock_unless_cancelled;
  goro::mutex m;
  const auto check = [&] {
    goro_test::cancel_by_hand cancel;
    EXPECT_FALSE(lock_unless_cancelled(m, nullptr));
    m.unlock();
    EXPECT_FALSE(lock_unless_cancelled(m, &cancel));
    cancel.cancel();
    EXPECT_EQ(lock_unless_cancelled(m, &cancel), goro::errc::canceled);  // while it is held
    m.unlock();
    EXPECT_EQ(lock_unless_cancelled(m, &cancel), goro::errc::canceled);  // and although it is free
    EXPECT_TRUE(m.try_lock());
    m.unlock();
  };
  check();
  on_goroutine(check);
}

TEST_F(Mutex, StandardGuardsTakeIt) {
  goro::mutex a;
  goro::mutex b;
  goro::wait_group done;
  int count = 0;
  for (int i = 0; i != 8; ++i)
    done.go([&, i] {
      for (int n = 0; n != 100; ++n) {
        if (i % 2 == 0) {
          std::scoped_lock both(a, b);
          ++count;
        } else {
          std::scoped_lock both(b, a);
          ++count;
        }
      }
    });
  done.wait();
  EXPECT_EQ(count, 800);
  std::unique_lock hold(a, std::try_to_lock);
  EXPECT_TRUE(hold.owns_lock());
  std::unique_lock other(a, 1ms);
  EXPECT_FALSE(other.owns_lock());
  hold.unlock();
  EXPECT_TRUE(other.try_lock_until(std::chrono::steady_clock::now() + 1s));
}

TEST_F(Mutex, ConditionVariableAnyTakesIt) {
  goro::mutex m;
  std::condition_variable_any changed;
  int turn = 0;
  const auto play = [&](int mine) {
    for (int n = 0; n != 50; ++n) {
      std::unique_lock hold(m);
      changed.wait(hold, [&] { return turn == mine; });
      turn = 1 - mine;
      changed.notify_all();
    }
  };
  std::thread even([&] { play(0); });
  std::thread odd([&] { play(1); });
  even.join();
  odd.join();
  EXPECT_EQ(turn, 0);
}

// Who has the lock last may destroy it, though the unlock before is still on its way out.
TEST_F(Mutex, MayBeDestroyedByWhoGotItLast) {
  for (int round = 0; round != 500; ++round) {
    auto m = std::make_unique<goro::mutex>();
    m->lock();
    auto last = goro::async([&] {
      m->lock();
      m->unlock();
      m.reset();
    });
    if (round % 2 == 0) {
      ASSERT_TRUE(until_waiting(1));
    }
    m->unlock();
    last.get();
  }
}

// ---- who watches locks

std::vector<std::string> events;
const void* watched = nullptr;
void note(std::string what, const void* lock) {
  if (lock == watched) events.push_back(std::move(what));
}
void note_lock(const char* what, const goro::detail::watched_lock& lock) {
  note(std::string(what) + (lock.limited ? ", limited" : ""), lock.at);
}
constexpr goro::detail::lock_watcher watcher{
    .wants = [](const goro::detail::watched_lock& lock) noexcept { note_lock("wants", lock); },
    .got = [](const goro::detail::watched_lock& lock) noexcept { note_lock("got", lock); },
    .gave_up = []() noexcept { note("gave up", watched); },
    .released = [](const goro::detail::watched_lock& lock) noexcept { note_lock("released", lock); },
    .waits = nullptr,  // there are no wait groups here
    .waited = nullptr,
    .counted = nullptr,
    .uncounted = nullptr,
    .made = nullptr,
    .destroyed = nullptr,
    .used = nullptr};

TEST_F(Mutex, TellsAWatcherWhoWantsItAndWhoHasIt) {
  goro::mutex m;
  events.clear();
  watched = &m;
  const auto* const before = goro::detail::hooks.locks;
  const bool before_set = goro::detail::locks_are_watched;
  goro::detail::hooks.locks = &watcher;
  goro::detail::locks_are_watched = true;
  const bool by_store = std::exchange(goro::detail::unlock_by_store, false);
  m.lock();
  EXPECT_FALSE(m.try_lock());
  EXPECT_FALSE(m.try_lock_for(1ms));
  m.unlock();
  EXPECT_TRUE(m.try_lock());
  m.unlock();
  EXPECT_THROW(m.unlock(), std::logic_error);
  goro::detail::unlock_by_store = by_store;
  goro::detail::locks_are_watched = before_set;
  goro::detail::hooks.locks = before;
  EXPECT_EQ(events, (std::vector<std::string>{"got", "wants, limited", "gave up", "released", "got, limited", "released"}));
}

}  // namespace
