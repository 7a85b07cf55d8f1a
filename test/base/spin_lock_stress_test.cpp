// SPDX-License-Identifier: MIT
#include "base/spin_lock.hpp"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "test_scale.hpp"

using namespace goro::detail;

namespace {

// More threads than cores: holders lose their core in the section, and waiters reach every stage.
void count_together(void (*take)(spin_lock&)) {
  constexpr int threads = 4;
  const int each = scaled(100'000);
  spin_lock lock;
  long count = 0, echo = 0;  // plain: under lock
  std::vector<std::thread> all;
  for (int t = 0; t != threads; ++t)
    all.emplace_back([&] {
      for (int i = 0; i != each; ++i) {
        take(lock);
        EXPECT_EQ(count, echo);
        ++count;
        if (i % 4096 == 0) std::this_thread::yield();
        ++echo;
        lock.unlock();
      }
    });
  for (auto& t : all) t.join();
  EXPECT_EQ(count, long{threads} * each);
}

}  // namespace

TEST(SpinLockStress, LockExcludes) {
  count_together([](spin_lock& lock) { lock.lock(); });
}

TEST(SpinLockStress, TryLockExcludes) {
  count_together([](spin_lock& lock) {
    while (!lock.try_lock()) std::this_thread::yield();
  });
}
