// SPDX-License-Identifier: MIT
// The set of Ps: how many are in use, and changing that while the program runs.
//
// All Ps that ever were stay allocated: `count` of them are in use, those beyond are retired. A P that is
// to retire is marked; its holder gives it up when it next looks around, one that only computes loses it by
// the hand-shake of revoke.hpp. set_processors returns when no retired P runs any more, so at most n
// goroutines run from then on. Queue, timers and caches of a retired P go to the others.
#pragma once

#include <atomic>

namespace goro::detail {

struct processor;

extern constinit std::atomic<int> processors_in_use;
extern constinit std::atomic<processor*> all_processors[1024];

inline int processor_count() noexcept { return processors_in_use.load(std::memory_order_acquire); }
inline processor* processor_at(int i) noexcept { return all_processors[i].load(std::memory_order_acquire); }

// Returns the old number. By a user's call (`fixed`) or because the CPU limit changed. May throw bad_alloc.
int set_processors(int n, bool fixed);
// Follows the CPU limit, unless the number was fixed: the monitor's, every second or so.
void follow_cpu_limit() noexcept;
}  // namespace goro::detail
