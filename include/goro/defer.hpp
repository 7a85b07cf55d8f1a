// SPDX-License-Identifier: MIT
// Runs a function at the end of the block, however the block is left.
//
//   FILE* const f = std::fopen(path, "r");
//   goro::defer close([f] { std::fclose(f); });
//   if (!parse(f)) return false;                        // closed here
//   return true;                                        // and here
//
// Go's `defer f()`, but at the end of the block rather than of the function. Several run in reverse order, as
// destructors do. It runs on return, on an exception and on goexit(). The function must not throw: it may run
// while an exception is on its way, so one of its own ends the program, as with any destructor.
#pragma once

#include <utility>

namespace goro {

template <class F>
class [[nodiscard]] defer {
 public:
  explicit defer(F f) : f_(std::move(f)) {}
  defer(const defer&) = delete;
  defer& operator=(const defer&) = delete;
  ~defer() {
    if (armed_) f_();
  }

  // The function will not be called after all.
  void dismiss() noexcept { armed_ = false; }

 private:
  F f_;
  bool armed_ = true;
};

}  // namespace goro
