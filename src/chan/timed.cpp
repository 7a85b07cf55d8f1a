// SPDX-License-Identifier: MIT
// Send and receive with a limit: a time, a canceller, or both.
//
// The order of things: try; then arm timer and canceller, without the channel's lock, since a canceller may
// hold its own lock while it closes a channel; then try again under the lock, and link and park if that
// fails. From arming on the wait may be ended, and ready() called, at any moment, so whatever else ends it
// must win the claim first: by_owner, when it finds that it need not wait. Who loses parks, and takes the
// ready() that way.
#include "chan/breakers.hpp"
#include "chan/hchan.hpp"

namespace goro::detail {

namespace {

// A direction: what is tried, where it queues, how it ends.
struct sending_side {
  static constexpr wait_reason reason = wait_reason::chan_send;
  static constexpr wait_reason reason_nil = wait_reason::chan_send_nil;

  static op_status try_now(hchan* c, void* slot) { return try_send_value(c, slot); }
  static bool can_go_on(hchan* c) noexcept { return can_send(c); }
  static op_status go_on(hchan* c, void* slot, task& wake) { return send_locked(c, slot, c->element, wake); }
  static void link(hchan* c, chan_waiter* w) noexcept { c->senders.push(w); }
  static void unlink(hchan* c, chan_waiter* w) noexcept {
    if (w->linked) c->senders.remove(w);
  }
  static op_status closed() { throw_send_on_closed(); }
};

struct receiving_side {
  static constexpr wait_reason reason = wait_reason::chan_receive;
  static constexpr wait_reason reason_nil = wait_reason::chan_receive_nil;

  static op_status try_now(hchan* c, void* slot) { return try_receive_value(c, slot); }
  static bool can_go_on(hchan* c) noexcept { return can_receive(c); }
  static op_status go_on(hchan* c, void* slot, task& wake) { return receive_locked(c, slot, wake); }
  static void link(hchan* c, chan_waiter* w) noexcept { link_receiver(c, w); }
  static void unlink(hchan* c, chan_waiter* w) noexcept { unlink_receiver(c, w); }
  static op_status closed() { return op_status::closed; }
};

op_status broken_by(const wait_claim& claim) noexcept {
  return claim.winner.load(std::memory_order_relaxed) == wait_claim::by_timer ? op_status::timed_out
                                                                              : op_status::canceled;
}

// Nothing to wait for but the limit.
op_status wait_for_limit(task self, wait_reason why, std::int64_t deadline, canceller* cancel) {
  wait_claim claim;
  claim_timer timer(claim, self);
  claim_canceller breaker(claim, self, cancel);
  timer.start(deadline);
  if (!breaker.start() && claim.win(wait_claim::by_owner)) return op_status::canceled;
  park(self, why, cancel);  // null: only time can end it
  return broken_by(claim);
}

// One round: would_block: start anew.
template <class Side>
op_status wait_once(task self, hchan* c, void* slot, std::int64_t deadline, canceller* cancel) {
  wait_claim claim;
  claim_timer timer(claim, self);
  claim_canceller breaker(claim, self, cancel);
  timer.start(deadline);
  if (!breaker.start()) {
    if (!claim.win(wait_claim::by_owner)) park(self, Side::reason, c);  // the timer calls ready
    return op_status::canceled;
  }
  chan_waiter w(self, slot, c->element, &claim);
  {
    chan_lock held(c);
    if (Side::can_go_on(c) && claim.win(wait_claim::by_owner)) {
      task wake;
      const op_status status = Side::go_on(c, slot, wake);
      held.unlock();
      if (wake) ready(wake);
      return status == op_status::closed ? Side::closed() : status;
    }
    if (!claim.is_won()) Side::link(c, &w);
  }
  park(self, Side::reason, c);
  timer.stop();
  breaker.stop();
  switch (w.outcome) {
    case wake_outcome::done: return op_status::ok;
    case wake_outcome::closed: return Side::closed();
    case wake_outcome::failed: std::rethrow_exception(w.error);
    case wake_outcome::again: return op_status::would_block;
    case wake_outcome::none: break;
  }
  const chan_lock held(c);
  Side::unlink(c, &w);
  return broken_by(claim);
}

template <class Side>
op_status wait_until(hchan* c, void* slot, std::int64_t deadline, canceller* cancel) {
  const task self = task::current();
  if (c == nullptr) return wait_for_limit(self, Side::reason_nil, deadline, cancel);
  for (;;) {
    const op_status status = wait_once<Side>(self, c, slot, deadline, cancel);
    if (status != op_status::would_block) return status;
  }
}

template <class Side>
op_status within(hchan* c, void* slot, std::int64_t deadline, canceller* cancel) {
  if (cancel != nullptr && cancel->is_cancelled()) return op_status::canceled;
  const op_status status = Side::try_now(c, slot);
  if (status != op_status::would_block) return status;
  if (deadline != never && deadline <= now_ns()) return op_status::timed_out;
  return wait_until<Side>(c, slot, deadline, cancel);
}

template <class Side>
op_status within_ns(hchan* c, void* slot, std::int64_t ns) {
  const op_status status = Side::try_now(c, slot);
  if (status != op_status::would_block) return status;
  if (ns <= 0) return op_status::timed_out;
  return wait_until<Side>(c, slot, ns == never ? never : saturating_add(now_ns(), ns), nullptr);
}

}  // namespace

op_status send_value_until(hchan* c, void* value, std::int64_t deadline, canceller* cancel) {
  return within<sending_side>(c, value, deadline, cancel);
}

op_status receive_value_until(hchan* c, void* out, std::int64_t deadline, canceller* cancel) {
  return within<receiving_side>(c, out, deadline, cancel);
}

op_status send_value_for(hchan* c, void* value, std::int64_t ns) {
  return within_ns<sending_side>(c, value, ns);
}

op_status receive_value_for(hchan* c, void* out, std::int64_t ns) {
  return within_ns<receiving_side>(c, out, ns);
}

}  // namespace goro::detail
