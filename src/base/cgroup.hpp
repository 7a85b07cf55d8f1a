// SPDX-License-Identifier: MIT
// How many CPUs this process may really use: the default of max_procs.
//
// The smaller of two numbers: the CPUs in the affinity mask, and the CPU quota of the control groups, rounded
// up. A quota of cgroup v2 (cpu.max) or v1 (cpu.cfs_quota_us) limits all groups below, so every ancestor that
// can be seen is read. A quota is not pinned to cores: below 2 the answer is still 2, if the machine has
// them, since a runtime with one P cannot overlap anything and short bursts are allowed by the quota.
#pragma once

#include <string>

namespace goro::detail {

// Reads it afresh: limits change while a process runs. Some file reads (about 50 us); never below 1.
int cpu_count();

// The number of CPUs in the calling thread's affinity mask, on machines of any size; never below 1.
int affinity_count() noexcept;

// The core of cpu_count: the quota from the files below `root` (root + "/proc/self/cgroup", root +
// "/proc/self/mountinfo", root + mount points), given `affinity` CPUs. What cannot be read limits nothing.
int cpu_count_from(const std::string& root, int affinity);

}  // namespace goro::detail
