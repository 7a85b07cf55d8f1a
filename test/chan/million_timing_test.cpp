// SPDX-License-Identifier: MIT
// A million goroutines parked on one channel, in the build that is promised to hold them: see million.hpp.
#include "chan/million.hpp"

namespace {

constexpr std::size_t count = 1'000'000;

TEST(Million, GoroutinesParkedOnOneChannelAllWakeByClose) { goro_test::park_and_wake(count, true); }

TEST(Million, GoroutinesParkedOnOneChannelAllWakeByValues) { goro_test::park_and_wake(count, false); }

}  // namespace
