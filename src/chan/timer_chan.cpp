// SPDX-License-Identifier: MIT
// What the room `time` needs of a timer's channel: see chan_hooks in detail/hchan.hpp.
#include "chan/hchan.hpp"

namespace goro::detail {

void lock_channel(hchan* c) noexcept { c->lock.lock(); }
void unlock_channel(hchan* c) noexcept { c->lock.unlock(); }

bool receiver_waits_locked(hchan* c) noexcept { return c->receivers.first_live() != nullptr; }

bool deliver_locked(hchan* c, void* value, task* wake) noexcept {
  while (chan_waiter* const w = c->receivers.first()) {
    c->receivers.remove(w);
    if (w->claim != nullptr && !w->claim->win(w->number)) continue;
    if (c->how == transfer::table)
      c->element->take(w->slot, value);
    else
      copy_bytes(w->slot, value, c->how);
    w->outcome = wake_outcome::done;
    *wake = w->who;
    return true;
  }
  if (c->length.load(std::memory_order_relaxed) != 0) return false;
  put(c, value, c->element);
  return true;
}

bool drain_locked(hchan* c) noexcept {
  if (c->length.load(std::memory_order_relaxed) == 0) return false;
  destroy_buffer(c);
  c->length.store(0, std::memory_order_release);
  c->head = 0;
  c->tail = 0;
  return true;
}

}  // namespace goro::detail
