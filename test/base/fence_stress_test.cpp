// SPDX-License-Identifier: MIT
#include "base/fence.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <thread>
#include <vector>

#include "test_scale.hpp"

using namespace goro::detail;

// The use that the fence is for: one side enters and leaves a section with plain stores, the other, seldom,
// asks it to stay out. If each could miss the other's store, both would be inside and spoil the count. A run
// that passes proves little about the fence (a load that slips past a store is a rare guest), but the section
// itself is exercised.
TEST(FenceStress, OneOfTheTwoSidesSeesTheOther) {
  const int rounds = scaled(30'000);
  init_fences();
  struct alignas(128) word {
    std::atomic<int> value{0};
  };
  word inside;  // by the frequent side
  word wanted;  // by the rare side
  std::atomic<bool> running{false}, stop{false};
  volatile long count = 0;  // in the section; volatile, so that each access is made
  long entered = 0;

  std::thread frequent([&] {
    while (!stop.load(std::memory_order_relaxed)) {
      inside.value.store(1, std::memory_order_relaxed);
      light_fence();
      if (wanted.value.load(std::memory_order_acquire) == 0) {
        count = count + 1;
        ++entered;
        running.store(true, std::memory_order_relaxed);
      }
      inside.value.store(0, std::memory_order_release);
      // Now and then a pause, so that the other side reads the line and the next store to it takes long.
      if (entered % 16 == 0)
        for (int i = 0; i != 50; ++i) std::atomic_signal_fence(std::memory_order_seq_cst);
    }
  });
  while (!running.load(std::memory_order_relaxed)) std::this_thread::yield();
  int spoilt = 0;
  for (int round = 0; round != rounds; ++round) {
    for (int i = round % 128; i > 0; --i) (void)inside.value.load(std::memory_order_relaxed);
    wanted.value.store(1, std::memory_order_relaxed);
    heavy_fence();
    for (int spins = 0; inside.value.load(std::memory_order_acquire) != 0; ++spins)
      if (spins > 2'000) std::this_thread::yield();
    const long before = count;
    for (int i = 0; i != 100; ++i) std::atomic_signal_fence(std::memory_order_seq_cst);
    if (count != before) ++spoilt;
    count = before + 1;
    wanted.value.store(0, std::memory_order_release);
  }
  stop.store(true, std::memory_order_relaxed);
  frequent.join();
  EXPECT_EQ(spoilt, 0) << "of " << rounds;
  EXPECT_EQ(count, entered + rounds);
}

// Dekker's question itself, word after word without a step to keep the two sides together: each runs as fast as it
// can, and where they meet each may miss the other's store for the time that one takes to leave its core.
TEST(FenceStress, NeverDoBothSidesMissTheOthersStore) {
  constexpr std::size_t n = 2'000;
  struct alignas(64) word {
    std::atomic<int> value{0};
  };
  init_fences();
  const int batches = scaled(300);
  long both_missed = 0;
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(3);  // whatever the machine does
  for (int batch = 0; batch != batches && std::chrono::steady_clock::now() < until; ++batch) {
    std::vector<word> x(n), y(n);
    std::vector<int> frequent_saw(n), rare_saw(n);
    std::atomic<int> here{0};
    const auto meet = [&here] {
      ++here;
      for (int spins = 0; here.load() != 2; ++spins)
        if (spins > 1'000) std::this_thread::yield();
    };
    std::thread frequent([&] {
      meet();
      for (std::size_t i = 0; i != n; ++i) {
        x[i].value.store(1, std::memory_order_relaxed);
        light_fence();
        frequent_saw[i] = y[i].value.load(std::memory_order_relaxed);
      }
    });
    meet();
    for (std::size_t i = 0; i != n; ++i) {
      y[i].value.store(1, std::memory_order_relaxed);
      heavy_fence();
      rare_saw[i] = x[i].value.load(std::memory_order_relaxed);
    }
    frequent.join();
    for (std::size_t i = 0; i != n; ++i) both_missed += frequent_saw[i] == 0 && rare_saw[i] == 0;
  }
  EXPECT_EQ(both_missed, 0);
}
