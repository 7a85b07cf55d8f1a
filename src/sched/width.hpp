// SPDX-License-Identifier: MIT
// Wide or narrow: whether tiny goroutines are spread over the idle Ps or left to those that are busy.
//
// A goroutine that runs for 50 ns is not worth another CPU: its block, its closure and what it touches have to
// be moved there, 200 to 500 ns a cache line, and its block moved back. Whether that is so depends on the
// machine and on what the goroutines share, so it is measured: while goroutines are tiny (under 2 us on the
// average) and there is more than one P, the monitor compares what gets done in a millisecond, goroutines
// created and taken up by all Ps, in both modes, stays with the better one, and tries the other again after
// 1, 2, 4 ... 32 ms. Goroutines that are not tiny are always spread.
//
// Narrow means: making work ready wakes nobody as long as some P is not idle, and an M whose own queue is empty
// goes to sleep, work or no work, as long as some other P is not idle. So at least one P always works; one that
// stands still while others wait makes the monitor go wide at once.
//
// Measured (2 CPUs, P = 2): 1,000,000 empty goroutines from one: wide 195 to 310 ns each, narrow 100 to 130;
// fib with a goroutine and a channel a call: wide 280 ns, narrow 380. Neither mode is right for both.
#pragma once

#include <atomic>
#include <cstdint>

namespace goro::detail {

extern constinit std::atomic<bool> narrow;  // the monitor writes

inline bool is_narrow() noexcept { return narrow.load(std::memory_order_relaxed); }

// The monitor's. Not thread-safe.
class width_control {
 public:
  // Once a round. True: goroutines are tiny, so come again within a millisecond.
  bool update(std::int64_t now) noexcept;
  // Something stands still, or all is idle: wide, and measure anew.
  void reset() noexcept;

 private:
  void choose(bool to_narrow) noexcept;

  std::int64_t began_ = 0;          // this window
  std::uint64_t events_ = 0;        // at its beginning
  double rate_[2] = {0, 0};         // events a ns, wide and narrow; 0: not known
  int windows_left_ = 0;            // until the other mode is tried
  int patience_ = 1;                // windows between trials
  bool trying_ = false;             // this window is a trial
};

}  // namespace goro::detail
