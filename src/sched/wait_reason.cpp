// SPDX-License-Identifier: MIT
#include "sched/wait_reason.hpp"

#include <cstddef>

namespace goro::detail {

const char* to_string(wait_reason why) noexcept {
  static constexpr const char* words[] = {
      "running",      "chan send",     "chan receive", "chan send (nil chan)", "chan receive (nil chan)",
      "select",       "select (no cases)", "sleep",    "mutex",                "rw_mutex read",
      "rw_mutex write", "wait_group",  "cond",         "semaphore",            "future",
      "once",         "IO wait",       "scope",        "errgroup",             "worker_pool",
      "singleflight",
  };
  static_assert(sizeof words / sizeof *words == static_cast<std::size_t>(wait_reason::count));
  return words[static_cast<std::size_t>(why)];
}

}  // namespace goro::detail
