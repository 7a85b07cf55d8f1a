// SPDX-License-Identifier: MIT
// Waiting for somebody whom goro does not know.
#pragma once

#include "sched/wake.hpp"

#include <atomic>

namespace goro::detail {

// While one exists, "all goroutines are asleep" is no deadlock: somebody outside may wake the caller, whom
// goro does not know as long as it has not called.
struct waits_outside {
  waits_outside() noexcept { idle.in_flight.fetch_add(1, std::memory_order_acq_rel); }
  ~waits_outside() { idle.in_flight.fetch_sub(1, std::memory_order_acq_rel); }
};

}  // namespace goro::detail
