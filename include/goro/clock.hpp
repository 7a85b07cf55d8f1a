// SPDX-License-Identifier: MIT
// The runtime's clock: steady, in nanoseconds, and virtual inside a synctest bubble.
//
//   const goro::time_point start = goro::clock::now();
//   work();
//   const goro::duration took = goro::clock::now() - start;
//
// It meets the standard's Clock requirements, so it works with all of std::chrono. Outside a bubble it is the
// kernel's CLOCK_MONOTONIC: it does not jump when the date is set, and it stands still while the machine
// sleeps. Time points of different bubbles have nothing to do with each other.
#pragma once

#include <chrono>

#include <goro/detail/export.hpp>

namespace goro {

struct clock {
  using duration = std::chrono::nanoseconds;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<clock, duration>;
  static constexpr bool is_steady = true;

  // What time it is.
  //
  // Returns  a time point that never lies before one returned earlier.
  // Cost     one call into the kernel's shared page: tens of nanoseconds, no system call.
  // Threads  any.
  // Go       time.Now
  GORO_API static time_point now() noexcept;
};

using duration = clock::duration;
using time_point = clock::time_point;

}  // namespace goro
