// SPDX-License-Identifier: MIT
// What the kernel says of threads. Does one sleep in it? How blocking that nobody announced is found.
#pragma once

namespace goro::detail {

struct machine;

// Reads /proc/self/task/TID/stat through a descriptor that is kept for the thread's life: about 2.4 us.
// False also when it cannot know. The monitor's thread only.
bool sleeps_in_kernel(machine* m) noexcept;

// How many threads the process has; very many if that cannot be known. Any thread; some microseconds.
int threads_of_process() noexcept;

}  // namespace goro::detail
