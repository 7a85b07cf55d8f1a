// SPDX-License-Identifier: MIT
// What GORO_DEBUG=deadlock knows, for those who show it, and the seam for those who can prove more.
#pragma once

#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace goro::detail {

struct lock_holder {
  std::uint64_t id = 0;  // a goroutine's; 0: a plain thread
  std::string name;
};

// Who has the mutex or rw_mutex at this address; empty while nobody watches, or if it is not known. May throw
// std::bad_alloc.
std::vector<lock_holder> holders_of(const void* lock);

// Before the process ends because all goroutines are asleep: what is suspected is true then, and is reported with what
// else is to be. Waits some seconds at most. Any lock of the scheduler may be held.
void report_what_stands() noexcept;

// Whether the environment asks for all this. Also before static initialisation has got to lock_watch.cpp.
bool deadlocks_are_asked_for() noexcept;

// In lock_watch.cpp. Naming it brings that file into a program that is linked with the static library.
extern const char lock_watch_is_linked;

// Says which of `asked` (ids of goroutines) can never be woken again, however the program goes on: none too many.
// Called in a thread of the watcher's own, with no lock held, when a goroutine has waited for more than a second
// for a lock whose holder waits for something that is not in the graph (a channel, say), and again after 2, 4,
// 8 … seconds. At first leak::prove(). Null: such waits are not reported. Set before a second goroutine runs.
using stuck_proof = std::vector<std::uint64_t> (*)(std::span<const std::uint64_t> asked);
extern constinit stuck_proof prove_stuck;
// How long the end of the process waits for the names in a report; then it is written without. Tests have less of it.
extern constinit std::chrono::milliseconds time_for_names;

}  // namespace goro::detail
