// SPDX-License-Identifier: MIT
#include "sched/wait_reason.hpp"

#include <cstddef>

namespace goro::detail {

constinit const char* const wait_reason_words[] = {
    "running",      "chan send",     "chan receive", "chan send (nil chan)", "chan receive (nil chan)",
    "select",       "select (no cases)", "sleep",    "mutex",                "rw_mutex read",
    "rw_mutex write", "wait_group",  "cond",         "semaphore",            "future",
    "once",         "IO wait",       "scope",        "errgroup",             "worker_pool",
    "singleflight",
};
static_assert(sizeof wait_reason_words / sizeof *wait_reason_words ==
              static_cast<std::size_t>(wait_reason::count));

const char* to_string(wait_reason why) noexcept { return wait_reason_words[static_cast<std::size_t>(why)]; }

}  // namespace goro::detail
