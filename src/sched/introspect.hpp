// SPDX-License-Identifier: MIT
// What tests and, later, dumps ask of the scheduler. Walks the slabs; costs nothing until asked.
#pragma once

#include "sched/wait_reason.hpp"

#include <cstddef>
#include <cstdint>

namespace goro::detail {

// How many goroutines are parked for this reason now (a moment's picture: others go on).
std::size_t parked_count(wait_reason why) noexcept;

// Gives the pages of all idle stacks back to the kernel, now.
void release_idle_memory() noexcept;

struct scheduler_counters {
  std::uint64_t switches = 0;        // goroutines taken up by an M
  std::uint64_t steals = 0;          // successful
  std::uint64_t handoffs = 0;        // Ps taken from an M that blocked, announced or not
  std::uint64_t revoked_hogs = 0;    // Ps taken from an M that computed beyond its slice
  std::uint64_t futex_wakes = 0;     // Ms woken
  std::uint64_t machines = 0;        // threads alive
};
scheduler_counters counters() noexcept;

}  // namespace goro::detail
