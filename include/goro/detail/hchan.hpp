// SPDX-License-Identifier: MIT
// The untyped channel, as the typed shells call it; src/chan is behind it.
//
// `value` is the address of the sender's object, `out` that of a receive_slot<T> (element.hpp). A null
// channel is nil. All of these may be called from any goroutine and any thread.
#pragma once

#include <cstddef>
#include <cstdint>

#include <goro/detail/element.hpp>
#include <goro/detail/export.hpp>
#include <goro/detail/ref.hpp>

namespace goro {
enum class op_status : int;
}

namespace goro::detail {

class canceller;
class task;

// A new channel with one count, for chan_ref::adopt. Throws std::length_error, std::bad_alloc.
GORO_API hchan* make_channel(const element_type& element, std::size_t capacity);
GORO_API hchan* make_unbounded_channel(const element_type& element);

// Waits without limit. receive: false if closed and drained.
GORO_API void send_value(hchan* channel, void* value);
GORO_API bool receive_value(hchan* channel, void* out);

// ok, would_block, and closed for a receive (a send throws).
GORO_API op_status try_send_value(hchan* channel, void* value);
GORO_API op_status try_receive_value(hchan* channel, void* out);

// Until `deadline` (goro::clock, ns; never) or until `cancel` (may be null) is cancelled: timed_out,
// canceled.
GORO_API op_status send_value_until(hchan* channel, void* value, std::int64_t deadline, canceller* cancel);
GORO_API op_status receive_value_until(hchan* channel, void* out, std::int64_t deadline, canceller* cancel);
// For `ns` nanoseconds; the clock is read only if it must wait.
GORO_API op_status send_value_for(hchan* channel, void* value, std::int64_t ns);
GORO_API op_status receive_value_for(hchan* channel, void* out, std::int64_t ns);

GORO_API void close_channel(hchan* channel);
GORO_API std::size_t channel_length(const hchan* channel) noexcept;
GORO_API std::size_t channel_capacity(const hchan* channel) noexcept;

// Timer channels, for the room `time`. Such a channel reports length and capacity 0, and has a hidden slot
// for one tick, which comes into being when somebody looks (poll) or when a timer in a heap fires.
struct chan_hooks {
  // Under the lock, before a look at a channel on which no receiver waits: delivers a tick that is due by
  // deliver_locked, which then puts it into the slot. (While a receiver waits the heap delivers it.)
  void (*poll)(hchan* channel) noexcept;
  // Under the lock: the first receiver has begun to wait (true), or none waits any more because the last one
  // gave up, or left through another case (false). After a deliver_locked that served the last receiver it is
  // not called: ask receiver_waits_locked.
  void (*waited_on)(hchan* channel, bool any_receiver_waits) noexcept;
  // Without the lock: the last handle has gone; the channel's memory is freed when this returns.
  void (*destroy)(hchan* channel) noexcept;
};

// `extra_bytes` of zeroed memory for the owner, aligned to 16, come with it: see timer_extra.
GORO_API hchan* make_timer_channel(const element_type& element, const chan_hooks* hooks,
                                   std::size_t extra_bytes);
GORO_API void* timer_extra(hchan* channel) noexcept;
GORO_API void lock_channel(hchan* channel) noexcept;
GORO_API void unlock_channel(hchan* channel) noexcept;
// Hands `value` to the first waiting receiver, whose task is then in *wake, for ready() after the unlock;
// else puts it into the slot. False: the slot is full, and `value` was left alone. T's move must not throw.
GORO_API bool deliver_locked(hchan* channel, void* value, task* wake) noexcept;
// Empties the slot. True: a tick was there.
GORO_API bool drain_locked(hchan* channel) noexcept;
GORO_API bool receiver_waits_locked(hchan* channel) noexcept;

}  // namespace goro::detail
