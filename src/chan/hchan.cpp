// SPDX-License-Identifier: MIT
// Send, receive and close. What is invariant, and why: hchan.hpp and wait_queue.hpp.
//
// Exceptions of T's move, in one place:
//   sender -> receiver that waits     the sender's: its call throws. The receiver stays in the queue; one
//                                     with a claim, which was spent by then, is woken to start anew.
//   sender -> buffer                  the sender's: its call throws, nothing was stored. If it waits, and a
//                                     receiver that made room runs the move, the exception is carried over.
//   sender that waits -> receiver     the sender's: it is woken with the exception. The receiver goes on as
//                                     if that sender had not been there.
//   buffer -> receiver                the receiver's: its call throws, the value stays.
#include "chan/hchan.hpp"

#include "sched/park.hpp"

namespace goro::detail {

namespace {

void hand_over(const hchan* c, void* out, void* slot, const element_type* source) {
  if (c->how == transfer::table)
    source->take(out, slot);
  else
    copy_bytes(out, slot, c->how);
}

// Takes the oldest sender that can be had off the queue; it is then ours to wake. Null: nobody.
chan_waiter* pop_sender(hchan* c) noexcept {
  while (chan_waiter* const w = c->senders.first()) {
    c->senders.remove(w);
    if (w->claim == nullptr || w->claim->win(w->number)) return w;
  }
  return nullptr;
}

// Inside a handler: its move threw, so the exception is the sender's.
void fail_sender(chan_waiter* w) noexcept {
  w->error = std::current_exception();
  w->outcome = wake_outcome::failed;
  ready(w->who);
}

// A value has left the buffer: the oldest sender puts its own there. Its task.
task refill(hchan* c) noexcept {
  while (chan_waiter* const w = pop_sender(c)) {
    try {
      put(c, w->slot, w->source);
    } catch (...) {
      fail_sender(w);
      continue;
    }
    w->outcome = wake_outcome::done;
    return w->who;
  }
  return {};
}

// The waiter's task, woken by close; null if somebody else has it.
void take_for_close(wait_queue& queue, chan_waiter*& first, chan_waiter*& last) noexcept {
  while (chan_waiter* const w = queue.first()) {
    __builtin_prefetch(w->ahead, 1);
    queue.remove(w);
    if (w->claim != nullptr && !w->claim->win(w->number)) continue;
    prefetch_to_wake(w->who);
    w->outcome = wake_outcome::closed;
    w->next = nullptr;
    (last == nullptr ? first : last->next) = w;
    last = w;
  }
}

}  // namespace

void throw_send_on_closed() {
  throw channel_error(
      "goro: send: on a closed channel; let the sender close it, after its last send, or count the senders "
      "with a wait_group and close it after the last one");
}

void wait_for_ever(wait_reason why) {
  const task self = task::current();
  for (;;) park(self, why, nullptr);
}

chan_waiter* first_receiver(hchan* c) noexcept {
  if (c->receivers.first() == nullptr) return nullptr;
  chan_waiter* const w = c->receivers.first_live();
  if (w == nullptr && c->hooks != nullptr) c->hooks->waited_on(c, false);
  return w;
}

void link_receiver(hchan* c, chan_waiter* w) noexcept {
  const bool first = c->receivers.first() == nullptr;
  c->receivers.push(w);
  if (first && c->hooks != nullptr) c->hooks->waited_on(c, true);
}

void unlink_receiver(hchan* c, chan_waiter* w) noexcept {
  if (!w->linked) return;
  c->receivers.remove(w);
  if (c->hooks != nullptr && c->receivers.first() == nullptr) c->hooks->waited_on(c, false);
}

bool can_send(hchan* c) noexcept {
  return c->closed.load(std::memory_order_relaxed) || c->receivers.first_live() != nullptr ||
         c->length.load(std::memory_order_relaxed) < c->capacity;
}

bool can_receive(hchan* c) noexcept {
  if (c->hooks != nullptr && first_receiver(c) == nullptr) c->hooks->poll(c);
  return c->length.load(std::memory_order_relaxed) != 0 || c->senders.first_live() != nullptr ||
         c->closed.load(std::memory_order_relaxed);
}

op_status send_locked(hchan* c, void* slot, const element_type* source, task& wake) {
  if (c->closed.load(std::memory_order_relaxed)) return op_status::closed;
  while (chan_waiter* const w = c->receivers.first()) {
    if (w->claim != nullptr && !w->claim->win(w->number)) {
      c->receivers.remove(w);
      continue;
    }
    try {
      hand_over(c, w->slot, slot, source);
    } catch (...) {
      if (w->claim != nullptr) {
        c->receivers.remove(w);
        w->outcome = wake_outcome::again;
        ready(w->who);
      }
      throw;
    }
    c->receivers.remove(w);
    w->outcome = wake_outcome::done;
    wake = w->who;
    return op_status::ok;
  }
  if (c->length.load(std::memory_order_relaxed) == c->capacity) return op_status::would_block;
  put(c, slot, source);
  return op_status::ok;
}

op_status receive_locked(hchan* c, void* out, task& wake) {
  if (c->hooks != nullptr && first_receiver(c) == nullptr) c->hooks->poll(c);
  if (c->length.load(std::memory_order_relaxed) != 0) {
    get(c, out);
    if (c->senders.first() != nullptr) wake = refill(c);
    return op_status::ok;
  }
  while (chan_waiter* const w = pop_sender(c)) {
    try {
      hand_over(c, out, w->slot, w->source);
    } catch (...) {
      fail_sender(w);
      continue;
    }
    w->outcome = wake_outcome::done;
    wake = w->who;
    return op_status::ok;
  }
  return c->closed.load(std::memory_order_relaxed) ? op_status::closed : op_status::would_block;
}

namespace {

GORO_NOINLINE void send_general(hchan* c, void* value) {
  task self;
  if (is_full(c)) self = task::current();  // before the lock: it may start the runtime
  for (;;) {
    chan_lock held(c);
    task wake;
    const op_status status = send_locked(c, value, c->element, wake);
    if (status == op_status::would_block) {
      if (self) {
        chan_waiter w(self, value, c->element);
        c->senders.push(&w);
        held.unlock();
        park(self, wait_reason::chan_send, c);
        if (w.outcome == wake_outcome::closed) throw_send_on_closed();
        if (w.outcome == wake_outcome::failed) std::rethrow_exception(w.error);
        return;
      }
      held.unlock();
      self = task::current();
      continue;
    }
    held.unlock();
    if (status == op_status::closed) throw_send_on_closed();
    if (wake) ready(wake);
    return;
  }
}

GORO_NOINLINE bool receive_general(hchan* c, void* out) {
  task self;
  if (is_empty(c)) self = task::current();
  for (;;) {
    chan_lock held(c);
    task wake;
    const op_status status = receive_locked(c, out, wake);
    if (status == op_status::would_block) {
      if (self) {
        chan_waiter w(self, out, nullptr);
        link_receiver(c, &w);
        held.unlock();
        park(self, wait_reason::chan_receive, c);
        return w.outcome == wake_outcome::done;
      }
      held.unlock();
      self = task::current();
      continue;
    }
    held.unlock();
    if (wake) ready(wake);
    return status == op_status::ok;
  }
}

// Into the ring and out of it, for types whose moves are copies of a few bytes, when nobody waits: this is
// most of what buffered channels do. False: it is not that case.
inline bool send_bytes(hchan* c, const void* value) noexcept {
  if (!c->ring_of_bytes || c->receivers.first() != nullptr || is_full(c)) return false;  // a guess
  c->lock.lock();
  const std::size_t length = c->length.load(std::memory_order_relaxed);
  const bool mine =
      length < c->capacity && c->receivers.first() == nullptr && !c->closed.load(std::memory_order_relaxed);
  if (mine) [[likely]] {
    copy_bytes(ring_slot(c, c->tail), value, c->how);
    c->tail = ring_next(c, c->tail);
    c->length.store(length + 1, std::memory_order_release);
  }
  c->lock.unlock();
  return mine;
}

inline bool receive_bytes(hchan* c, void* out) noexcept {
  if (!c->ring_of_bytes || c->senders.first() != nullptr || is_empty(c)) return false;  // a guess
  c->lock.lock();
  const std::size_t length = c->length.load(std::memory_order_relaxed);
  const bool mine = length != 0 && c->senders.first() == nullptr;
  if (mine) [[likely]] {
    copy_bytes(out, ring_slot(c, c->head), c->how);
    c->head = ring_next(c, c->head);
    c->length.store(length - 1, std::memory_order_release);
  }
  c->lock.unlock();
  return mine;
}

}  // namespace

void send_value(hchan* c, void* value) {
  if (c == nullptr) [[unlikely]]
    wait_for_ever(wait_reason::chan_send_nil);
  if (send_bytes(c, value)) return;
  send_general(c, value);
}

bool receive_value(hchan* c, void* out) {
  if (c == nullptr) [[unlikely]]
    wait_for_ever(wait_reason::chan_receive_nil);
  if (receive_bytes(c, out)) return true;
  return receive_general(c, out);
}

op_status try_send(hchan* c, void* slot, const element_type* source) {
  if (is_full(c) && is_open(c)) return op_status::would_block;  // P1
  chan_lock held(c);
  task wake;
  const op_status status = send_locked(c, slot, source, wake);
  held.unlock();
  if (wake) ready(wake);
  if (status == op_status::closed) throw_send_on_closed();
  return status;
}

op_status try_send_value(hchan* c, void* value) {
  if (c == nullptr) return op_status::would_block;
  if (send_bytes(c, value)) return op_status::ok;
  return try_send(c, value, c->element);
}

op_status try_receive_value(hchan* c, void* out) {
  if (c == nullptr) return op_status::would_block;
  if (is_empty(c) && c->hooks == nullptr) {
    if (is_open(c)) return op_status::would_block;  // P1
    if (is_empty(c)) return op_status::closed;      // P2
  }
  if (receive_bytes(c, out)) return op_status::ok;
  chan_lock held(c);
  task wake;
  const op_status status = receive_locked(c, out, wake);
  held.unlock();
  if (wake) ready(wake);
  return status;
}

bool close_into(hchan* c, ready_batch& woken) noexcept {
  chan_waiter* first = nullptr;
  chan_waiter* last = nullptr;
  {
    const chan_lock held(c);
    if (c->closed.load(std::memory_order_relaxed)) return false;
    c->closed.store(true, std::memory_order_release);  // P2
    take_for_close(c->receivers, first, last);
    take_for_close(c->senders, first, last);
  }
  while (first != nullptr) {
    const task who = first->who;
    first = first->next;  // before its owner can run
    woken.add(who);
  }
  return true;
}

void close_channel(hchan* c) {
  if (c == nullptr)
    throw channel_error("goro: close: of a nil channel; make the channel with make_chan first");
  ready_batch woken;
  if (!close_into(c, woken))
    throw channel_error("goro: close: of a closed channel; close it once, where the last send has been");
}

}  // namespace goro::detail
