// SPDX-License-Identifier: MIT
#include "support/at_procs.hpp"
#include "sync/cancel_by_hand.hpp"

#include <goro/goro.hpp>
#include <goro/semaphore.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <random>
#include <thread>
#include <vector>

namespace {

using namespace std::chrono_literals;

class SemaphoreStress : public goro_test::AtProcs {};
GORO_AT_PROCS(SemaphoreStress);

// What is in use, kept beside the semaphore.
class ledger {
 public:
  explicit ledger(std::int64_t size) : size_(size) {}
  void in(std::int64_t n) {
    const std::int64_t now = in_use_.fetch_add(n) + n;
    if (now > size_) ++faults_;
  }
  void out(std::int64_t n) { in_use_ -= n; }
  void check() const {
    EXPECT_EQ(in_use_, 0);
    EXPECT_EQ(faults_, 0) << "more in use than there are";
  }

 private:
  const std::int64_t size_;
  std::atomic<std::int64_t> in_use_{0};
  std::atomic<int> faults_{0};
};

TEST_P(SemaphoreStress, SM01_TheSumOfWeightsIsNeverAboveTheSize) {
  constexpr std::int64_t size = 7;
  constexpr int hands = 12;
  const int rounds = goro_test::scaled(5'000);
  goro::semaphore s(size);
  ledger book(size);
  const auto work = [&](unsigned id) {
    std::minstd_rand random(static_cast<unsigned>(goro_test::seed()) + id);
    for (int i = 0; i != rounds; ++i) {
      const std::int64_t n = static_cast<std::int64_t>(random() % (size + 1));
      s.acquire(n);
      book.in(n);
      if (random() % 4 == 0) goro::yield();
      book.out(n);
      s.release(n);
    }
  };
  goro::wait_group ended;
  std::vector<std::thread> threads;
  for (unsigned i = 0; i != hands; ++i) ended.go([&work, i] { work(i); });
  for (unsigned i = 0; i != 2; ++i) threads.emplace_back([&work, i] { work(hands + i); });
  ended.wait();
  for (std::thread& t : threads) t.join();
  book.check();
  EXPECT_TRUE(s.try_acquire(size)) << "tokens were lost";
}

// Whoever gives up loses no token, and holds up nobody: in the end all are there.
TEST_P(SemaphoreStress, SM06_SM07_TimedAndCancelledOnesLoseNothing) {
  constexpr std::int64_t size = 4;
  const int rounds = goro_test::scaled(300);
  goro::semaphore s(size);
  goro::detail::tokens& inside = reinterpret_cast<goro::detail::tokens&>(s);
  ledger book(size);
  std::atomic<int> got{0};
  std::atomic<int> gave_up{0};
  const auto work = [&](unsigned id) {
    std::minstd_rand random(static_cast<unsigned>(goro_test::seed()) + id);
    for (int i = 0; i != rounds; ++i) {
      const std::int64_t n = static_cast<std::int64_t>(random() % (size + 2));  // also more than there are
      bool has = false;
      switch (random() % 4) {
        case 0:
          if (n <= size) {
            s.acquire(n);
            has = true;
          }
          break;
        case 1: has = s.try_acquire(n); break;
        case 2: has = s.acquire_for(std::chrono::microseconds(random() % 60), n); break;
        default: {
          goro_test::cancel_by_hand stop;
          const auto after = std::chrono::microseconds(random() % 40);
          goro::wait_group other;
          other.go([&] {
            goro::sleep_for(after);
            stop.cancel();
          });
          has = inside.wait(n, goro::detail::never, &stop) == goro::detail::tokens::ended::acquired;
          other.wait();
        }
      }
      if (!has) {
        ++gave_up;
        continue;
      }
      ++got;
      book.in(n);
      if (random() % 2 == 0) goro::sleep_for(std::chrono::microseconds(random() % 20));
      book.out(n);
      s.release(n);
    }
  };
  goro::wait_group ended;
  std::thread thread([&] { work(99); });
  for (unsigned i = 0; i != 10; ++i) ended.go([&work, i] { work(i); });
  ended.wait();
  thread.join();
  book.check();
  EXPECT_EQ(got + gave_up, 11 * rounds);
  EXPECT_TRUE(s.try_acquire(size)) << "tokens were lost";
}

// A release and the end of a wait at one moment: the one token is somewhere, exactly once.
TEST_P(SemaphoreStress, SM07_ReleaseAndCancelAtTheSameMoment) {
  const int rounds = goro_test::scaled(20'000);
  const auto after = [](int n) {
    for (; n != 0; --n) goro::yield();
  };
  goro::async([rounds, after] {
    goro::semaphore s(1);
    goro::detail::tokens& inside = reinterpret_cast<goro::detail::tokens&>(s);
    for (int i = 0; i != rounds; ++i) {
      s.acquire();
      goro_test::cancel_by_hand stop;
      goro::wait_group both;
      both.go([&] {
        after(i % 4);
        s.release();
      });
      both.go([&] {
        after(i / 4 % 4);
        stop.cancel();
      });
      const bool got = inside.wait(1, goro::detail::never, &stop) == goro::detail::tokens::ended::acquired;
      both.wait();
      ASSERT_EQ(s.try_acquire(), !got);
      s.release();
    }
  }).get();
}

// The one who waits destroys the semaphore while the one who lets it go on may still be in release.
TEST_P(SemaphoreStress, MayBeDestroyedByWhoWasLetThrough) {
  const int rounds = goro_test::scaled(2'000);
  const auto work = [rounds] {
    for (int i = 0; i != rounds; ++i) {
      auto s = std::make_unique<goro::semaphore>(2);
      s->acquire(2);
      goro::go([at = s.get(), i] {
        if (i % 2 == 0) goro::yield();
        at->release(2);
      });
      s->acquire(1 + i % 2);
      s.reset();
    }
  };
  std::thread thread(work);
  goro::async(work).get();
  thread.join();
}

}  // namespace
