// SPDX-License-Identifier: MIT
// Architectures without hand-written switches in floor: the portable costs only.
#if !defined(__x86_64__)

#include "floor.hpp"

namespace floor_costs {

void cpu_costs_of_architecture() {}
void relax() { sched_yield(); }

}  // namespace floor_costs

#endif
