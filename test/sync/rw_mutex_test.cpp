// SPDX-License-Identifier: MIT
#include "sched/hooks.hpp"
#include "sched/introspect.hpp"
#include "sched/on_goroutine.hpp"
#include "support/at_procs.hpp"
#include "support/eventually.hpp"
#include "sync/cancel_by_hand.hpp"
#include "sync/rw_mutex_fixture.hpp"

#include <goro/goro.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <mutex>
#include <shared_mutex>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <type_traits>
#include <vector>

namespace {

using namespace std::chrono_literals;
using goro_test::eventually;
using goro_test::on_goroutine;
using peek = goro::detail::rw_mutex_peek;

constinit goro::rw_mutex global_lock;  // usable as a constant-initialised global

using RwMutex = goro_test::rw_mutex_fixture;

TEST_F(RwMutex, CannotBeCopiedOrMovedAndNeedsNoDestructor) {
  static_assert(!std::is_copy_constructible_v<goro::rw_mutex>);
  static_assert(!std::is_move_constructible_v<goro::rw_mutex>);
  static_assert(!std::is_copy_assignable_v<goro::rw_mutex>);
  static_assert(std::is_trivially_destructible_v<goro::rw_mutex>);
  static_assert(std::is_same_v<goro::shared_mutex, goro::rw_mutex>);
}

TEST_F(RwMutex, WorksWithTheLocksOfTheStandard) {
  const auto use = [] {
    { const std::unique_lock lock(global_lock); }
    { const std::scoped_lock lock(global_lock); }
    { const std::unique_lock lock(global_lock, 1h); }
    { const std::unique_lock lock(global_lock, std::chrono::steady_clock::now() + 1h); }
    { const std::unique_lock lock(global_lock, std::try_to_lock); }
    { const std::shared_lock one(global_lock), two(global_lock, 1h); }
    { const std::shared_lock lock(global_lock, std::chrono::system_clock::now() + 1h); }
    { const std::shared_lock lock(global_lock, std::try_to_lock); }
    EXPECT_TRUE(peek::is_free(global_lock));
  };
  use();
  on_goroutine(use);
}

// A call that must throw and leave the lock as it was.
void expect_unlock_error(const std::function<void()>& call) {
  try {
    call();
    ADD_FAILURE() << "nothing was thrown";
  } catch (const std::logic_error& e) {
    EXPECT_NE(std::string(e.what()).find("unlock"), std::string::npos) << e.what();
    EXPECT_NE(std::string(e.what()).find("rw_mutex"), std::string::npos) << e.what();
  }
}

TEST_F(RwMutex, MU02_UnlockingWhatIsNotHeldThrows) {
  const auto check = [] {
    goro::rw_mutex m;
    const auto unlock = [&] { expect_unlock_error([&] { m.unlock(); }); };
    const auto unlock_shared = [&] { expect_unlock_error([&] { m.unlock_shared(); }); };
    unlock();  // new
    unlock_shared();
    m.lock_shared();
    unlock();  // held for reading
    m.unlock_shared();
    unlock_shared();  // twice
    m.lock();
    unlock_shared();  // held for writing
    m.unlock();
    unlock();  // twice
    EXPECT_TRUE(peek::is_free(m));
    try {
      throw 1;
    } catch (...) {
      unlock();
      unlock_shared();
    }
    m.lock();
    m.unlock();
  };
  check();
  on_goroutine(check);
}

TEST_F(RwMutex, MU02_IsFoundAlsoWhereReadersAreCountedApart) {
  goro::rw_mutex m;
  count_apart(m);
  expect_unlock_error([&] { m.unlock_shared(); });
  count_apart(m);
  m.lock_shared();
  expect_unlock_error([&] { m.unlock(); });
  m.unlock_shared();
  expect_unlock_error([&] { m.unlock_shared(); });
  EXPECT_TRUE(peek::is_free(m));
}

TEST_F(RwMutex, RW01_ReadersHoldItAtOnce) {
  for (const auto& [readers, procs] : {std::pair(1, 4), std::pair(3, 4), std::pair(4, 2)}) {
    const goro_test::procs_for_now now(procs);
    goro::rw_mutex m;
    std::atomic<int> inside{0};
    const auto leave = goro::make_chan<int>();
    goro::wait_group ended;
    for (int i = 0; i != readers; ++i)
      ended.go([&] {
        m.lock_shared();
        ++inside;
        (void)leave.recv();
        m.unlock_shared();
      });
    ASSERT_TRUE(eventually([&] { return inside == readers; }));
    leave.close();
    ended.wait();
  }
}

TEST_F(RwMutex, RW02_WhatTryingFindsUnderEachHold) {
  const auto check = [](bool apart) {
    goro::rw_mutex m;
    if (apart) count_apart(m);
    m.lock_shared();
    EXPECT_EQ(peek::has_slots(m), apart);
    EXPECT_TRUE(m.try_lock_shared());
    EXPECT_FALSE(m.try_lock());
    EXPECT_FALSE(m.try_lock_for(0s));
    EXPECT_FALSE(m.try_lock_for(1ms));
    EXPECT_FALSE(m.try_lock_until(goro::clock::now() - 1s));
    m.unlock_shared();
    EXPECT_FALSE(m.try_lock());
    m.unlock_shared();
    if (apart) count_apart(m);

    EXPECT_TRUE(m.try_lock());
    EXPECT_FALSE(peek::has_slots(m));
    EXPECT_FALSE(m.try_lock());
    EXPECT_FALSE(m.try_lock_shared());
    EXPECT_FALSE(m.try_lock_for(1ms));
    EXPECT_FALSE(m.try_lock_shared_for(-1s));
    EXPECT_FALSE(m.try_lock_shared_for(1ms));
    EXPECT_FALSE(m.try_lock_shared_until(std::chrono::system_clock::now() + 1ms));
    EXPECT_FALSE(m.try_lock_shared_until(std::chrono::system_clock::now() - 1h));
    m.unlock();
    EXPECT_TRUE(peek::is_free(m));
    EXPECT_TRUE(m.try_lock_shared_for(1h));
    m.unlock_shared();
    EXPECT_TRUE(m.try_lock_until(std::chrono::steady_clock::now() + 1h));
    m.unlock();
  };
  for (const bool apart : {false, true}) {
    check(apart);
    on_goroutine([&] { check(apart); });
  }
}

TEST_F(RwMutex, RW04_AViewForReading) {
  goro::rw_mutex m;
  auto readers = m.shared();
  std::atomic<bool> wrote{false};
  goro::wait_group writer;
  {
    const std::unique_lock view(readers);
    // Beside it; tried, since to wait for it could be a deadlock, as GORO_DEBUG=deadlock would say.
    const std::shared_lock plain(m, std::try_to_lock);
    ASSERT_TRUE(plain.owns_lock());
    EXPECT_FALSE(m.try_lock());
    writer.go([&] {
      const std::scoped_lock lock(m);
      wrote = true;
    });
    ASSERT_TRUE(writers_wait(1));
    EXPECT_FALSE(readers.try_lock());
    EXPECT_FALSE(readers.try_lock_for(1ms));
    EXPECT_FALSE(wrote);
  }
  writer.wait();
  EXPECT_TRUE(wrote);
  EXPECT_TRUE(readers.try_lock());
  EXPECT_TRUE(readers.try_lock_until(goro::clock::now() + 1h));
  readers.unlock();
  EXPECT_FALSE(m.try_lock());  // the writer waits for both holds
  readers.unlock();
  EXPECT_TRUE(peek::is_free(m));
}

TEST_F(RwMutex, RW05_AWaitingWriterStopsNewReadersAndTheyEnterTogetherAfterIt) {
  for (const bool apart : {false, true}) {
    goro::rw_mutex m;
    if (apart) count_apart(m);
    constexpr int n = 10;
    m.lock_shared();
    std::atomic<int> stage{0};
    std::atomic<int> inside{0};
    goro::wait_group ended;
    const auto leave = goro::make_chan<int>();
    ended.go([&] {
      m.lock();
      EXPECT_EQ(inside, 0);
      stage = 1;
      m.unlock();
    });
    ASSERT_TRUE(writers_wait(1));
    EXPECT_FALSE(m.try_lock_shared());
    std::vector<std::thread> threads;
    const auto read = [&] {
      m.lock_shared();
      EXPECT_EQ(stage, 1);
      ++inside;
      (void)leave.recv();
      m.unlock_shared();
    };
    for (int i = 0; i != n; ++i) ended.go(read);
    for (int i = 0; i != 3; ++i) threads.emplace_back(read);
    ASSERT_TRUE(eventually([&] { return peek::waiting_readers(m) == n + 3; }));
    ended.go([&] {  // a second writer: it comes after those readers
      m.lock();
      EXPECT_EQ(stage, 2);
      m.unlock();
    });
    ASSERT_TRUE(writers_wait(2));
    EXPECT_EQ(inside, 0);
    m.unlock_shared();
    ASSERT_TRUE(eventually([&] { return inside == n + 3; }));  // all at once, though a writer waits
    stage = 2;
    leave.close();
    ended.wait();
    for (std::thread& t : threads) t.join();
    EXPECT_TRUE(peek::is_free(m));
  }
}

// Readers that a writer leaves behind do not hold the lock before they run, so that it goes on without them: once.
TEST_F(RwMutex, AWriterThatRunsMayBeQuickerThanTheReadersItLeavesBehindOnce) {
  const int before = goro::set_max_procs(1);
  on_goroutine([&] {
    // The machine may stop this thread for so long that another takes over: then the round says nothing.
    EXPECT_TRUE(eventually([&] {
      goro::rw_mutex m;
      std::atomic<int> inside{0};
      goro::wait_group ended;
      m.lock();
      for (int i = 0; i != 4; ++i)
        ended.go([&m, &inside, limited = i == 3] {
          if (limited)
            ASSERT_TRUE(m.try_lock_shared_for(1h));  // comes back to its wait like the others
          else
            m.lock_shared();
          ++inside;
          m.unlock_shared();
        });
      EXPECT_TRUE(readers_wait(4));
      m.unlock();
      const bool first = m.try_lock();
      if (first) {
        EXPECT_TRUE(inside != 0 || eventually([&] { return peek::waiting_readers(m) == 4; }));
        m.unlock();
      }
      const bool second = m.try_lock();  // those that were refused are in now
      if (second) m.unlock();
      ended.wait();
      EXPECT_EQ(inside, 4);
      EXPECT_TRUE(peek::is_free(m));
      return first && !second;
    }));
  });
  goro::set_max_procs(before);
}

TEST_F(RwMutex, WritersComeInTheOrderOfTheirCalls) {
  goro::rw_mutex m;
  std::vector<int> order;
  goro::wait_group ended;
  m.lock();
  for (int i = 0; i != 20; ++i) {
    ended.go([&, i] {
      const std::scoped_lock lock(m);
      order.push_back(i);
    });
    ASSERT_TRUE(writers_wait(static_cast<std::size_t>(i) + 1));
  }
  m.unlock();
  ended.wait();
  for (int i = 0; i != 20; ++i) EXPECT_EQ(order.at(static_cast<std::size_t>(i)), i);
}

TEST_F(RwMutex, ReadersAreNotStarvedByWritersNorWritersByReaders) {
  for (const bool reader_waits : {true, false}) {
    goro::rw_mutex m;
    std::atomic<bool> stop{false};
    goro::wait_group stream;
    for (int i = 0; i != 4; ++i)
      stream.go([&] {
        while (!stop) {
          if (reader_waits)
            m.lock();
          else
            m.lock_shared();
          goro::yield();  // so that the lock is never seen free
          if (reader_waits)
            m.unlock();
          else
            m.unlock_shared();
        }
      });
    for (int i = 0; i != 50; ++i) {
      if (reader_waits)
        m.lock_shared();
      else
        m.lock();
      if (reader_waits)
        m.unlock_shared();
      else
        m.unlock();
    }
    stop = true;
    stream.wait();
  }
}

TEST_F(RwMutex, AWriterThatGivesUpLetsTheReadersGoThatItStopped) {
  for (const bool timed : {true, false}) {
    goro::rw_mutex m;
    goro_test::cancel_by_hand canceller;
    m.lock_shared();
    std::atomic<int> inside{0};
    goro::wait_group ended;
    std::atomic<bool> gave_up{false};
    ended.go([&] {
      if (timed)
        EXPECT_FALSE(m.try_lock_for(50ms));
      else
        EXPECT_EQ(peek::lock(m, canceller), goro::errc::canceled);
      gave_up = true;
    });
    if (!timed) {
      ASSERT_TRUE(writers_wait(1));
      EXPECT_FALSE(m.try_lock_shared());
    }
    for (int i = 0; i != 5; ++i)
      ended.go([&] {
        const std::shared_lock lock(m);
        ++inside;
      });
    if (!timed) {
      ASSERT_TRUE(readers_wait(5));
      EXPECT_EQ(inside, 0);
      canceller.cancel();
    }
    ended.wait();  // though the first reader is still inside
    EXPECT_EQ(inside, 5);
    EXPECT_TRUE(gave_up);
    m.unlock_shared();
    EXPECT_TRUE(peek::is_free(m));
  }
}

TEST_F(RwMutex, AReaderThatGivesUpIsNotCounted) {
  goro::rw_mutex m;
  goro_test::cancel_by_hand canceller;
  m.lock();
  goro::wait_group ended;
  ended.go([&] { EXPECT_FALSE(m.try_lock_shared_for(2ms)); });
  ended.go([&] { EXPECT_EQ(peek::lock_shared(m, canceller), goro::errc::canceled); });
  ended.go([&] { EXPECT_FALSE(m.try_lock_for(2ms)); });
  ASSERT_TRUE(readers_wait(1));
  ASSERT_TRUE(writers_wait(0));
  canceller.cancel();
  ended.wait();
  EXPECT_FALSE(peek::somebody_waits(m));
  EXPECT_EQ(peek::counted(m), 0u);
  m.unlock();
  EXPECT_TRUE(peek::is_free(m));
}

TEST_F(RwMutex, ACancelledWaitFailsAtOnceThoughTheLockIsFree) {
  goro::rw_mutex m;
  goro_test::cancel_by_hand canceller;
  EXPECT_FALSE(peek::lock(m, canceller));
  m.unlock();
  EXPECT_FALSE(peek::lock_shared(m, canceller));
  m.unlock_shared();
  canceller.cancel();
  EXPECT_EQ(peek::lock(m, canceller), goro::errc::canceled);
  EXPECT_EQ(peek::lock_shared(m, canceller), goro::errc::canceled);
  EXPECT_TRUE(peek::is_free(m));
}

TEST_F(RwMutex, RW07_AReaderTooManyIsRefusedAndNotCounted) {
  for (const bool trying : {false, true}) {
    goro::rw_mutex m;
    peek::add_readers(m, peek::most_readers - 2);
    m.lock_shared();  // the last that fits
    for (int i = 0; i != 3; ++i) {
      try {
        if (trying)
          (void)m.try_lock_shared();
        else
          m.lock_shared();
        ADD_FAILURE() << "a reader too many was let in";
      } catch (const std::system_error& e) {
        EXPECT_EQ(e.code(), std::errc::resource_unavailable_try_again);
        EXPECT_NE(std::string(e.what()).find("rw_mutex::lock_shared"), std::string::npos) << e.what();
      }
    }
    EXPECT_EQ(peek::counted(m), peek::most_readers - 1);
    EXPECT_FALSE(m.try_lock());
    m.unlock_shared();
    m.lock_shared();
    m.unlock_shared();
  }
}

TEST_F(RwMutex, HoweverManyReadersComeTheFlagsBesideTheirTicksStayAsTheyAre) {
  goro::rw_mutex m;
  m.lock();
  goro::wait_group ended;
  for (int i = 0; i != 5; ++i) {
    peek::set_ticks(m, peek::most_ticks - 1);
    ended.go([&] {
      m.lock_shared();
      m.unlock_shared();
    });
    ASSERT_TRUE(readers_wait(static_cast<std::size_t>(i) + 1));
  }
  m.unlock();
  ended.wait();
  peek::set_ticks(m, peek::most_ticks - 1);
  m.lock_shared();
  peek::set_ticks(m, peek::most_ticks - 1);
  EXPECT_TRUE(m.try_lock_shared());
  m.unlock_shared();
  m.unlock_shared();
  peek::set_ticks(m, peek::most_ticks - 1);
  peek::add_readers(m, peek::most_readers - 1);
  for (int i = 0; i != 3; ++i) EXPECT_THROW(m.lock_shared(), std::system_error);
  for (int i = 0; i != 3; ++i) m.unlock_shared();
  peek::add_readers(m, 4 - peek::most_readers);
  EXPECT_TRUE(peek::is_free(m));
}

// Who watches locks is told of each hold once, on every path.
struct told {
  std::atomic<int> wants{0}, got{0}, released{0};
} shared_told, exclusive_told;
told& of(goro::detail::lock_kind how) {
  return how == goro::detail::lock_kind::shared ? shared_told : exclusive_told;
}
std::atomic<int> told_gave_up{0};
constexpr goro::detail::lock_watcher watcher{
    .wants = [](const goro::detail::watched_lock& lock) noexcept { ++of(lock.how).wants; },
    .got = [](const goro::detail::watched_lock& lock) noexcept { ++of(lock.how).got; },
    .gave_up = []() noexcept { ++told_gave_up; },
    .released = [](const goro::detail::watched_lock& lock) noexcept { ++of(lock.how).released; },
    .waits = [](const void*, const char*, bool) noexcept {},
    .waited = []() noexcept {},
    .counted = [](const void*) noexcept {},
    .uncounted = [](const void*) noexcept {},
    .made = nullptr,
    .destroyed = nullptr,
    .used = nullptr};

TEST_F(RwMutex, AWatcherIsToldOfEachHold) {
  for (told* t : {&shared_told, &exclusive_told})  // the test may be repeated
    for (std::atomic<int>* n : {&t->wants, &t->got, &t->released}) *n = 0;
  told_gave_up = 0;
  goro::detail::hooks.locks = &watcher;  // nobody else runs now
  goro::detail::locks_are_watched = true;
  {
    goro::rw_mutex m;
    m.lock();
    EXPECT_FALSE(m.try_lock_shared());
    EXPECT_FALSE(m.try_lock_shared_for(1ms));
    goro::wait_group ended;
    ended.go([&] {
      m.lock_shared();
      m.unlock_shared();
    });
    EXPECT_TRUE(readers_wait(1));
    m.unlock();
    ended.wait();
    count_apart(m);
    m.lock_shared();
    EXPECT_FALSE(m.try_lock_for(1ms));
    m.unlock_shared();
    expect_unlock_error([&] { m.unlock_shared(); });
    expect_unlock_error([&] { m.unlock(); });
    EXPECT_TRUE(m.try_lock());
    m.unlock();
  }
  goro::detail::locks_are_watched = false;
  goro::detail::hooks.locks = nullptr;
  EXPECT_EQ(shared_told.wants, 2);
  EXPECT_EQ(shared_told.got, shared_told.released);
  EXPECT_GE(shared_told.got, 3);
  EXPECT_EQ(exclusive_told.wants, 1);
  EXPECT_EQ(told_gave_up, 2);
  EXPECT_EQ(exclusive_told.got, 2);
  EXPECT_EQ(exclusive_told.released, 2);
}

}  // namespace
