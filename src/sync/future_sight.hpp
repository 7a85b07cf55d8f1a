// SPDX-License-Identifier: MIT
// What lies between a promise and its future, as a proof sees it while all other threads stand still.
#pragma once

#include <cstddef>

namespace goro::detail {

struct future_core;
struct waiter;

inline constexpr std::size_t future_core_size = 64;

struct future_sight {
  bool is_locked;
  std::size_t block;    // bytes, with the value; 0: not known
  const waiter* first;  // who waits
};
future_sight look_at_future(const future_core* core) noexcept;

}  // namespace goro::detail
