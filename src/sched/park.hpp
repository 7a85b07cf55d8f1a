// SPDX-License-Identifier: MIT
// Park and ready: how a task stops and how it is made to go on. Every wait of goro is built on these two.
//
// The contract
//   K1  Each park(self) is met by exactly one ready(self). Who may call it is settled by the primitive:
//       by unlinking the waiter under the primitive's lock, or by winning a compare-and-swap on a claim word.
//   K2  ready(t) may come before, while or after t parks: t has published itself (linked its waiter, armed
//       its timer) and released the primitive's lock before it calls park. A goroutine that is still on
//       its stack is waited for, a few nanoseconds as a rule (see park.cpp, pair P1); a plain thread keeps
//       the token. So no lock is held across a switch, and no call-back has to run behind one.
//   K3  What happened before ready(t) is visible to t after its park returns.
//   K4  Neither throws. park may return on another thread. No spin lock may be held by the caller of park;
//       one may be held by the caller of ready, but releasing it first lets t run sooner.
#pragma once

#include "sched/task.hpp"
#include "sched/wait_reason.hpp"

#include <cstddef>

namespace goro::detail {

// `self` is task::current(). `on`: what it waits for, shown in dumps; may be null.
void park(task self, wait_reason why, const void* on) noexcept;

// Makes `t` runnable. A goroutine goes to the caller's run_next, ahead of the P's queue, as in Go: the
// woken one usually has the caller's data in its cache.
void ready(task t) noexcept;

// Somebody will call ready for `t` before long: fetches what that touches.
void prefetch_to_wake(task t) noexcept;

// Makes many runnable for the price of about one: for close, broadcast and the like. Order is kept. Of very
// many the first ones run, on other Ps, before the last one is added.
class ready_batch {
 public:
  ready_batch() noexcept = default;
  ready_batch(const ready_batch&) = delete;
  ready_batch& operator=(const ready_batch&) = delete;
  ~ready_batch() { flush(); }

  void add(task t) noexcept;
  void flush() noexcept;
  // The same, but to the caller's P, if it has one, as ready() does it: another M is woken only for plenty.
  void flush_here() noexcept;

 private:
  void flush_to_all() noexcept;

  static constexpr std::size_t few = 64;  // no more than a P keeps for itself
  goroutine* batch_[few];
  std::size_t count_ = 0;
  bool many_ = false;  // some have gone to the queue for all, so the others follow
};

// Lets others run: the caller goes to the tail of the queue (runtime.Gosched). A plain thread: sched_yield.
void yield_now() noexcept;

}  // namespace goro::detail
