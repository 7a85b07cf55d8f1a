// SPDX-License-Identifier: MIT
// What can end a wait besides a partner: a timer and a canceller. Both live on the waiting stack, and both
// win the wait's claim before they wake its owner.
#pragma once

#include <goro/detail/canceller.hpp>

#include "base/clock.hpp"
#include "chan/wait_queue.hpp"
#include "sched/park.hpp"
#include "sched/timers.hpp"

namespace goro::detail {

class claim_timer : private timer_node {
 public:
  claim_timer(wait_claim& claim, task owner) noexcept : timer_node(&fired), claim_(claim), owner_(owner) {}
  ~claim_timer() { stop(); }

  // Throws std::bad_alloc. It may fire before this returns.
  void start(std::int64_t deadline) {
    if (deadline == never) return;
    timer_arm(*this, deadline);
    started_ = true;
  }
  // When it returns the timer is not firing. Not with a channel's lock.
  void stop() noexcept {
    if (started_) timer_disarm_sync(*this);
    started_ = false;
  }

 private:
  static void fired(timer_node& node) noexcept {
    auto& self = static_cast<claim_timer&>(node);
    const task owner = self.owner_;
    if (self.claim_.win(wait_claim::by_timer)) ready(owner);
  }

  wait_claim& claim_;
  const task owner_;
  bool started_ = false;
};

class claim_canceller : private cancel_node {
 public:
  claim_canceller(wait_claim& claim, task owner, canceller* by) noexcept
      : claim_(claim), owner_(owner), by_(by) {
    cancelled = &broken;
    claim.also = by;
  }
  claim_canceller(const claim_canceller&) = delete;
  claim_canceller& operator=(const claim_canceller&) = delete;
  ~claim_canceller() { stop(); }

  // False: cancelled already, and nothing has been registered.
  bool start() noexcept {
    if (by_ == nullptr) return true;
    started_ = by_->add(*this);
    return started_;
  }
  void stop() noexcept {
    if (started_) by_->remove(*this);
    started_ = false;
  }

 private:
  static void broken(cancel_node& node) noexcept {
    auto& self = static_cast<claim_canceller&>(node);
    const task owner = self.owner_;
    if (self.claim_.win(wait_claim::by_canceller)) ready(owner);
  }

  wait_claim& claim_;
  const task owner_;
  canceller* const by_;
  bool started_ = false;
};

}  // namespace goro::detail
