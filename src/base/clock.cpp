// SPDX-License-Identifier: MIT
#include "base/clock.hpp"

#include <ctime>

namespace goro::detail {

constinit std::atomic<clock_source> current_clock{&monotonic_ns};

std::int64_t monotonic_ns() noexcept {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);  // cannot fail: the clock exists, the address is ours
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

clock_source set_clock(clock_source source) noexcept {
  return current_clock.exchange(source != nullptr ? source : &monotonic_ns, std::memory_order_relaxed);
}

}  // namespace goro::detail

namespace goro {

clock::time_point clock::now() noexcept { return time_point(duration(detail::now_ns())); }

}  // namespace goro
