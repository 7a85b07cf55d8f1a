// SPDX-License-Identifier: MIT
// The kernel's wait-on-a-word, for threads of this process. All sleeping of threads in goro goes through it.
#pragma once

#include <atomic>
#include <cstdint>

#include "base/clock.hpp"

namespace goro::detail {

// Sleeps while `word` holds `expected`, until woken or until `deadline_ns`.
//
// Returns false if the deadline passed, else true: woken, the word was something else already, a signal came,
// or for no reason. So the caller looks at the word again whatever comes back.
// The deadline is always of the real CLOCK_MONOTONIC, also while now_ns() is virtual: threads sleep in real
// time. 0 and below: already passed. errno is left as it was.
[[nodiscard]] bool futex_wait(const std::atomic<std::uint32_t>& word, std::uint32_t expected,
                              std::int64_t deadline_ns = never) noexcept;

// Wakes up to `n` threads that sleep on `word`; returns how many. The word is not read, only its address
// counts: it may belong to an object that a woken thread has meanwhile destroyed; then at worst somebody who
// sleeps on a new word at that place wakes for no reason, which futex_wait allows.
int futex_wake(const std::atomic<std::uint32_t>& word, int n) noexcept;

}  // namespace goro::detail
