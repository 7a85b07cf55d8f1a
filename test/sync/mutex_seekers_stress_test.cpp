// SPDX-License-Identifier: MIT
// A mutex lives for one round: so in each the first that queues meets a holder that may free it by a store
// (src/sync/mutex_seekers.hpp). A lost wake-up hangs; a touch after the end is ASan's to find.
#include "support/at_procs.hpp"

#include <goro/goro.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <random>
#include <thread>
#include <vector>

namespace {

using goro_test::scaled;

class MutexSeekersStress : public goro_test::AtProcs {};
GORO_AT_PROCS(MutexSeekersStress);

void compute_for(std::chrono::nanoseconds d) {
  const auto end = std::chrono::steady_clock::now() + d;
  while (std::chrono::steady_clock::now() < end) {
  }
}

struct round_of {
  goro::mutex m;
  int guarded = 0;
  std::atomic<int> gave_up{0};
  std::atomic<int> left;
  const int parties;
  explicit round_of(int n) : left(n), parties(n) {}
};

// A plain thread holds the lock and lets go at any moment of the others' way into the queue; the last of all deletes it.
TEST_P(MutexSeekersStress, AHolderLetsGoWhileOthersQueue) {
  const int rounds = scaled(4'000);
  constexpr int others = 2;
  std::atomic<round_of*> current{nullptr};
  std::atomic<int> started{0};
  std::atomic<int> rounds_ended{0};
  const auto end = [&](round_of* r) {
    if (r->left.fetch_sub(1) != 1) return;
    EXPECT_EQ(r->guarded + r->gave_up, r->parties);
    delete r;
    rounds_ended.fetch_add(1);
  };
  goro::scope s;
  for (unsigned i = 0; i != others; ++i)
    s.go([&, i] {
      std::minstd_rand random(static_cast<unsigned>(goro_test::seed()) + i);
      for (int n = 0; n != rounds; ++n) {
        while (started.load() <= n) goro::yield();
        round_of* const r = current.load();
        compute_for(std::chrono::nanoseconds(random() % 2'000));
        if (random() % 4 != 0) {
          const std::lock_guard hold(r->m);
          ++r->guarded;
        } else if (r->m.try_lock_for(std::chrono::microseconds(random() % 20))) {
          ++r->guarded;
          r->m.unlock();
        } else {
          ++r->gave_up;
        }
        end(r);
        while (rounds_ended.load() <= n) goro::yield();
      }
    });
  std::thread holder([&] {
    std::minstd_rand random(static_cast<unsigned>(goro_test::seed()) + others);
    for (int n = 0; n != rounds; ++n) {
      auto* const r = new round_of(others + 1);
      r->m.lock();
      current = r;
      started = n + 1;
      compute_for(std::chrono::nanoseconds(random() % 12'000));
      ++r->guarded;
      r->m.unlock();
      end(r);
      while (rounds_ended.load() <= n) std::this_thread::yield();
    }
  });
  holder.join();
  s.wait();
  EXPECT_EQ(rounds_ended, rounds);
}

// As MayBeDestroyedByWhoGotItLast of the mutex's test, but with a holder that runs at the same time.
TEST_P(MutexSeekersStress, WhoGotItLastDestroysIt) {
  const int rounds = scaled(4'000);
  std::atomic<goro::mutex*> current{nullptr};
  goro::scope s;
  s.go([&] {
    for (int n = 0; n != rounds; ++n) {
      goro::mutex* m = nullptr;
      while ((m = current.exchange(nullptr)) == nullptr) goro::yield();
      m->lock();
      m->unlock();
      delete m;
    }
  });
  std::thread holder([&] {
    std::minstd_rand random(static_cast<unsigned>(goro_test::seed()));
    for (int n = 0; n != rounds; ++n) {
      auto* const m = new goro::mutex;
      m->lock();
      while (current.load() != nullptr) std::this_thread::yield();
      current = m;
      compute_for(std::chrono::nanoseconds(random() % 10'000));
      m->unlock();
    }
  });
  holder.join();
  s.wait();
}

}  // namespace
