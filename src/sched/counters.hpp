// SPDX-License-Identifier: MIT
// Counts of rare events, for introspect.hpp and metrics. The frequent ones are counted by each P.
#pragma once

#include <atomic>
#include <cstdint>

namespace goro::detail {

struct rare_counters {
  std::atomic<std::uint64_t> handoffs{0};
  std::atomic<std::uint64_t> revoked_hogs{0};
  std::atomic<std::uint64_t> wakes{0};
};
extern constinit rare_counters rare;

inline void count_handoff() noexcept { rare.handoffs.fetch_add(1, std::memory_order_relaxed); }
inline void count_revoked_hog() noexcept { rare.revoked_hogs.fetch_add(1, std::memory_order_relaxed); }
inline void count_wake() noexcept { rare.wakes.fetch_add(1, std::memory_order_relaxed); }

}  // namespace goro::detail
