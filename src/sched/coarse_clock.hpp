// SPDX-License-Identifier: MIT
// What time it was a moment ago: for stamps that nobody may pay for.
//
// Reading the clock costs 20 to 40 ns, a park about as much; so a goroutine that stops copies this word
// instead, which is in its core's cache as a rule. The monitor renews it in each of its rounds, 20 us to 10 ms
// apart while any P is at work, and so does an M that comes back from its sleep, because the monitor may have
// slept as well. So a stamp is at most about 10 ms too old, unless the kernel kept the monitor waiting. It may
// go back by as much as two writers race: who subtracts must be ready for a small negative number.
#pragma once

#include <atomic>
#include <cstdint>

namespace goro::detail {

struct alignas(64) coarse_clock {
  std::atomic<std::int64_t> ns{0};  // CLOCK_MONOTONIC; 0: nobody has looked yet
};
extern constinit coarse_clock the_coarse_clock;

inline std::int64_t coarse_now() noexcept { return the_coarse_clock.ns.load(std::memory_order_relaxed); }
inline void set_coarse_now(std::int64_t now) noexcept {
  the_coarse_clock.ns.store(now, std::memory_order_relaxed);
}

}  // namespace goro::detail
