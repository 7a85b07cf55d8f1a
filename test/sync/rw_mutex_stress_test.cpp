// SPDX-License-Identifier: MIT
#include "support/at_procs.hpp"
#include "support/cpus.hpp"
#include "support/eventually.hpp"
#include "sync/cancel_by_hand.hpp"
#include "sync/rw_mutex_peek.hpp"

#include <goro/goro.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <new>
#include <random>
#include <stdexcept>
#include <thread>
#include <vector>

namespace {

using namespace std::chrono_literals;
using peek = goro::detail::rw_mutex_peek;

class RwMutexStress : public goro_test::AtProcs {};
GORO_AT_PROCS(RwMutexStress);

// What the holders check: a writer alone, or readers. The plain counter is the sanitizer's to watch.
struct guarded {
  goro::rw_mutex lock;
  std::atomic<int> activity{0};  // +1 for a reader, +10,000 for a writer
  std::atomic<int> wrong{0};
  std::uint64_t writes = 0;

  void read(bool yields = false) {
    const int now = activity.fetch_add(1) + 1;
    if (now < 1 || now >= 10'000) ++wrong;
    const std::uint64_t before = writes;
    if (yields) goro::yield();
    if (writes != before) ++wrong;
    activity.fetch_sub(1);
  }
  void write(bool yields = false) {
    if (activity.fetch_add(10'000) != 0) ++wrong;
    ++writes;
    if (yields) goro::yield();
    if (activity.fetch_sub(10'000) != 10'000) ++wrong;
  }
};

// In goroutines, and the last `threads` of them in plain threads.
void run_all(std::vector<std::function<void()>> bodies, std::size_t threads) {
  goro::wait_group ended;
  std::vector<std::jthread> outside;
  while (threads-- != 0) {
    outside.emplace_back(std::move(bodies.back()));
    bodies.pop_back();
  }
  for (auto& body : bodies) ended.go(std::move(body));
  ended.wait();
}

TEST_P(RwMutexStress, RW03_NeverAReaderBesideAWriter) {
  const int rounds = goro_test::scaled(1'500);
  for (int readers = 1; readers <= 10; readers += 3) {
    guarded g;
    std::vector<std::function<void()>> bodies;
    for (int i = 0; i != 2; ++i)
      bodies.emplace_back([&] {
        for (int n = 0; n != rounds; ++n) {
          g.lock.lock();
          g.write(n % 8 == 0);
          g.lock.unlock();
        }
      });
    for (int i = 0; i != readers; ++i)
      bodies.emplace_back([&, i] {
        for (int n = 0; n != rounds; ++n) {
          if ((n + i) % 64 == 0) peek::make_next_reader_claim(g.lock);
          g.lock.lock_shared();
          g.read(n % 8 == 1);
          g.lock.unlock_shared();
        }
      });
    run_all(std::move(bodies), readers > 4 ? 2 : 0);
    EXPECT_EQ(g.wrong, 0);
    EXPECT_EQ(g.writes, 2u * static_cast<unsigned>(rounds));
    EXPECT_TRUE(g.lock.try_lock());
    g.lock.unlock();
    EXPECT_TRUE(peek::is_free(g.lock));
  }
}

TEST_P(RwMutexStress, TimedAndCancelledWaitsLoseNothingAndCountNothingTwice) {
  const int rounds = goro_test::scaled(1'000);
  guarded g;
  std::atomic<std::uint64_t> written{0};
  std::vector<std::function<void()>> bodies;
  for (unsigned i = 0; i != 10; ++i)
    bodies.emplace_back([&, i] {
      std::minstd_rand random(static_cast<unsigned>(goro_test::seed()) + i);
      for (int n = 0; n != rounds; ++n) {
        const bool writes = random() % 3 == 0;
        const bool yields = random() % 2 == 0;
        bool in = true;
        if (random() % 32 == 0) peek::make_next_reader_claim(g.lock);
        switch (const auto limit = std::chrono::microseconds(random() % 60); random() % 4) {
          case 0: writes ? g.lock.lock() : g.lock.lock_shared(); break;
          case 1: in = writes ? g.lock.try_lock() : g.lock.try_lock_shared(); break;
          case 2: in = writes ? g.lock.try_lock_for(limit) : g.lock.try_lock_shared_for(limit); break;
          default: {
            goro_test::cancel_by_hand canceller;
            goro::wait_group other;
            other.go([&] {
              goro::sleep_for(limit);
              canceller.cancel();
            });
            in = !(writes ? peek::lock(g.lock, canceller) : peek::lock_shared(g.lock, canceller));
            if (in) {
              writes ? g.write(yields) : g.read(yields);
              if (writes) ++written;
              writes ? g.lock.unlock() : g.lock.unlock_shared();
            }
            other.wait();
            continue;
          }
        }
        if (!in) continue;
        writes ? g.write(yields) : g.read(yields);
        if (writes) ++written;
        writes ? g.lock.unlock() : g.lock.unlock_shared();
      }
    });
  run_all(std::move(bodies), 3);
  EXPECT_EQ(g.wrong, 0);
  EXPECT_EQ(g.writes, written);
  EXPECT_TRUE(g.lock.try_lock());
  g.lock.unlock();
  EXPECT_TRUE(peek::is_free(g.lock));
}

// Each round makes a lock, mostly at the same address. Whoever finds, under the write lock, that all others
// have begun to give back their last hold destroys it. In a place of ours it leaves ones behind, and an unlock
// that writes later is seen; on the heap a sanitizer sees one that reads.
TEST_P(RwMutexStress, TheLastHolderDestroysItAndTheNextOneStandsThere) {
  const int rounds = goro_test::scaled(500);
  alignas(goro::rw_mutex) static unsigned char place[sizeof(goro::rw_mutex)];
  for (int round = 0; round != rounds; ++round) {
    const bool on_heap = round % 4 < 2;
    auto* const m = on_heap ? new goro::rw_mutex : ::new (place) goro::rw_mutex;
    if (round % 2 == 0) peek::make_next_reader_claim(*m);
    std::atomic<int> left{6};
    std::vector<std::function<void()>> bodies;
    bodies.emplace_back([&, m] {
      for (bool last = false; !last; goro::yield()) {
        while (!m->try_lock_for(std::chrono::microseconds(round % 7))) {
        }
        last = left == 0;
        m->unlock();
      }
      if (on_heap) {
        delete m;
        return;
      }
      m->~rw_mutex();
      for (unsigned char& byte : place) byte = 0xff;
    });
    for (int i = 0; i != 6; ++i)
      bodies.emplace_back([&, i] {
        for (int n = 0; n != 3; ++n) {
          m->lock_shared();
          if ((n + i) % 4 == 0) goro::yield();
          m->unlock_shared();
        }
        if (i % 2 == 0) {
          m->lock_shared();
          --left;
          m->unlock_shared();
        } else {
          m->lock();
          --left;
          m->unlock();
        }
      });
    run_all(std::move(bodies), round % 8 < 2 ? 2 : 0);
    if (on_heap) continue;
    for (const unsigned char byte : place) ASSERT_EQ(byte, 0xff);
  }
}

TEST_P(RwMutexStress, SlotsComeAndGoAmongManyLocks) {
  constexpr std::size_t locks = 200;  // more than there are columns
  const int rounds = goro_test::scaled(20'000);
  std::vector<guarded> all(locks);
  std::vector<std::function<void()>> bodies;
  for (unsigned i = 0; i != 6; ++i)
    bodies.emplace_back([&, i] {
      std::minstd_rand random(static_cast<unsigned>(goro_test::seed()) + i);
      for (int n = 0; n != rounds; ++n) {
        guarded& g = all[random() % (n % 2 == 0 ? 3 : locks)];
        if (random() % 16 == 0) {
          g.lock.lock();
          g.write();
          g.lock.unlock();
          continue;
        }
        if (random() % 4 == 0) peek::make_next_reader_claim(g.lock);
        g.lock.lock_shared();
        g.read(random() % 16 == 0);
        g.lock.unlock_shared();
      }
    });
  run_all(std::move(bodies), 2);
  for (guarded& g : all) {
    EXPECT_EQ(g.wrong, 0);
    EXPECT_TRUE(g.lock.try_lock());
    g.lock.unlock();
    EXPECT_TRUE(peek::is_free(g.lock));
  }
}

// In slots nearly all the time, and readers that leave on another CPU than the one they entered on.
TEST_P(RwMutexStress, ReadersChangeTheirCpuInside) {
  const std::vector<int> cpus = goro_test::allowed_cpus();
  const int rounds = goro_test::scaled(3'000);
  guarded g;
  std::atomic<std::uint64_t> written{0};
  std::vector<std::function<void()>> bodies;
  for (unsigned i = 0; i != 8; ++i)  // the last three are threads
    bodies.emplace_back([&, i] {
      std::minstd_rand random(static_cast<unsigned>(goro_test::seed()) + i);
      for (int n = 0; n != rounds; ++n) {
        if (random() % 256 == 0) {
          g.lock.lock();
          g.write(random() % 4 == 0);
          ++written;
          g.lock.unlock();
          continue;
        }
        if (random() % 64 == 0) peek::make_next_reader_claim(g.lock);
        g.lock.lock_shared();
        if (i >= 5 && random() % 8 == 0) goro_test::stay_on(cpus[random() % cpus.size()]);
        g.read(random() % 4 == 0);
        g.lock.unlock_shared();
      }
    });
  run_all(std::move(bodies), 3);
  EXPECT_EQ(g.wrong, 0);
  EXPECT_EQ(g.writes, written);
  EXPECT_THROW(g.lock.unlock_shared(), std::logic_error);
  EXPECT_TRUE(g.lock.try_lock());
  g.lock.unlock();
  EXPECT_TRUE(peek::is_free(g.lock));
}

}  // namespace
