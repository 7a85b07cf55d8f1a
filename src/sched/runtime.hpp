// SPDX-License-Identifier: MIT
// The runtime as a whole: it starts at first use, counts, and stops when the process ends.
#pragma once

#include <cstddef>
#include <cstdint>

namespace goro::detail {

struct goroutine;
struct machine;

// Any thread; once it has happened, a load and a branch. Ends the process with a clear text in a forked child.
void start_runtime();
[[noreturn]] void forked_child() noexcept;

// Counts of those that were created or ended where no P was at hand.
void count_created_without_processor() noexcept;
void count_finished_without_processor() noexcept;
std::size_t live_goroutines() noexcept;

// run(): is one under way, and what became of its main goroutine.
bool run_under_way() noexcept;
bool main_did_goexit() noexcept;
void main_ended() noexcept;             // finish(): the main goroutine is no more

// spawn.cpp: spawn_commit for who was not called by the user's own code; `created_at` is what a dump shows.
void spawn_commit_at(goroutine* g, void (*run)(void*), std::uintptr_t created_at) noexcept;

// park.cpp: the caller's goroutine waits for a P in the global queue.
void wait_for_processor(machine* m, goroutine* g) noexcept;

}  // namespace goro::detail
