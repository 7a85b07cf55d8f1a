// SPDX-License-Identifier: MIT
// The end of a G: its block goes back, dead, and can be another goroutine's at once. The stack under it is
// the caller's (run_here's) business.
#pragma once

#include "sched/machine.hpp"

namespace goro::detail {

// In the runtime, on g's stack.
void finish(machine* m, goroutine* g) noexcept;

}  // namespace goro::detail
