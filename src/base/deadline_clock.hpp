// SPDX-License-Identifier: MIT
// What deadlines are counted from: now_ns(), at up to half its price, a little late and never early.
//
// Most of what it costs to set a timer is to ask the kernel's clock (22 of 32 ns measured; the counter of the
// CPU alone: 10). So each thread remembers one reading of both, and for the next millisecond multiplies.
//
//      deadline_now() = ns + (counter - its value then) * ns_per_count + allowance        [1 us]
//
// What can be wrong with it, and why the deadline is never early all the same:
//   - The factor. It is measured over 20 ms or more, between readings that took 0.7 us at most, which is 70
//     parts in a million; and the kernel may slew its clock by 500 more. In a millisecond that makes 0.6 us,
//     which is below the allowance. A reading takes the counter first, so it errs to the late side.
//   - The kernel's clock changes its pace more than that (adjtimex can make it). Each time a thread reads it
//     anew it compares, and what is wrong by more than half the allowance makes the factor be measured again.
//   - The counter stands still, changes its pace, or differs from CPU to CPU. Then the kernel does not use it
//     either: it is trusted only if the kernel says that its own clock runs on it.
//   - The thread was stopped, or the machine: what is older than a millisecond by the counter is not used.
//
// While another source is set (virtual time), that one is asked, exactly. Elsewhere than on x86-64 the
// kernel's clock is asked: there it is a register too, and cheap.
// Tests: test/base/deadline_clock_test.cpp.
#pragma once

#include <cstdint>

namespace goro::detail {

inline constexpr std::int64_t deadline_allowance = 1'000;  // ns

// deadline_now() itself is declared in goro/detail/duration.hpp, as public headers use it. It returns not before
// now_ns(), and at most 2 * deadline_allowance after it. Any thread, and any goroutine.

// For tests: whether the counter is in use by now.
bool deadline_clock_counts() noexcept;

}  // namespace goro::detail
