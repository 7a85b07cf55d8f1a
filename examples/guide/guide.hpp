// SPDX-License-Identifier: MIT
// What the programs of the guide share: a verdict on their own outcome, a wait for the number of
// goroutines, and a clock for the figures that they print.
#pragma once

#include <goro/goro.hpp>

#include <chrono>
#include <cstddef>
#include <cstdio>

using namespace std::chrono_literals;

namespace guide {

// Collects what a program claims. verdict() gives main's exit code: 0 and a last line "ok: …", or 1.
class outcome {
 public:
  void expect(bool holds, const char* what) {
    if (holds) return;
    failed_ = true;
    std::printf("FAILED: %s\n", what);
  }
  int verdict(const char* claim) const {
    if (!failed_) std::printf("ok: %s\n", claim);
    return failed_ ? 1 : 0;
  }

 private:
  bool failed_ = false;
};

// True as soon as `n` goroutines are left. The limit is only there to end a program that is wrong: a
// goroutine that has done its work is counted until it has quite ended.
inline bool settles_at(std::size_t n) {
  for (int i = 0; i != 5000; ++i) {
    if (goro::num_goroutine() == n) return true;
    goro::sleep_for(1ms);
  }
  return false;
}

// Milliseconds since it was made.
class stopwatch {
 public:
  double ms() const { return std::chrono::duration<double, std::milli>(goro::clock::now() - start_).count(); }

 private:
  goro::time_point start_ = goro::clock::now();
};

}  // namespace guide
