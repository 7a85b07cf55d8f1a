// SPDX-License-Identifier: MIT
// One P's timers: a 4-ary heap under its own lock. timers.hpp is what others call; this is what the P calls.
//
// Any thread may arm, disarm and move any node; any M may run the timers that have expired, its own P's as a
// rule, another P's when it looks for work.
//
//      idle --arm--> armed --run_expired--> firing --fire has returned--> idle
//            <-disarm--'  '--move-' ^          '--moved, meanwhile--> moved --fire has returned--> armed or idle
//
// Invariants (beside those of timers.hpp)
//   H1  A node is in a heap exactly while it is `armed`. While it is `firing` or `moved` the heap that it was
//       taken from keeps room for it, so that putting it back can never fail for want of memory.
//   H2  `home` names the heap whose lock guards when, heap_index and the changes of `now`, but for one: firing
//       -> idle is a CAS without the lock, by who fired, and is his last touch of the node. So whoever finds
//       `firing` under the lock makes it `moved` by CAS, and has lost if it is idle.
//   H3  earliest_ is the top's time, and `never` when there is none; written under the lock.
//   H4  A heap is never freed, so a `home` that is out of date is still a heap to lock.
//
// Pairs
//   P1  H2's home: stored release under the lock -> loaded acquire before locking. Whoever locked must look
//       again: the node may have gone to another heap (move_all_to) while it waited.
//   P2  run_expired: now = idle, release -> timer_disarm_sync and timer_arm: acquire. What fire did is visible
//       to whoever destroys the node or arms it again.
//   P3  arm: earliest_ release -> the P's and its robbers' look, acquire. It is a hint, for which a lock is
//       too dear: the look that matters, before an M sleeps, is ordered by timer_earlier and the sleeper's own
//       fence (see the functions below).
//   P4  move: now = moved, acq_rel under the lock -> run_expired's failed CAS, acquire, then the lock.
//
// Tried and dropped: taking the node out before fire, which lets a rearm during fire fail at a moment when
// nobody can be told; marking stopped timers and sweeping them later, which costs a time-out its memory until
// it would have expired.
// Tests: test/time/*_test.cpp; the races, test/time/{sleep,timer,after_func}_stress_test.cpp.
#pragma once

#include "sched/timers.hpp"

#include "base/heap.hpp"
#include "base/lock_rank.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace goro::detail {

class timer_heap {
 public:
  timer_heap() noexcept = default;
  timer_heap(const timer_heap&) = delete;
  timer_heap& operator=(const timer_heap&) = delete;

  // When the first one expires; `never` if none does. No lock.
  std::int64_t earliest() const noexcept { return earliest_.load(std::memory_order_acquire); }  // P3

  // Fires what has expired at `now`, one after the other, `at_most` of them, without holding the lock.
  // Returns the new earliest, which is in the past if there were more.
  std::int64_t run_expired(std::int64_t now, int at_most) noexcept;

  // For a P that retires: everything goes to `to`, which must be another heap. Whoever still arms here
  // because it learnt of this heap before is sent on, until open() or until it finds that this heap is
  // current again. Throws std::bad_alloc: those that did not fit are still here, and a further call goes on.
  void move_all_to(timer_heap& to);
  void open() noexcept;

  // For who has stopped all other threads: shows what is armed, and the heap's arrays, in which there are stale
  // items too. False: a timer is being fired, armed or moved at this moment, and nothing was shown.
  template <class Item, class Array>
  bool look(Item&& item, Array&& array) const noexcept {
    if (lock_.is_locked() || heap_.kept_room() != 0) return false;
    for (std::size_t i = 0; i != heap_.size(); ++i) item(heap_.at(i).item);
    heap_.each_array(array);
    return true;
  }

  // Armed and firing ones; for tests and dumps.
  std::size_t size() noexcept;

 private:
  friend void timer_arm(timer_node& node, std::int64_t when);
  friend bool timer_disarm(timer_node& node) noexcept;
  friend bool timer_rearm(timer_node& node, std::int64_t when);
  friend bool timer_move(timer_node& node, std::int64_t when) noexcept;

  static timer_heap* lock_home(const timer_node& node) noexcept;
  void put_back(timer_node& node) noexcept;
  bool note_earliest() noexcept;

  ranked_spin_lock<lock_rank::timers> lock_;
  bool retired_ = false;   // under lock_
  timer_heap* heir_ = nullptr;  // under lock_: where a retired heap's timers went
  heap<timer_node> heap_;  // under lock_
  std::atomic<std::int64_t> earliest_{never};
};

// As timer_rearm, if the node is armed. False: it is not, and nothing was done. Any number of callers at
// once.
bool timer_move(timer_node& node, std::int64_t when) noexcept;

// Both are defined by processor.cpp.

// The heap of the caller's P; for a plain thread, of some P in use.
timer_heap& current_timer_heap();

// Told, with no lock held by this room, that `when` has become the first time of `heap` and is earlier than
// what was: an M that sleeps until later, or for ever, must be woken. earliest() already shows it; the callee
// orders its look at who sleeps after that, by a full fence.
void timer_earlier(timer_heap& heap, std::int64_t when) noexcept;

}  // namespace goro::detail
