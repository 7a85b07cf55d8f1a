// SPDX-License-Identifier: MIT
// Does a thread sleep in the kernel? How blocking that nobody announced is found.
#pragma once

namespace goro::detail {

struct machine;

// Reads /proc/self/task/TID/stat through a descriptor that is kept for the thread's life: about 2.4 us.
// False also when it cannot know. The monitor's thread only.
bool sleeps_in_kernel(machine* m) noexcept;

}  // namespace goro::detail
