// SPDX-License-Identifier: MIT
// What time it is, in nanoseconds of CLOCK_MONOTONIC, unless somebody replaced the source (a bubble of
// virtual time does). Any thread may ask; the source is replaced rarely, and a reader may still use the old
// one for a moment, so old and new source must both stay callable.
#pragma once

#include <atomic>
#include <cstdint>

#include <goro/detail/duration.hpp>

namespace goro::detail {

// `never`, the deadline that does not come, is goro/detail/duration.hpp's.

using clock_source = std::int64_t (*)() noexcept;

// CLOCK_MONOTONIC itself, whatever source is set.
std::int64_t monotonic_ns() noexcept;

// Starts as monotonic_ns (constant-initialised). Relaxed: the function it names is code, not data.
extern constinit std::atomic<clock_source> current_clock;

inline std::int64_t now_ns() noexcept { return current_clock.load(std::memory_order_relaxed)(); }

// Makes `source` the clock; null brings back CLOCK_MONOTONIC. Returns the source before.
clock_source set_clock(clock_source source) noexcept;

}  // namespace goro::detail
