// SPDX-License-Identifier: MIT
#include "base/parker.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <thread>
#include <utility>

using namespace goro::detail;

namespace {

constexpr std::int64_t ms = 1'000'000;

// An atomic of one thread whose futex sleeps until the deadline at once, and which lets others act where the
// script says: between the park's last look at the word and its withdrawal.
template <class T>
struct scripted_atomic {
  T value;

  T fetch_sub(T n, std::memory_order) { return std::exchange(value, static_cast<T>(value - n)); }
  T exchange(T to, std::memory_order) { return std::exchange(value, to); }
  bool compare_exchange_strong(T& seen, T to, std::memory_order, std::memory_order) {
    const bool equal = value == seen;
    if (equal)
      value = to;
    else
      seen = value;
    if (script) std::exchange(script, nullptr)();
    return equal;
  }
  static inline std::function<void()> script;
};

bool futex_wait(const scripted_atomic<std::uint32_t>&, std::uint32_t, std::int64_t) { return false; }
int wakes = 0;
int futex_wake(const scripted_atomic<std::uint32_t>&, int) { return ++wakes; }

}  // namespace

TEST(Parker, KeepsATokenThatCameFirst) {
  parker p;
  p.unpark();
  p.park();
  EXPECT_FALSE(p.park_until(0)) << "there was one token only";
}

TEST(Parker, CountsTwoTokensAsOne) {
  parker p;
  p.unpark();
  p.unpark();
  EXPECT_TRUE(p.park_until(0));
  EXPECT_FALSE(p.park_until(0));
}

TEST(Parker, TakesATokenEvenAfterTheDeadline) {
  parker p;
  p.unpark();
  EXPECT_TRUE(p.park_until(1));
}

TEST(Parker, ReturnsAtTheDeadlineNotBefore) {
  parker p;
  const std::int64_t deadline = monotonic_ns() + 20 * ms;
  EXPECT_FALSE(p.park_until(deadline));
  EXPECT_GE(monotonic_ns(), deadline);
  p.unpark();
  EXPECT_TRUE(p.park_until(0)) << "a missed deadline leaves it usable";
}

TEST(Parker, WakesItsOwnerAndShowsWhatTheWakerDid) {
  parker p;
  int plain = 0;
  std::thread waker([&] {
    plain = 7;
    p.unpark();
  });
  p.park();
  EXPECT_EQ(plain, 7);
  waker.join();
}

TEST(Parker, CanBeConstantInitialised) {
  static constinit parker p;
  p.unpark();
  EXPECT_TRUE(p.park_until(0));
}

TEST(Parker, TokenThatComesWhileItWithdrawsIsTaken) {
  basic_parker<scripted_atomic> p;
  EXPECT_FALSE(p.park_until(1));
  wakes = 0;
  scripted_atomic<std::uint32_t>::script = [&] { p.unpark(); };
  EXPECT_TRUE(p.park_until(1));
  EXPECT_EQ(wakes, 1) << "it still counted as asleep";
  EXPECT_FALSE(p.park_until(1)) << "and the token is gone";
}

TEST(Parker, CallsTheKernelOnlyIfSomebodySleeps) {
  basic_parker<scripted_atomic> p;
  wakes = 0;
  p.unpark();
  p.unpark();
  EXPECT_TRUE(p.park_until(1));
  p.unpark();
  EXPECT_EQ(wakes, 0);
}
