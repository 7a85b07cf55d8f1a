// SPDX-License-Identifier: MIT
// Lock ranks: the order in which goro's spin locks may be taken, written down once and checked in debug
// builds, on every lock, by the thread that takes it. A cycle is then found by any run that takes one of its
// edges, not only by the run that deadlocks.
//
// The order is partial (the table in lock_rank.cpp lists "outer before inner" edges and closes them): two
// ranks that it does not relate may not be held together at all. Several locks of one rank are allowed for
// hchan only, in the order of their addresses, which is how select takes them.
#pragma once

#include "base/spin_lock.hpp"

namespace goro::detail {

enum class lock_rank : unsigned char {
  wait_list,     // waiters of a mutex, condition, semaphore …
  context,       // a context's children
  hchan,         // one channel
  canceller,     // what a cancellation breaks
  timers,        // a P's heap
  netpoll,       // descriptors and who waits for them
  procs,         // set_max_procs, stop and start of Ps
  sched,         // the global queue
  idle,          // idle Ps and Ms
  goroutines,    // numbering and walking Gs
  stacks,        // stack regions and caches
  slab,          // blocks and their magazines
  leaf,          // takes nothing after it: counters, trace buffers, hooks
  count_
};

#ifndef NDEBUG

// Before waiting for the lock at `where`: ends the program, naming both ranks, if the order forbids it.
void check_rank(lock_rank rank, const void* where) noexcept;
// After it was taken, and before it is given back, by the thread that holds it.
void note_locked(lock_rank rank, const void* where) noexcept;
void note_unlocked(lock_rank rank, const void* where) noexcept;
// How many ranked locks this thread holds: a park asserts that it is the one (or none) it expects.
int held_locks() noexcept;

template <lock_rank Rank>
class ranked_spin_lock {
 public:
  constexpr ranked_spin_lock() noexcept = default;
  void lock() noexcept {
    check_rank(Rank, this);
    lock_.lock();
    note_locked(Rank, this);
  }
  // Does not wait, so it cannot be part of a deadlock and is not checked, only noted.
  [[nodiscard]] bool try_lock() noexcept {
    if (!lock_.try_lock()) return false;
    note_locked(Rank, this);
    return true;
  }
  void unlock() noexcept {
    note_unlocked(Rank, this);
    lock_.unlock();
  }
  [[nodiscard]] bool is_locked() const noexcept { return lock_.is_locked(); }

 private:
  spin_lock lock_;
};

#else

constexpr int held_locks() noexcept { return 0; }

template <lock_rank Rank>
class ranked_spin_lock : public spin_lock {};

#endif

}  // namespace goro::detail
