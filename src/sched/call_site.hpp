// SPDX-License-Identifier: MIT
// How long the calls at a site of blocking() take, as a rule: a table by return address. It is learnt from the clock,
// not from whether the P was lost there, since nobody takes the P of a long call when nobody waits. Entries are
// hints: a collision, or a lost update, costs a hand-off or a late one.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>

namespace goro::detail {

class call_site {
 public:
  static call_site& of(void* address) noexcept {
    const auto bits = reinterpret_cast<std::uintptr_t>(address) * 0x9e37'79b9'7f4a'7c15u;
    return table_[bits >> 56];
  }

  // Over within microseconds, as a rule.
  bool brief() const noexcept { return score_.load(std::memory_order_relaxed) < 0; }
  // … and so surely that nobody need be told of the next call.
  bool surely_brief() const noexcept { return score_.load(std::memory_order_relaxed) == lowest; }
  // The P is better handed on at once.
  bool blocks_long() const noexcept { return score_.load(std::memory_order_relaxed) >= 2; }

  void took(std::int64_t nanoseconds) noexcept {
    if (nanoseconds < 10'000)
      move(-1);
    else if (nanoseconds > 20'000)
      lost();
  }
  // The monitor took its P meanwhile. A site that is not known is so from then on: others of a burst are about to do
  // the same. Brief as a rule and lost once: the kernel may have had the thread wait in the midst of it.
  void lost() noexcept {
    const int now = score_.load(std::memory_order_relaxed);
    move(now < 0 ? now / 2 - now : 2);
  }

 private:
  static constexpr std::int8_t lowest = -8;
  static constexpr std::int8_t highest = 4;
  static call_site table_[256];

  void move(int by) noexcept {
    const int now = score_.load(std::memory_order_relaxed);
    const int then = std::clamp<int>(now + by, lowest, highest);
    if (then != now) score_.store(static_cast<std::int8_t>(then), std::memory_order_relaxed);
  }

  std::atomic<std::int8_t> score_{0};  // 0: not known
};

}  // namespace goro::detail
