// SPDX-License-Identifier: MIT
// The same files through sha256sum, and a comparison.
#pragma once

#include "pipeline.hpp"

#include <goro/goro.hpp>

#include <string>
#include <vector>

namespace digest {

struct verification {
  bool same = false;
  std::string what;  // a sentence for the summary
  int signal = 0;    // not 0: ended early by this signal
};

// `list` is listing(entries). Runs `xargs -0 sha256sum` as a child: one goroutine feeds it, another reads
// what it prints, and this one waits for the result or a signal.
verification verify(const std::vector<entry>& entries, const std::string& list, goro::recv_chan<int> signals);

}  // namespace digest
