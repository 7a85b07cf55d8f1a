// SPDX-License-Identifier: MIT
// The count under wait_group and scope.
//
//      word_   | count, signed: 32 bits | how many wait: 32 bits |
//
// add() is one read-modify-write of the word, and its result says whether there is more to do. Who finds the
// count at zero and somebody waiting ("the releaser") takes the lock, empties the list, clears the low half
// and wakes them. Between its read-modify-write and that, the word is { 0, n > 0 }: "release pending".
//
// Invariants
//   I1  The low half changes under the lock only, by compare-and-swap, together with the list: it is the
//       list's length.
//   I2  Whoever makes the word { 0, n > 0 } is a releaser. Two at a time, after misuse, do no harm.
//   I3  A wait returns only when it has seen the word 0, or when a releaser has taken it off the list under
//       the lock. In both cases no add that brought the count to zero touches the object any more: with
//       nobody waiting, the read-modify-write was its last touch; else the releaser's last touch lies inside
//       its section, and is the step of the word to 0. So the object may be destroyed as soon as wait
//       returns. The lock is not part of it.
//   I4  Whoever gives up while a release is pending stays on the list and waits for the releaser, since it
//       may be the last one, and destroy the object next. It was in time, then.
//
// Pairs
//   P1  add: acq_rel -> wait: acquire load of 0, or add's own next one. Each read-modify-write continues the
//       release sequence, so whoever sees zero has met all who counted down. Those who park meet the releaser
//       by contract K3 of park.hpp.
//
// Misuse is found where it is seen, as in Go, and undone before the throw: a count below zero; an add from
// zero while somebody waits; a group used again before a wait has returned.
//
// The end. The destructor of a debug build's wait_group writes a mark into the low half (end()), which is a number of
// waiters that cannot be, so that adds come into the slow path and leave it as it is. By I3 nobody who has ended a wait
// looks at the word any more, so whoever finds the mark uses the group after its end, or was not waited for. What is
// constructed there next writes over it.
// Tests: test/sync/wait_group_{test,stress_test}.cpp.
#include <goro/wait_group.hpp>

#include "base/static_storage.hpp"
#include "sched/goroutine.hpp"
#include "sched/hooks.hpp"
#include "sched/misuse.hpp"
#include "sched/process_end.hpp"
#include "sync/address_lock.hpp"
#include "sync/waiter.hpp"

#include <cstddef>
#include <cstdint>
#include <stdexcept>

namespace goro::detail {
namespace {

std::int32_t count_of(std::uint64_t word) noexcept { return static_cast<std::int32_t>(word >> 32); }

bool exchange(std::uint64_t& word, std::uint64_t& expected, std::uint64_t desired) noexcept {
  return __atomic_compare_exchange_n(&word, &expected, desired, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
}

// What a watcher of locks is told.
struct watched_wait {
  watched_wait(const void* count, wait_reason why, bool limited) noexcept {
    if (locks_are_watched) [[unlikely]]
      hooks.locks->waits(count, to_string(why), limited);
  }
  ~watched_wait() {
    if (locks_are_watched) [[unlikely]]
      hooks.locks->waited();
  }
};

}  // namespace

void countdown::end() noexcept {
  if (goroutines_have_stopped()) return;
  // A goroutine's stack is none of the modules', and where most groups are: that spares the search.
  const bool on_stack = region_of(reinterpret_cast<std::uintptr_t>(this)) != nullptr;
  if (!on_stack && is_in_static_storage(this)) return;
  __atomic_store_n(&word_, end_mark, __ATOMIC_RELAXED);
}

void countdown::report_ended(const char* call) const noexcept {
  end_for_misuse(this, "wait_group", "is used after it was destroyed", call);
}

void countdown::add_slow(int n, std::uint64_t after) {
  if (is_end(after)) report_ended(n == -1 ? "done" : "add");
  const std::int32_t count = count_of(after);
  if (count < 0) {
    __atomic_sub_fetch(&word_, shifted(n), __ATOMIC_ACQ_REL);
    throw std::logic_error("goro: wait_group::add: negative count; call done once for each one added");
  }
  if ((after & waiters_mask) == 0) return;
  if (n > 0 && count == n) {
    if (__atomic_sub_fetch(&word_, shifted(n), __ATOMIC_ACQ_REL) >> 32 == 0) release();  // I2: it may be ours
    throw std::logic_error(
        "goro: wait_group::add: called from zero while wait is under way; add before waiting, or from inside "
        "what is counted");
  }
  if (count == 0) release();
}

void countdown::release() noexcept {
  wait_list_lock& lock = lock_of(this);  // I3
  lock.lock();
  waiter* const claimed = take_all(first_, last_);
  std::uint64_t word = __atomic_load_n(&word_, __ATOMIC_RELAXED);
  while (!exchange(word_, word, word & ~waiters_mask)) {  // I3: at 0 the object may be gone at once
  }
  lock.unlock();
  wake_all(claimed);
}

// For a waiter that was woken by something else. True: it is off the list and the count is not zero. False:
// it has been released, if need be after a further wait (I4).
bool countdown::leave(waiter& w) noexcept {
  wait_list_lock& lock = lock_of(this);  // I3
  lock.lock();
  std::uint64_t word = __atomic_load_n(&word_, __ATOMIC_ACQUIRE);
  if (is_end(word)) {
    lock.unlock();
    report_ended("wait");
  }
  while (w.linked && count_of(word) != 0) {
    if (!exchange(word_, word, word - 1)) continue;
    unlink(first_, last_, w);
    lock.unlock();
    return true;
  }
  const bool pending = w.linked;
  if (pending) w.unclaim();
  lock.unlock();
  if (pending) park(w.who, wait_reason::wait_group, this);
  return false;
}

countdown::ended countdown::wait(int why, std::int64_t deadline, canceller* cancel) {
  if (cancel != nullptr && cancel->is_cancelled()) return ended::canceled;
  if (is_zero()) return ended::zero;  // P1
  waiter self(task::current());
  wait_list_lock& lock = lock_of(this);  // I3
  lock.lock();
  std::uint64_t word = __atomic_load_n(&word_, __ATOMIC_ACQUIRE);  // P1
  do {
    if (word == 0) {
      lock.unlock();
      return ended::zero;
    }
    if (is_end(word)) {
      lock.unlock();
      report_ended("wait");
    }
  } while (!exchange(word_, word, word + 1));
  link(first_, last_, self);
  lock.unlock();

  const watched_wait told(this, static_cast<wait_reason>(why), deadline != never || cancel != nullptr);
  woken by = woken::nobody;
  try {
    by = park_waiter(self, static_cast<wait_reason>(why), this, deadline, cancel);
  } catch (...) {
    if (leave(self)) throw;
    return ended::zero;
  }
  if (by == woken::event || !leave(self)) return ended::zero;
  return by == woken::timer ? ended::timed_out : ended::canceled;
}

}  // namespace goro::detail
