// SPDX-License-Identifier: MIT
// How many wait where, for dumps.
#pragma once

#include "debug/walk.hpp"

#include <cstddef>
#include <cstdint>
#include <unordered_map>

namespace goro::detail {

// How many goroutines wait to send to and to receive from each channel, as the walk saw them: the channel's own
// queues are behind its lock, which must not be taken, and hold plain threads and selects too.
class crowds {
 public:
  explicit crowds(const sightings& seen) {
    for (const sighting& s : seen.all)
      if (s.on_channel) ++count_[key(s)];
  }
  std::size_t around(const sighting& s) const { return count_.at(key(s)); }

 private:
  static std::uintptr_t key(const sighting& s) noexcept {  // channels are aligned, so a bit is free
    const void* const channel = s.who.waits_on;
    return reinterpret_cast<std::uintptr_t>(channel) | (s.who.why == wait_reason::chan_send ? 1u : 0u);
  }
  std::unordered_map<std::uintptr_t, std::size_t> count_;
};

}  // namespace goro::detail
