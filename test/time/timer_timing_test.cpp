// SPDX-License-Identifier: MIT
#include <goro/goro.hpp>

#include <gtest/gtest.h>

#include <malloc.h>

#include <chrono>
#include <cstddef>

namespace {

using namespace std::chrono_literals;

std::size_t bytes_in_use() { return ::mallinfo2().uordblks; }

TEST(TimerMemory, TM22_WhatIsDroppedWithoutStopIsFreed) {
  const auto make_and_drop = [] {
    for (int i = 0; i != 10'000; ++i) {
      (void)goro::after(1h);
      { goro::timer t(1h); }
      { goro::ticker k(1h); }
      { const auto c = goro::timer(1h).c(); }
    }
  };
  make_and_drop();  // what is kept for reuse is there now
  const std::size_t before = bytes_in_use();
  for (int i = 0; i != 3; ++i) make_and_drop();
  const std::size_t after = bytes_in_use();
  EXPECT_LT(after, before + (1u << 20))
      << "each of 120,000 kept " << static_cast<double>(after - before) / 120'000 << " bytes";
}

}  // namespace
