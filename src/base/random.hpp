// SPDX-License-Identifier: MIT
// A small, fast, seeded source of random numbers for scheduling decisions: whom to rob, the order of a
// select's cases. Not for secrets. One thread at a time.
#pragma once

#include <cstdint>

namespace goro::detail {

class random {
 public:
  // Any seed is good, 0 and small neighbouring ones too: the output mixes all bits.
  explicit constexpr random(std::uint64_t seed) noexcept : state_(seed) {}

  // 32 random bits. The state steps through all 2^64 values (an odd constant is added); a multiplication and
  // shifts hide that.
  constexpr std::uint32_t next() noexcept {
    state_ += 0x9E3779B97F4A7C15u;  // 2^64 divided by the golden ratio: odd, and its bits look random
    std::uint64_t x = state_;
    x ^= x >> 32;
    x *= 0xD6E8FEB86659FD93u;
    x ^= x >> 32;
    x *= 0xD6E8FEB86659FD93u;
    return static_cast<std::uint32_t>(x >> 32);
  }

  // A number in [0, n); 0 if n is 0. The high half of a product instead of a division: the bias is below
  // n / 2^32, which no scheduling decision notices.
  constexpr std::uint32_t below(std::uint32_t n) noexcept {
    return static_cast<std::uint32_t>((std::uint64_t{next()} * n) >> 32);
  }

 private:
  std::uint64_t state_;
};

}  // namespace goro::detail
