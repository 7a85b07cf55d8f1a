// SPDX-License-Identifier: MIT
#include "base/random.hpp"

#include <gtest/gtest.h>

// Qualified throughout: stdlib.h has a function of that name.

TEST(Random, RepeatsFromItsSeed) {
  goro::detail::random a(5), b(5), c(6);
  int differing = 0;
  for (int i = 0; i != 100; ++i) {
    const std::uint32_t n = a.next();
    EXPECT_EQ(n, b.next());
    if (n != c.next()) ++differing;
  }
  EXPECT_GT(differing, 90);
}

TEST(Random, BelowStaysInBounds) {
  goro::detail::random draw(0);
  for (const std::uint32_t n : {1u, 2u, 3u, 61u, 1u << 31, UINT32_MAX})
    for (int i = 0; i != 10'000; ++i) ASSERT_LT(draw.below(n), n);
  EXPECT_EQ(draw.below(0), 0u);
}

TEST(Random, SpreadsEvenly) {
  constexpr int cells = 10, draws = 100'000;
  for (const std::uint64_t seed : {std::uint64_t{0}, std::uint64_t{1}, UINT64_MAX}) {
    goro::detail::random draw(seed);
    int counts[cells] = {};
    for (int i = 0; i != draws; ++i) ++counts[draw.below(cells)];
    for (const int count : counts) EXPECT_NEAR(count, draws / cells, 500) << "seed " << seed;
  }
}

TEST(Random, UsesEveryBit) {
  goro::detail::random draw(1);
  std::uint32_t ones = 0, zeros = 0;
  for (int i = 0; i != 200; ++i) {
    const std::uint32_t n = draw.next();
    ones |= n;
    zeros |= ~n;
  }
  EXPECT_EQ(ones, UINT32_MAX);
  EXPECT_EQ(zeros, UINT32_MAX);
}
