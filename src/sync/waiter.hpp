// SPDX-License-Identifier: MIT
// Who waits in the primitives of this room: a node on the waiting stack, in a list under the primitive's
// lock.
//
// The protocol
//   1  The waiter links itself under the lock, lets go of the lock, and calls park_waiter.
//   2  The event unlinks it under the lock; if claim(event) succeeds it makes the task ready, after that.
//   3  A timer or a canceller that gets its claim makes it ready instead. The waiter then finds itself linked
//      or, if the event came too late, unlinked; it looks under the lock and unlinks itself.
// A node that the event has claimed lasts until the event makes its task ready; the others it touches under
// the lock only. So a node may end once its owner has been woken and, if not by the event, has had the lock.
#pragma once

#include "sched/park.hpp"

#include <goro/detail/canceller.hpp>

#include <atomic>
#include <cstdint>

namespace goro::detail {

enum class woken : std::uint8_t { nobody, event, timer, canceller };

struct waiter {
  explicit waiter(task t) noexcept : who(t) {}

  // True: nobody has claimed it before, so the caller makes `who` ready.
  bool claim(woken by) noexcept {
    woken expected = woken::nobody;
    return by_.compare_exchange_strong(expected, by,
                                       std::memory_order_relaxed);  // ready to park orders the rest
  }
  // The waiter itself, linked and under the lock, to wait once more.
  void unclaim() noexcept { by_.store(woken::nobody, std::memory_order_relaxed); }
  woken by() const noexcept { return by_.load(std::memory_order_relaxed); }

  const task who;
  waiter* next = nullptr;  // these three under the primitive's lock
  waiter* prev = nullptr;
  bool linked = false;
  bool has_canceller = false;  // set before it parks; for proofs (debug/proof.cpp)

 private:
  std::atomic<woken> by_{woken::nobody};
};

inline void link(waiter*& first, waiter*& last, waiter& w) noexcept {
  w.prev = last;
  w.next = nullptr;
  (last != nullptr ? last->next : first) = &w;
  last = &w;
  w.linked = true;
}

// Ahead of all: for one that was woken and has to wait once more.
inline void link_front(waiter*& first, waiter*& last, waiter& w) noexcept {
  w.prev = nullptr;
  w.next = first;
  (first != nullptr ? first->prev : last) = &w;
  first = &w;
  w.linked = true;
}

inline void unlink(waiter*& first, waiter*& last, waiter& w) noexcept {
  (w.prev != nullptr ? w.prev->next : first) = w.next;
  (w.next != nullptr ? w.next->prev : last) = w.prev;
  w.linked = false;
}

// The event, under the lock: unlinks all. Returns the chain of those that it has claimed.
waiter* take_all(waiter*& first, waiter*& last) noexcept;

// The event, without the lock: wakes what take_all has returned. A plain thread runs at once, so nothing that
// it may destroy then is touched any more.
void wake_all(waiter* claimed) noexcept;

// Parks until claimed by the event, by a timer at `deadline` (never: none) or by `cancel` (null: none), and
// says by whom. Throws std::bad_alloc, having claimed the waiter itself, if the timer cannot be queued: the
// caller then unlinks it.
woken park_waiter(waiter& w, wait_reason why, const void* on, std::int64_t deadline, canceller* cancel);

}  // namespace goro::detail
