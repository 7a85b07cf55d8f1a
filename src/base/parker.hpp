// SPDX-License-Identifier: MIT
// The parker: one thread's sleep and wake word. It holds at most one token: unpark() puts it in, park() waits
// for it and takes it out. So an unpark that comes before the park is not lost, and two of them count as one.
//
// One thread at a time, "the owner", parks. Any thread unparks, any number of them at once.
//
//      empty --unpark--> token --park--> empty                      no system call
//      empty --park--> parked --unpark--> token --owner--> empty    one futex wait, one futex wake
//                      parked --deadline, owner--> empty
//
// Invariants
//   I1  Only the owner leaves `token` and enters `parked`; so while the owner is not inside park, the word is
//       empty or token.
//   I2  unpark leaves the word at token, whatever it was. Only the unpark that finds `parked` calls the
//       kernel, and it does so after the word has changed.
//   I3  The owner sleeps only while the word is `parked`, which the kernel checks under its own lock: a wake
//       between the owner's step to `parked` and its sleep makes the sleep return at once.
//
// Pairs
//   P1  unpark: exchange release -> park: each read that finds the token, acquire. What the waker did before
//       unpark is visible after park. Of several unparks before one park, each exchange continues the release
//       sequence of those before it (they are all read-modify-writes, and the owner's own steps are too), so
//       the owner meets them all.
//   A park that ends without a token promises nothing, so its path needs no order.
//
// Lifetime: once park has returned true the owner may destroy the parker, though an unpark may still be on
// its way to the kernel: after its exchange it uses the word's address only (see futex_wake).
// No spinning here: who expects a token soon (an M that looks for work) spins where it looks, with a reason.
// Tests: test/base/parker_{test,stress_test}.cpp.
#pragma once

#include <atomic>
#include <cstdint>

#include "base/futex.hpp"

namespace goro::detail {

// With another Atomic, futex_wait and futex_wake for it are found in its namespace.
template <template <class> class Atomic = std::atomic>
class basic_parker {
 public:
  constexpr basic_parker() noexcept = default;
  basic_parker(const basic_parker&) = delete;
  basic_parker& operator=(const basic_parker&) = delete;

  // Owner only. Waits for the token and takes it.
  void park() noexcept { (void)park_until(never); }

  // Owner only. True: took the token. False: `deadline` (real CLOCK_MONOTONIC) passed and there is none.
  // A token that is already there is taken even if the deadline has passed.
  [[nodiscard]] bool park_until(std::int64_t deadline) noexcept {
    if (word_.fetch_sub(1, std::memory_order_acquire) == token) return true;  // P1; else now parked
    for (;;) {
      const bool in_time = futex_wait(word_, parked, deadline);
      std::uint32_t seen = token;
      if (word_.compare_exchange_strong(seen, empty, std::memory_order_acquire,  // P1
                                        std::memory_order_relaxed))
        return true;
      if (!in_time) return word_.exchange(empty, std::memory_order_acquire) == token;  // P1: it came just now
    }
  }

  // Any thread. Puts the token in; wakes the owner if it sleeps.
  void unpark() noexcept {
    if (word_.exchange(token, std::memory_order_release) == parked)  // P1, I2
      (void)futex_wake(word_, 1);
  }

 private:
  // In this order, so that one subtraction is park's first step: token -> empty, empty -> parked.
  static constexpr std::uint32_t token = 1;
  static constexpr std::uint32_t empty = 0;
  static constexpr std::uint32_t parked = UINT32_MAX;

  Atomic<std::uint32_t> word_{empty};
};

using parker = basic_parker<>;
static_assert(sizeof(parker) == 4);

}  // namespace goro::detail
