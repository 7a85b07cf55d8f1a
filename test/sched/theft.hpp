// SPDX-License-Identifier: MIT
// Goroutines that are not worth a theft (src/sched/wake.hpp).
#pragma once

#include "sched/introspect.hpp"

#include <goro/goro.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>

namespace goro_test {

inline constexpr int goroutines = 8;
inline constexpr int rounds_each = 100'000;
inline constexpr std::uint64_t writes = goroutines * rounds_each / 100;

// All on one lock, a write in a hundred: on two Ps the next write stops them all. Returns the thefts.
inline std::uint64_t thefts_of_a_contended_lock() {
  goro::rw_mutex lock;
  long value = 0;
  std::atomic<long> sum{0};
  const std::uint64_t before = goro::detail::counters().steals;
  goro::wait_group all;
  for (int g = 0; g != goroutines; ++g)
    all.go([&, g] {
      long seen = 0;
      for (int i = 0; i != rounds_each; ++i) {
        if ((i + g * 12) % 100 == 0) {
          lock.lock();
          ++value;
          lock.unlock();
        } else {
          lock.lock_shared();
          seen += value;
          lock.unlock_shared();
        }
      }
      sum += seen;
    });
  all.wait();
  EXPECT_EQ(value, static_cast<long>(writes));
  return goro::detail::counters().steals - before;
}

}  // namespace goro_test
