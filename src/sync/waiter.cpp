// SPDX-License-Identifier: MIT
#include "sync/waiter.hpp"

#include "sched/timers.hpp"

#include <goro/detail/duration.hpp>

namespace goro::detail {
namespace {

// What lies beside a waiter that may give up. Both call-backs have ended before it goes.
struct limits : timer_node, cancel_node {
  explicit limits(waiter& w) noexcept : timer_node(&on_time), of(w) { cancelled = &on_cancel; }

  static void on_time(timer_node& node) noexcept { static_cast<limits&>(node).give_up(woken::timer); }
  static void on_cancel(cancel_node& node) noexcept { static_cast<limits&>(node).give_up(woken::canceller); }
  void give_up(woken by) noexcept {
    if (of.claim(by)) ready(of.who);
  }

  waiter& of;
};

}  // namespace

waiter* take_all(waiter*& first, waiter*& last) noexcept {
  waiter* claimed = nullptr;
  waiter** end = &claimed;
  while (first != nullptr) {
    waiter& w = *first;
    unlink(first, last, w);
    if (!w.claim(woken::event)) continue;
    w.next = nullptr;
    *end = &w;
    end = &w.next;
  }
  return claimed;
}

void wake_all(waiter* claimed) noexcept {
  ready_batch batch;
  while (claimed != nullptr) {
    const task who = claimed->who;
    claimed = claimed->next;
    batch.add(who);
  }
}

woken park_waiter(waiter& w, wait_reason why, const void* on, std::int64_t deadline, canceller* cancel) {
  if (deadline == never && cancel == nullptr) {
    park(w.who, why, on);
    return w.by();
  }
  limits limit(w);
  try {
    timer_arm(limit, deadline);
  } catch (...) {
    if (w.claim(woken::timer)) throw;
    park(w.who, why, on);  // the event was quicker, and its ready is to be met
    return w.by();
  }
  w.has_canceller = cancel != nullptr;
  const bool watched = cancel != nullptr && cancel->add(limit);
  const bool too_late = cancel != nullptr && !watched && w.claim(woken::canceller);
  if (!too_late) park(w.who, why, on);
  timer_disarm_sync(limit);
  if (watched) cancel->remove(limit);
  return w.by();
}

}  // namespace goro::detail
