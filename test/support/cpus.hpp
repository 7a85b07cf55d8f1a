// SPDX-License-Identifier: MIT
// Threads that stay on one CPU, for tests of what is kept apart by CPU.
#pragma once

#include <sched.h>

#include <vector>

namespace goro_test {

// The CPUs that the calling thread may run on, of the first 1,024.
inline std::vector<int> allowed_cpus() {
  std::vector<int> cpus;
  cpu_set_t set;
  if (::sched_getaffinity(0, sizeof set, &set) != 0) return cpus;
  for (int cpu = 0; cpu != CPU_SETSIZE; ++cpu)
    if (CPU_ISSET(cpu, &set)) cpus.push_back(cpu);
  return cpus;
}

// The calling thread runs on this one from now on. False: it may not.
inline bool stay_on(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  return ::sched_setaffinity(0, sizeof set, &set) == 0;
}

}  // namespace goro_test
