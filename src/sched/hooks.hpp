// SPDX-License-Identifier: MIT
// Where higher rooms plug in: the scheduler must report, but knows nobody above it. One table; an empty
// entry means the plain text or the plain behaviour, and costs one predictable branch at a rare place.
// Set before the program uses goro, or by static initialisation of the room that fills it.
#pragma once

#include <goro/detail/canceller.hpp>
#include <goro/detail/goroutine_info.hpp>
#include <goro/detail/lock_watch.hpp>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace goro::detail {

struct goroutine;

// What a lock tells of itself. `state` is the word of a dump ("mutex", "rw_mutex read" …).
struct watched_lock {
  const void* at;
  std::uint32_t* tag;    // its upper 28 bits are the watcher's; a lock is constructed with 0
  lock_kind how;
  const char* state;
  bool limited = false;  // the call ends by itself: try_lock, a limit of time, a context that may be done
};

// Told by mutex, rw_mutex and countdown, in the goroutine or thread concerned, while locks_are_watched.
struct lock_watcher {
  void (*wants)(const watched_lock& lock) noexcept;     // about to wait for it
  void (*got)(const watched_lock& lock) noexcept;       // has it, waited or not
  void (*gave_up)() noexcept;                           // wanted a lock and left without; it may be gone
  void (*released)(const watched_lock& lock) noexcept;  // before others can have it; may be anybody
  // wait_group and scope. `counted` and `uncounted` by each goroutine that they have started.
  void (*waits)(const void* count, const char* state, bool limited) noexcept;
  void (*waited)() noexcept;
  void (*counted)(const void* count) noexcept;
  void (*uncounted)(const void* count) noexcept;
  // The lives of counts; may be null. `destroyed` and `used` are about wait_groups only.
  void (*made)(const void* count) noexcept;
  void (*destroyed)(const void* count) noexcept;
  void (*used)(const void* count, const char* call) noexcept;
};

enum class last_words_after : unsigned char { all_asleep, uncaught, stack_overflow };

struct scheduler_hooks {
  // Appends the stacks of all goroutines to a report that ends the process; of `all_asleep` daemons are left out.
  // Any lock may be held; after a stack overflow it is called from the signal handler, and memory may be broken.
  void (*dump_all)(last_words_after cause) noexcept = nullptr;
  // The functions and lines of a stack that was noted while an exception was thrown on it (sched/throw_site.hpp), innermost
  // first, without the machinery. Null: nobody can tell.
  void (*stack_of_throw)(const std::uintptr_t* pcs, std::size_t n, std::vector<stack_frame>& out) = nullptr;
  // The line that called go. Null: find_place, which has one run of addr2line for each.
  stack_frame (*creation_frame)(std::uintptr_t created_at) = nullptr;
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
  // A goroutine is about to park, or to yield, in the state that a dump gives it. On its stack, outside the runtime, with
  // no lock of goro's held; somebody may already be about to wake it, and spins until it has parked.
  void (*parks)(const goroutine* g, const char* state) noexcept = nullptr;
};
extern constinit scheduler_hooks hooks;

}  // namespace goro::detail
