// SPDX-License-Identifier: MIT
// The local run queue: the ring of runnable goroutines that belongs to one P.
//
// One thread at a time, the M that holds the P ("the owner"), pushes and pops. Any other M may steal
// half. All take from the old end, so the queue is first in, first out.
//
//      slots_   . . g3 g4 g5 g6 . .       head_ and tail_ count up for ever; slot = index % Capacity;
//                   ^head_      ^tail_    the goroutines that wait are those in [head_, tail_).
//
// Invariants
//   I1  Only the owner stores tail_. head_ only grows, and only by CAS.
//   I2  tail_ - head_ is in [0, Capacity] (unsigned, so that wrap-around is harmless).
//   I3  The owner stores the slot of index i only after head_ has passed i - Capacity. So a slot in
//       [head_, tail_) never changes.
//   I4  The CAS that moves head_ from h to h + n gives its caller goroutines [h, h + n), and them alone.
//
// Pairs (each acquire names the release that it meets)
//   P1  push: tail_ release          -> steal: tail_ acquire.  The thief sees slot and goroutine.
//   P2  pop, steal: head_ CAS release -> push: head_ acquire.  The taker has read the slot before the
//       owner stores the next lap's goroutine there. Each CAS continues the release sequence of those
//       before it, so meeting the last taker means having met them all. (Argued, not tested: no run on
//       x86, TSan or an explorer lets a load slip past a later store. AArch64's rules allow it.)
//   A thief needs no order on head_: too old, and its CAS fails; newer than the tail_ it sees, and
//   tail_ - head_ wraps beyond Capacity, which steal looks for. Slots are atomic and relaxed: a thief
//   may read one that the owner stores at that moment; its CAS then fails by I3 and I4.
//
// ABA: a thief would have to sleep while head_ takes exactly 2^32 steps.
// Elsewhere: run_next is processor.hpp's; a full ring spills to global_queue.hpp (see push).
// Tests: test/sched/run_queue_{test,stress_test}.cpp.
#pragma once

#include <atomic>
#include <cstdint>

namespace goro::detail {

struct goroutine;

// Capacity is a power of two. The explore tests take 2 and 4, so that full, empty and wrapped rings are
// near, and an atomic whose loads may be stale, as x86 seldom shows.
template <std::uint32_t Capacity = 256, template <class> class Atomic = std::atomic>
class run_queue {
  static_assert(Capacity >= 2 && (Capacity & (Capacity - 1)) == 0);

 public:
  // Owner only. False: the ring is full and `g` is not in it; the caller spills half of it.
  [[nodiscard]] bool push(goroutine* g) noexcept {
    const std::uint32_t tail = tail_.load(std::memory_order_relaxed);  // I1
    const std::uint32_t head = head_.load(std::memory_order_acquire);  // P2
    if (tail - head == Capacity) return false;
    slot(tail).store(g, std::memory_order_relaxed);        // I3; published by P1
    tail_.store(tail + 1, std::memory_order_release);      // P1
    return true;
  }

  // Owner only. Null: empty.
  [[nodiscard]] goroutine* pop() noexcept {
    return pop([](auto) noexcept {});
  }

  // The same. If others wait behind the one that is taken, calls look(at): at(n) is the one that n others will be
  // popped before, null if there is none. A thief may be taking it.
  template <class Look>
  [[nodiscard, gnu::always_inline]] goroutine* pop(Look look) noexcept {
    const std::uint32_t tail = tail_.load(std::memory_order_relaxed);  // I1
    std::uint32_t head = head_.load(std::memory_order_relaxed);        // our own slots: nothing to meet
    while (head != tail) {
      goroutine* const g = slot(head).load(std::memory_order_relaxed);
      if (head_.compare_exchange_weak(head, head + 1, std::memory_order_release,  // P2
                                      std::memory_order_relaxed)) {
        const std::uint32_t next = head + 1;
        if (next != tail)
          look([this, next, tail](std::uint32_t n) noexcept -> goroutine* {
            return n < tail - next ? slot(next + n).load(std::memory_order_relaxed) : nullptr;
          });
        return g;
      }
    }
    return nullptr;
  }

  // Owner only, for a full ring: moves the older half into `out`, which has room for Capacity / 2, with one
  // CAS. Returns how many; 0: a thief was quicker, and there is room now.
  [[nodiscard]] std::uint32_t pop_half(goroutine** out) noexcept {
    const std::uint32_t tail = tail_.load(std::memory_order_relaxed);  // I1
    std::uint32_t head = head_.load(std::memory_order_relaxed);        // our own slots: nothing to meet
    if (tail - head != Capacity) return 0;
    for (std::uint32_t i = 0; i != Capacity / 2; ++i) out[i] = slot(head + i).load(std::memory_order_relaxed);
    return head_.compare_exchange_strong(head, head + Capacity / 2, std::memory_order_release,  // P2, I4
                                         std::memory_order_relaxed)
               ? Capacity / 2
               : 0;
  }

  // Any thread: a moment's answer. Exact for the owner while nobody steals.
  [[nodiscard]] bool empty() const noexcept { return size() == 0; }
  [[nodiscard]] std::uint32_t size() const noexcept {
    const std::uint32_t head = head_.load(std::memory_order_relaxed);
    const std::uint32_t waiting = tail_.load(std::memory_order_relaxed) - head;
    return waiting > Capacity ? 0 : waiting;
  }

  // Any M but the owner. Moves the older half, rounded up, into `mine` (empty, and the caller's own),
  // all but the last, which is returned to be run at once. Null: nothing to steal.
  [[nodiscard]] goroutine* steal_half_into(run_queue& mine) noexcept {
    const std::uint32_t to = mine.tail_.load(std::memory_order_relaxed);  // I1: `mine` is ours
    std::uint32_t head = head_.load(std::memory_order_relaxed);
    for (;;) {
      const std::uint32_t waiting = tail_.load(std::memory_order_acquire) - head;  // P1
      if (waiting == 0) return nullptr;
      if (waiting > Capacity) {  // head and tail are not of one moment
        head = head_.load(std::memory_order_relaxed);
        continue;
      }
      const std::uint32_t n = waiting - waiting / 2;
      for (std::uint32_t i = 0; i != n; ++i)
        mine.slot(to + i).store(slot(head + i).load(std::memory_order_relaxed),
                                std::memory_order_relaxed);
      if (head_.compare_exchange_weak(head, head + n, std::memory_order_release,  // P2, I4
                                      std::memory_order_relaxed)) {
        mine.tail_.store(to + n - 1, std::memory_order_release);  // P1, towards whoever robs us
        return mine.slot(to + n - 1).load(std::memory_order_relaxed);
      }
    }
  }

 private:
  Atomic<goroutine*>& slot(std::uint32_t index) noexcept { return slots_[index % Capacity]; }

  alignas(64) Atomic<std::uint32_t> head_{0};  // every taker writes it
  alignas(64) Atomic<std::uint32_t> tail_{0};  // the owner writes it, next to its slots
  Atomic<goroutine*> slots_[Capacity]{};
};

}  // namespace goro::detail
