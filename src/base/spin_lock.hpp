// SPDX-License-Identifier: MIT
// The spin lock under goro's short critical sections: a channel's queues, a timer heap, an idle list. Any
// thread may lock, from a goroutine or not; whoever locked, or the same thread after a switch, unlocks.
//
// Unlocking is one plain release store. That is the point of it: an atomic read-modify-write costs about 20
// cycles even when nobody waits, and a channel operation would pay it each time. The price: the unlocker
// cannot learn whether somebody sleeps, so nobody may sleep on a futex. Waiters poll instead: first they
// spin with pauses that double, about a hundred rounds in all, which outlasts any section that is running;
// then they yield, for a holder that lost its core; then they sleep 20 us, doubling up to 200 us, for a
// holder that does not get it back soon. Sections are short and never block or park, so nearly no waiter
// leaves the first stage, and the last bounds what a preempted holder costs the others in CPU time.
// Rejected: three states and a futex (a read-modify-write in each unlock); a ticket (a waiter that lost its
// core would hold up everybody behind it).
//
// Invariant
//   I1  locked_ is 1 exactly while somebody is between lock() or a successful try_lock() and unlock().
// Pair
//   P1  unlock: store release -> lock, try_lock: exchange acquire. What was done under the lock is visible to
//       the next holder.
// Not fair, not recursive. Tests: test/base/spin_lock_{test,stress_test}.cpp.
#pragma once

#include <atomic>
#include <cstdint>

#include <goro/detail/export.hpp>

namespace goro::detail {

// Waits a little, the longer the higher `round`; see above.
void spin_wait(unsigned round) noexcept;

template <template <class> class Atomic = std::atomic>
class basic_spin_lock {
 public:
  constexpr basic_spin_lock() noexcept = default;
  basic_spin_lock(const basic_spin_lock&) = delete;
  basic_spin_lock& operator=(const basic_spin_lock&) = delete;

  void lock() noexcept {
    if (locked_.exchange(1, std::memory_order_acquire) != 0) [[unlikely]]  // P1
      lock_slow();
  }

  // Looks before it writes, so that trying in vain does not pull the line away from the holder.
  [[nodiscard]] bool try_lock() noexcept {
    return locked_.load(std::memory_order_relaxed) == 0 &&
           locked_.exchange(1, std::memory_order_acquire) == 0;  // P1
  }

  void unlock() noexcept { locked_.store(0, std::memory_order_release); }  // P1

  // A moment's answer.
  [[nodiscard]] bool is_locked() const noexcept { return locked_.load(std::memory_order_acquire) != 0; }

 private:
  GORO_NOINLINE void lock_slow() noexcept {
    unsigned round = 0;
    do {
      while (locked_.load(std::memory_order_relaxed) != 0) spin_wait(round++);
    } while (locked_.exchange(1, std::memory_order_acquire) != 0);  // P1
  }

  Atomic<std::uint32_t> locked_{0};
};

// A class of its own rather than an alias, so that it can be declared without this header.
class spin_lock : public basic_spin_lock<std::atomic> {};
static_assert(sizeof(spin_lock) <= 4);

// Holds a lock for the rest of the block.
template <class Lock = spin_lock>
class [[nodiscard]] spin_guard {
 public:
  explicit spin_guard(Lock& lock) noexcept : lock_(lock) { lock_.lock(); }
  ~spin_guard() { lock_.unlock(); }
  spin_guard(const spin_guard&) = delete;
  spin_guard& operator=(const spin_guard&) = delete;

 private:
  Lock& lock_;
};

}  // namespace goro::detail
