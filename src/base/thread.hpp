// SPDX-License-Identifier: MIT
// Starting the runtime's own threads: those that run goroutines, and the few that watch over them.
//
//   void rings(void*) noexcept;
//   constexpr runtime_thread bell{.name = "goro-bell", .stack_size = 64u * 1024, .body = &rings};
//   if (start_thread<bell>() != 0) ...
#pragma once

#include <sys/prctl.h>
#include <csignal>
#include <cstddef>

namespace goro::detail {

struct runtime_thread {
  const char* name;        // at most 15 characters: the kernel cuts off the rest
  std::size_t stack_size;  // bytes; 0: what the process gives every thread, which user code may rely on
  void (*body)(void* argument) noexcept;
};

// What the runtime's threads leave to the user's threads: all signals but faults (and a profiler's ticks).
sigset_t signals_left_to_users() noexcept;

// How many threads of the runtime there are. One that ends may be out of it a moment before it is gone.
int runtime_threads() noexcept;

// start_thread without the name, which counts what it has started; who calls it counts the ends.
void count_ended_thread() noexcept;
int start_thread(void* (*main)(void*), void* argument, std::size_t stack_size) noexcept;

// Starts a detached thread that bears Kind's name and runs Kind's body. The signals that it leaves to users are
// blocked before it exists, so no handler of theirs ever runs on it. errno is kept.
//
// Returns  0, or why there is no thread (an errno value).
template <const runtime_thread& Kind>
int start_thread(void* argument = nullptr) noexcept {
  // The thread names itself: nobody else may hold on to a detached one.
  return start_thread(
      [](void* given) -> void* {
        (void)prctl(PR_SET_NAME, Kind.name, 0, 0, 0);
        Kind.body(given);
        count_ended_thread();
        return nullptr;
      },
      argument, Kind.stack_size);
}

}  // namespace goro::detail
