// SPDX-License-Identifier: MIT
// A function that runs later, in a goroutine of its own; the rest of its interface is in goro/time.hpp.
#pragma once

#include <cstdint>

namespace goro::detail {

struct timer_call;

// As timer::stop and timer::reset.
bool stop_timer_call(timer_call* call) noexcept;
bool reset_timer_call(timer_call* call, std::int64_t d);

// The handle lets go; the function still runs if it is due to.
void drop_timer_call(timer_call* call) noexcept;

}  // namespace goro::detail
