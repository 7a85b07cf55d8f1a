// SPDX-License-Identifier: MIT
#include "time/tick_channel.hpp"

#include "base/clock.hpp"

#include "base/fatal.hpp"
#include "sched/park.hpp"
#include "sched/timers.hpp"

#include <goro/clock.hpp>
#include <goro/detail/duration.hpp>

#include <new>

namespace goro::detail {
namespace {

void on_expiry(timer_node& node) noexcept;

struct tick : timer_node {
  tick(hchan* in, std::int64_t due, std::int64_t every) noexcept
      : timer_node(&on_expiry), channel(in), at(due), period(every) {}

  hchan* const channel;
  std::int64_t at;      // when the next one is due; these three under the channel's lock
  std::int64_t period;  // 0: once
  bool active = true;   // T2
};

tick& tick_of(hchan* channel) noexcept { return *static_cast<tick*>(timer_extra(channel)); }

std::int64_t due_after(std::int64_t d) noexcept {
  return d == never ? never : saturating_add(deadline_now(), d < 0 ? 0 : d);
}

// Under the lock, when the tick is due. Whoever is to be woken is in *wake.
void deliver(tick& t, std::int64_t now, task* wake) noexcept {
  time_point value{duration{t.at}};
  if (t.period == 0) {
    t.active = false;
  } else {
    const std::int64_t late = now - t.at;
    t.at = saturating_add(t.at, saturating_add(late - late % t.period, t.period));  // T3
  }
  deliver_locked(t.channel, &value, wake);  // false: the slot still has the last one; this one is dropped
}

// What a heap calls when the node's time has come.
void on_expiry(timer_node& node) noexcept {
  tick& t = static_cast<tick&>(node);
  const std::int64_t now = now_ns();
  task wake;
  lock_channel(t.channel);
  if (receiver_waits_locked(t.channel) && t.active) {  // else it was stopped, or nobody waits any more: T1
    if (t.at <= now) deliver(t, now, &wake);
    // A reset may have moved it, or others may wait for the next. While a node fires this cannot throw: it
    // still has its place in the heap.
    if (t.active && receiver_waits_locked(t.channel)) timer_rearm(t, t.at);
  }
  unlock_channel(t.channel);
  if (wake) ready(wake);
}

void poll(hchan* channel) noexcept {
  tick& t = tick_of(channel);
  if (!t.active || t.at == never) return;
  const std::int64_t now = now_ns();
  if (t.at > now) return;
  task nobody;
  deliver(t, now, &nobody);
  GORO_ASSERT(!nobody);
}

void waited_on(hchan* channel, bool any_receiver_waits) noexcept {
  tick& t = tick_of(channel);
  if (!any_receiver_waits) {
    timer_disarm(t);
    return;
  }
  if (!t.active) return;
  try {
    timer_rearm(t, t.at);  // not arm: a fire that comes too late may still be running
  } catch (const std::bad_alloc&) {
    // The receiver has been queued, and a tick that never comes would be a silent hang.
    fatal("receive from a timer's channel", "no memory to queue the timer",
          "free memory, or start fewer timers");
  }
}

void destroy(hchan* channel) noexcept {
  tick& t = tick_of(channel);
  timer_disarm_sync(t);
  t.~tick();
}

constexpr chan_hooks hooks_of_ticks{&poll, &waited_on, &destroy};

}  // namespace

hchan* make_tick_channel(std::int64_t d, std::int64_t period) {
  hchan* const channel = make_timer_channel(element_of<time_point>, &hooks_of_ticks, sizeof(tick));
  static_assert(alignof(tick) <= 16);
  ::new (timer_extra(channel)) tick(channel, due_after(d), period);
  return channel;
}

bool stop_ticks(hchan* channel) noexcept {
  tick& t = tick_of(channel);
  lock_channel(channel);
  const bool slot_was_full = drain_locked(channel);
  const bool to_come = t.active || slot_was_full;
  t.active = false;
  timer_disarm(t);
  unlock_channel(channel);
  return to_come;
}

bool reset_ticks(hchan* channel, std::int64_t d, std::int64_t period) {
  tick& t = tick_of(channel);
  const std::int64_t at = due_after(d);
  lock_channel(channel);
  const bool slot_was_full = drain_locked(channel);
  const bool to_come = t.active || slot_was_full;
  t.at = at;
  t.period = period;
  t.active = true;
  if (receiver_waits_locked(channel)) {
    try {
      timer_rearm(t, at);
    } catch (...) {
      t.active = false;
      unlock_channel(channel);
      throw;
    }
  }
  unlock_channel(channel);
  return to_come;
}

}  // namespace goro::detail
