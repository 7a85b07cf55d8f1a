// SPDX-License-Identifier: MIT
// The progress bar: drawn on stderr, and only if that is a terminal.
#pragma once

#include "pipeline.hpp"

#include <goro/goro.hpp>

#include <optional>

namespace digest {

class progress {
 public:
  explicit progress(const counters& counters);

  bool shown() const { return ticker_.has_value(); }
  // When to draw. Without a terminal nil, which is never ready in a select.
  goro::recv_chan<goro::time_point> ticks() const;
  void draw();
  void clear();  // before anything else is printed

 private:
  const counters& counters_;
  const goro::time_point start_ = goro::clock::now();
  std::optional<goro::ticker> ticker_;
  bool drawn_ = false;
};

}  // namespace digest
