// SPDX-License-Identifier: MIT
#include "base/parker.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "base/random.hpp"
#include "test_scale.hpp"

using namespace goro::detail;

// Two threads hand one token back and forth, each hand-over guarded by nothing but the parkers. A lost token
// hangs; a doubled one, or a missing acquire (under TSan), breaks the count.
TEST(ParkerStress, PingPongLosesAndDoublesNothing) {
  const int rounds = scaled(20'000);
  parker a, b;
  int count = 0;  // plain: whoever holds the token may write it
  std::thread other([&] {
    for (int i = 0; i != rounds; ++i) {
      b.park();
      EXPECT_EQ(count % 2, 1);
      ++count;
      a.unpark();
    }
  });
  for (int i = 0; i != rounds; ++i) {
    EXPECT_EQ(count, 2 * i);
    ++count;
    b.unpark();
    a.park();
  }
  other.join();
  EXPECT_EQ(count, 2 * rounds);
}

// Several wakers count an item, then unpark. The owner parks and takes what is there. Every item is taken,
// although tokens merge: an unpark after the owner's look always ends its next park.
TEST(ParkerStress, ManyWakersNoItemIsLeftLying) {
  constexpr int wakers = 3;
  const int each = scaled(20'000);
  parker p;
  std::atomic<int> items{0};
  std::vector<std::thread> threads;
  for (int w = 0; w != wakers; ++w)
    threads.emplace_back([&] {
      for (int i = 0; i != each; ++i) {
        items.fetch_add(1, std::memory_order_relaxed);
        p.unpark();
      }
    });
  int taken = 0;
  while (taken != wakers * each) {
    p.park();
    taken += items.exchange(0, std::memory_order_relaxed);
  }
  for (auto& t : threads) t.join();
  EXPECT_EQ(taken, wakers * each);
}

// Deadlines that pass at the moment of the wake: each token is taken once, by the park that missed it or by
// the next one.
TEST(ParkerStress, DeadlinesThatRaceWithWakesLoseNoToken) {
  const int rounds = scaled(3'000);
  parker p, answered;
  std::atomic<int> sent{0};
  std::thread waker([&] {
    goro::detail::random draw(7);
    for (int i = 0; i != rounds; ++i) {
      const std::int64_t until = monotonic_ns() + draw.below(60'000);
      while (monotonic_ns() < until) {
      }
      sent.fetch_add(1, std::memory_order_relaxed);
      p.unpark();
      answered.park();  // so that tokens do not merge
    }
  });
  int taken = 0, missed = 0;
  goro::detail::random draw(8);
  while (taken != rounds) {
    if (!p.park_until(monotonic_ns() + draw.below(60'000))) {
      ++missed;
      continue;
    }
    ++taken;
    EXPECT_EQ(sent.load(std::memory_order_relaxed), taken);
    answered.unpark();
  }
  waker.join();
  EXPECT_FALSE(p.park_until(0)) << "nothing is left";
  RecordProperty("missed", missed);
}

// The owner destroys the parker as soon as it has the token, while the unpark that gave it may still run.
TEST(ParkerStress, OwnerMayDestroyItOnceWoken) {
  const int rounds = scaled(2'000);
  std::atomic<parker*> offered{nullptr};
  std::thread waker([&] {
    for (int i = 0; i != rounds; ++i) {
      parker* p = nullptr;
      while ((p = offered.exchange(nullptr, std::memory_order_acquire)) == nullptr)
        std::this_thread::yield();
      p->unpark();
    }
  });
  for (int i = 0; i != rounds; ++i) {
    auto p = std::make_unique<parker>();
    offered.store(p.get(), std::memory_order_release);
    p->park();
  }
  waker.join();
}
