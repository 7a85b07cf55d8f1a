// SPDX-License-Identifier: MIT
// Waiting until goroutines are parked at a channel: asked of the scheduler, never guessed by sleeping.
#pragma once

#include "sched/introspect.hpp"
#include "support/eventually.hpp"

#include <cstddef>

namespace goro_test {

using goro::detail::wait_reason;

// True once at least `n` goroutines are parked for `why`. Plain threads are not counted.
[[nodiscard]] inline bool until_parked(std::size_t n, wait_reason why) {
  return eventually([n, why] { return goro::detail::parked_count(why) >= n; });
}

// Lets whatever can run now run, before a test says that something has not happened: a goroutine that yields stands
// behind all others of its P each time, and another P is idle or has its own turn. By count, not by time.
inline void let_others_run() {
  goro::async([] {
    for (int i = 0; i != 20; ++i) goro::yield();
  }).get();
}

// Runs `body` in a goroutine and waits for it: a driver that is a goroutine itself meets its peers without
// a thread's wake-up each time, which is what the rounds of a stress test need.
template <class F>
void in_goroutine(F&& body) {
  goro::wait_group done;
  done.go(body);
  done.wait();
}

}  // namespace goro_test
