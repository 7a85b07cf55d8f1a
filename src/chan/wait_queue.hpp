// SPDX-License-Identifier: MIT
// Who waits at a channel: a queue, first in, first out, of waiters that live on the waiting stacks.
//
// Invariants
//   I1  A waiter's links, `linked` and its place are read and written under its channel's lock only.
//   I2  A waiter without a claim ends in one way: whoever unlinks it calls ready() for it, once.
//   I3  A waiter with a claim belongs to whoever stores its number into the claim, by a CAS from 0: a partner
//       (under that waiter's channel's lock), the timer, the canceller, or the owner itself. The winner alone
//       touches `slot`, writes the outcome and calls ready(). Who loses unlinks the waiter, if it found it in
//       a queue, and does nothing else to it.
//   I4  The last touch of a waiter by its winner comes before ready(); the owner, once awake, takes the locks
//       of all channels where it may still be linked before its frame ends. So a loser that holds such a lock
//       is never looking at a dead waiter.
//   I5  `ahead` says where a waiter some places later lay when it was linked. It may be gone since: the address
//       is good for prefetching, and for nothing else. Each waiter lies on a stack of its own, a page and a
//       TLB entry away from the next, so whoever walks a long queue by `next` alone waits for memory at each.
//
// The claim's CAS is relaxed: it decides, and carries no data. What the partner reads of a waiter was written
// before the waiter was linked, and comes to it by the channel's lock; what the winner wrote comes to the
// owner by ready and park (contract K3 of sched/park.hpp).
#pragma once

#include <atomic>
#include <cstdint>
#include <exception>

#include "sched/task.hpp"

namespace goro::detail {

struct element_type;

// Which of several things ends a wait.
struct wait_claim {
  static constexpr std::uint32_t by_timer = UINT32_MAX;
  static constexpr std::uint32_t by_canceller = UINT32_MAX - 1;
  static constexpr std::uint32_t by_owner = UINT32_MAX - 2;  // it found that it need not wait

  std::atomic<std::uint32_t> winner{0};
  // What may end the wait, besides the channel in whose queue a waiter is and a timer: for proofs (debug/proof.cpp).
  std::uint32_t channels = 0;  // a select: it waits on so many
  const void* also = nullptr;  // a select: their array, hchan* const*; else: the canceller, or null

  bool win(std::uint32_t number) noexcept {
    std::uint32_t free = 0;
    return winner.load(std::memory_order_relaxed) == 0 &&
           winner.compare_exchange_strong(free, number, std::memory_order_relaxed);  // I3
  }
  bool is_won() const noexcept { return winner.load(std::memory_order_relaxed) != 0; }
};

// How a waiter was woken. failed: its value's move threw, and `error` has the exception. again: a sender's
// move threw on the way to this receiver, which has lost nothing but its place and starts anew.
enum class wake_outcome : std::uint8_t { none, done, closed, failed, again };

struct chan_waiter {
  chan_waiter(task owner, void* value_slot, const element_type* how, wait_claim* shared = nullptr,
              std::uint32_t case_number = 1) noexcept
      : who(owner), slot(value_slot), source(how), claim(shared), number(case_number) {}
  chan_waiter(const chan_waiter&) = delete;
  chan_waiter& operator=(const chan_waiter&) = delete;

  chan_waiter* next = nullptr;  // I1
  chan_waiter* prev = nullptr;  // I1
  const void* ahead = nullptr;  // I5
  const task who;
  void* const slot;                  // a sender's value, or the place for a receiver's
  const element_type* const source;  // a sender: how the value is moved out of the slot
  wait_claim* const claim;           // null: I2
  const std::uint32_t number;        // what a partner stores into the claim
  wake_outcome outcome = wake_outcome::none;
  bool linked = false;       // I1
  std::exception_ptr error;  // failed
};

class wait_queue {
 public:
  static constexpr std::uint32_t look_ahead = 16;

  // The oldest; it may have lost its claim. Without the lock only null means something, see hchan.hpp.
  chan_waiter* first(std::memory_order order = std::memory_order_relaxed) const noexcept {
    return first_.load(order);
  }

  // The oldest that can still be had, the dead ones before it unlinked. Winning its claim can still fail.
  chan_waiter* first_live() noexcept {
    chan_waiter* w = first();
    while (w != nullptr && w->claim != nullptr && w->claim->is_won()) {
      remove(w);
      w = first();
    }
    return w;
  }

  void push(chan_waiter* w) noexcept {
    w->next = nullptr;
    w->prev = last_;
    w->linked = true;
    if (last_ != nullptr)
      last_->next = w;
    else
      first_.store(w, std::memory_order_release);
    last_ = w;
    if (follower_ == nullptr) {
      if (++until_follower_ == look_ahead) follower_ = first();
    } else {
      follower_->ahead = w;  // I5
      follower_ = follower_->next;
    }
  }

  void remove(chan_waiter* w) noexcept {
    if (w == follower_) follower_ = nullptr;
    if (follower_ == nullptr) until_follower_ = 0;
    if (w->prev != nullptr)
      w->prev->next = w->next;
    else
      first_.store(w->next, std::memory_order_release);
    if (w->next != nullptr)
      w->next->prev = w->prev;
    else
      last_ = w->prev;
    w->linked = false;
  }

 private:
  std::atomic<chan_waiter*> first_{nullptr};  // atomic for the looks without the lock
  chan_waiter* last_ = nullptr;
  // While nothing is removed out of turn it is look_ahead places before last_.
  chan_waiter* follower_ = nullptr;
  std::uint32_t until_follower_ = 0;
};

}  // namespace goro::detail
