// SPDX-License-Identifier: MIT
#include "support/at_procs.hpp"
#include "sync/cancel_by_hand.hpp"

#include <goro/goro.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <random>
#include <system_error>
#include <thread>
#include <vector>

namespace {

using namespace std::chrono_literals;
using goro_test::scaled;

class MutexStress : public goro_test::AtProcs {};
GORO_AT_PROCS(MutexStress);

void compute_for(std::chrono::nanoseconds d) {
  const auto end = std::chrono::steady_clock::now() + d;
  while (std::chrono::steady_clock::now() < end) {
  }
}

TEST_P(MutexStress, MU01_TenGoroutinesAThousandTimes) {
  goro::mutex m;
  int count = 0;
  const int each = scaled(1'000);
  goro::scope s;
  for (int i = 0; i != 10; ++i)
    s.go([&] {
      for (int n = 0; n != each; ++n) {
        if (n % 3 == 0 && m.try_lock()) {
          ++count;
          m.unlock();
        } else {
          std::lock_guard hold(m);
          ++count;
        }
      }
    });
  s.wait();
  EXPECT_EQ(count, 10 * each);
}

TEST_P(MutexStress, MU01_GoroutinesAndPlainThreadsTogether) {
  goro::mutex m;
  std::int64_t count = 0;
  int inside = 0;
  const int each = scaled(100'000) / 16 + 1;
  const auto work = [&](unsigned salt) {
    for (int n = 0; n != each; ++n) {
      std::lock_guard hold(m);
      EXPECT_EQ(++inside, 1);
      ++count;
      if ((static_cast<unsigned>(n) * 7 + salt) % 64 == 0) goro::yield();
      --inside;
    }
  };
  goro::wait_group done;
  std::vector<std::thread> threads;
  for (unsigned i = 0; i != 12; ++i) done.go([&, i] { work(i); });
  for (unsigned i = 0; i != 4; ++i) threads.emplace_back([&, i] { work(100 + i); });
  for (std::thread& t : threads) t.join();
  done.wait();
  EXPECT_EQ(count, 16 * std::int64_t{each});
}

// Go's TestMutexFairness: one holds the lock for 100 us and wants it again at once.
TEST_P(MutexStress, MU03_WhoWantsItNowAndThenIsNotStarved) {
  goro::mutex m;
  std::atomic<bool> stop{false};
  goro::wait_group done;
  done.go([&] {
    while (!stop.load(std::memory_order_relaxed)) {
      std::lock_guard hold(m);
      compute_for(100us);
    }
  });
  done.go([&] {
    for (int i = 0; i != 10; ++i) {
      goro::sleep_for(100us);
      std::lock_guard hold(m);
    }
    stop = true;
  });
  done.wait();  // Go's bound is 10 s; here it is the hang guard's
}

// Whoever times out does not have the lock, whoever does not has it, and nobody is forgotten.
TEST_P(MutexStress, TimedLocksRaceWithUnlock) {
  goro::mutex m;
  std::int64_t count = 0;
  int inside = 0;
  std::atomic<std::int64_t> got{0};
  std::atomic<std::int64_t> late{0};
  const int each = scaled(100'000) / 50 + 1;
  goro::wait_group done;
  for (unsigned i = 0; i != 24; ++i)
    done.go([&, i] {
      std::minstd_rand random(static_cast<unsigned>(goro_test::seed()) + i);
      for (int n = 0; n != each; ++n) {
        if (!m.try_lock_for(std::chrono::microseconds(random() % 60))) {
          ++late;
          continue;
        }
        EXPECT_EQ(++inside, 1);
        ++count;
        if (random() % 8 == 0) goro::sleep_for(std::chrono::microseconds(random() % 30));
        --inside;
        m.unlock();
        ++got;
      }
    });
  // These wait for ever: one lost wake-up, and they hang.
  for (unsigned i = 0; i != 2; ++i)
    done.go([&] {
      for (int n = 0; n != each; ++n) {
        std::lock_guard hold(m);
        EXPECT_EQ(++inside, 1);
        ++count;
        --inside;
        ++got;
      }
    });
  done.wait();
  EXPECT_EQ(count, got);
  EXPECT_EQ(got + late, 26 * std::int64_t{each});
  EXPECT_TRUE(m.try_lock());
  m.unlock();
}

// The mutex lives for one round only, so that every round ends with an empty queue and all bits clear.
TEST_P(MutexStress, ATimeLimitAndTheUnlockAtTheSameMoment) {
  const int rounds = scaled(2'000);
  goro::async([rounds] {
    for (int i = 0; i != rounds; ++i) {
      auto m = std::make_unique<goro::mutex>();
      m->lock();
      std::atomic<int> had_it{0};
      goro::wait_group done;
      const std::chrono::microseconds limit(i % 40);
      done.go([&] {
        if (!m->try_lock_for(limit)) return;
        ++had_it;
        m->unlock();
      });
      done.go([&] {
        m->lock();
        ++had_it;
        m->unlock();
      });
      goro::sleep_for(limit);
      m->unlock();
      done.wait();
      ASSERT_GE(had_it, 1);
      ASSERT_TRUE(m->try_lock());
    }
  }).get();
}

TEST_P(MutexStress, CancellationRacesWithUnlock) {
  const int rounds = scaled(1'000);
  goro::async([rounds] {
    for (int i = 0; i != rounds; ++i) {
      goro::mutex m;
      goro_test::cancel_by_hand cancel;
      int count = 0;  // under m
      std::atomic<int> got{0};
      std::atomic<int> broken{0};
      goro::wait_group done;
      m.lock();
      for (int n = 0; n != 6; ++n)
        done.go([&, n] {
          if (n % 3 == 0) {
            m.lock();
          } else if (const std::error_code why = goro::detail::lock_unless_cancelled(m, &cancel)) {
            EXPECT_EQ(why, goro::errc::canceled);
            ++broken;
            return;
          }
          ++count;
          ++got;
          if (n % 2 == 0) goro::yield();
          m.unlock();
        });
      done.go([&, i] {
        if (i % 2 == 0) goro::yield();
        cancel.cancel();
      });
      goro::yield();
      if (i % 50 == 0) goro::sleep_for(1200us);  // old waiters: starvation mode
      m.unlock();
      done.wait();
      ASSERT_EQ(got + broken, 6);
      ASSERT_EQ(count, got);
      ASSERT_GE(got, 2);
      ASSERT_TRUE(m.try_lock());
      m.unlock();
    }
  }).get();
}

// Sections so long that the mode changes all the time, with waiters that give up in both.
TEST_P(MutexStress, MU04_InAndOutOfStarvationMode) {
  goro::mutex m;
  int inside = 0;
  std::int64_t count = 0;
  std::atomic<std::int64_t> got{0};
  const int each = scaled(60);
  goro::wait_group done;
  for (unsigned i = 0; i != 12; ++i)
    done.go([&, i] {
      std::minstd_rand random(static_cast<unsigned>(goro_test::seed()) + i);
      for (int n = 0; n != each; ++n) {
        if (i % 3 == 0) {
          if (!m.try_lock_for(std::chrono::microseconds(random() % 3'000))) continue;
        } else {
          m.lock();
        }
        EXPECT_EQ(++inside, 1);
        ++count;
        if (random() % 4 == 0) goro::sleep_for(std::chrono::microseconds(random() % 500));
        --inside;
        m.unlock();
        ++got;
      }
    });
  done.wait();
  EXPECT_EQ(count, got);
  EXPECT_GE(got, 8 * std::int64_t{each});
  EXPECT_TRUE(m.try_lock());
  m.unlock();
}

// A lock that goes round, taken by one and given back by another.
TEST_P(MutexStress, MU06_LockAndUnlockFromDifferentGoroutines) {
  goro::mutex m;
  const int rounds = scaled(5'000);
  goro::scope s;
  const auto full = goro::make_chan<int>(4);
  int count = 0;
  s.go([&, full] {
    for (int n = 0; n != rounds; ++n) {
      m.lock();
      ++count;
      full.send(n);
    }
    full.close();
  });
  s.go([&, full] {
    for ([[maybe_unused]] const int n : full) m.unlock();
  });
  s.wait();
  EXPECT_EQ(count, rounds);
  EXPECT_TRUE(m.try_lock());
}

}  // namespace
