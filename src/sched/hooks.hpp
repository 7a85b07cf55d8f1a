// SPDX-License-Identifier: MIT
// Where higher rooms plug in: the scheduler must report, but knows nobody above it. One table; an empty
// entry means the plain text or the plain behaviour, and costs one predictable branch at a rare place.
// Set before the program uses goro, or by static initialisation of the room that fills it.
#pragma once

#include <goro/detail/canceller.hpp>
#include <goro/detail/lock_watch.hpp>

#include <cstdint>

namespace goro::detail {

// Told by mutex and rw_mutex, in the goroutine or thread concerned, while locks_are_watched. `state` is the word
// of a dump ("mutex", "rw_mutex read" …), the address that of the lock.
struct lock_watcher {
  void (*wants)(const void* lock, lock_kind how, const char* state) noexcept;  // about to wait for it
  void (*got)(const void* lock, lock_kind how, const char* state) noexcept;    // has it, waited or not
  void (*gave_up)(const void* lock, lock_kind how) noexcept;                   // wanted it and left without
  void (*released)(const void* lock, lock_kind how) noexcept;  // before others can have it; may be anybody
};

enum class last_words_after : unsigned char { all_asleep, uncaught, stack_overflow };

struct scheduler_hooks {
  // Appends the stacks of all goroutines to a report that ends the process; of `all_asleep` daemons are left out.
  // Any lock may be held; after a stack overflow it is called from the signal handler, and memory may be broken.
  void (*dump_all)(last_words_after cause) noexcept = nullptr;
  // What breaks waits for a context. Filled by the room that makes contexts, before it makes the first.
  canceller* (*canceller_of)(const context&) noexcept = nullptr;
  // Who watches locks. Not null while locks_are_watched.
  const lock_watcher* locks = nullptr;
  // Asked by the monitor's thread when the process has been idle for a while, before it sleeps: gives back what is
  // idle. True: it has begun to, and is to be asked again after another while. Short, and no user code. The one
  // entry that may be filled while others run, so both sides use atomic built-ins.
  bool (*when_idle)() noexcept = nullptr;
  // A goroutine is back in the runtime that had been in the kernel since then (now_ns) without saying so, and its P
  // was taken away for that. Called on its stack, in the runtime; any lock may be held.
  void (*came_back_without)(std::int64_t blocked_since) noexcept = nullptr;
};
extern constinit scheduler_hooks hooks;

}  // namespace goro::detail
