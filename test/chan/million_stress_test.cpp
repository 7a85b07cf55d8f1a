// SPDX-License-Identifier: MIT
// Very many goroutines parked on one channel, with assertions and under sanitizers: see million.hpp.
#include "chan/million.hpp"

namespace {

// A sanitizer's shadow multiplies memory; and thread sanitizer has room for about 8,000 fibers.
constexpr std::size_t count = goro_test::under_tsan ? 2'000 : goro_test::under_sanitizer ? 10'000 : 100'000;

TEST(VeryMany, GoroutinesParkedOnOneChannelAllWakeByClose) { goro_test::park_and_wake(count, true); }

TEST(VeryMany, GoroutinesParkedOnOneChannelAllWakeByValues) { goro_test::park_and_wake(count, false); }

}  // namespace
