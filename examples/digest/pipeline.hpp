// SPDX-License-Identifier: MIT
// The bounded pipeline: walk -> paths -> N readers -> results.
//
//   walk goroutine --paths(64)--> reader 1 … N --results(64)--> whoever collects
//
// Both channels are bounded: a slow stage holds up the one before it, so memory does not grow with the tree.
// Closing `stop` ends all of it early: the walk stops sending, readers drop the file that they are in. Then,
// as at the natural end, `results` is closed; whoever collects must receive until it is.
#pragma once

#include "options.hpp"

#include <goro/goro.hpp>

#include <atomic>
#include <cstdint>
#include <string>

namespace digest {

struct entry {
  std::string path;
  std::string hash;
  std::string error;  // not empty: the file could not be read, and there is no hash
  std::uint64_t bytes = 0;
};

// What the progress bar shows, kept up to date by the goroutines.
struct counters {
  std::atomic<std::uint64_t> files_done{0};
  std::atomic<std::uint64_t> bytes_done{0};
  std::atomic<std::uint64_t> files_found{0};  // by the scout, if there is one
  std::atomic<bool> all_found{false};
};

// Nobody sends on it: it is closed to say stop.
using stop_chan = goro::recv_chan<int>;

inline bool is_closed(const stop_chan& stop) { return stop.try_recv().status == goro::op_status::closed; }

// Starts the pipeline's goroutines in `scope`, which must end before `options` and `counters` do.
goro::recv_chan<entry> start_pipeline(goro::scope& scope, const options& options, stop_chan stop,
                                      counters& counters);

// Starts a goroutine that only counts the files, so that the bar knows how many there will be.
void start_scout(goro::scope& scope, const options& options, stop_chan stop, counters& counters);

}  // namespace digest
