// SPDX-License-Identifier: MIT
// Channels: how goroutines hand values, and with them the right to use what the values refer to, to each
// other.
//
//   auto ch = goro::make_chan<std::string>(16);
//   goro::go([ch] { ch.send("ping"); ch.close(); });
//   for (std::string s : ch) use(s);                     // until closed and drained
//
// A chan<T> is a handle: copies name the same channel, as in Go. A default-made one is nil: it blocks for
// ever. Go's `ch <- v` is send, `v, ok := <-ch` is recv, `for v := range ch` is the loop above. recv_chan and
// send_chan are a channel's two halves, Go's `<-chan T` and `chan<- T`. The channel ends with its last
// handle, and the values that are still in it with it.
//
// Every operation may be called from any goroutine and any thread, on one channel at the same time.
// Order: what the sender did before send() is visible to the receiver after its recv(); what the k-th
// receiver did before recv() is visible after the (k + capacity)-th send(); close() before a recv() that it
// ends.
//
// T needs only be movable. Its move runs under the channel's lock: it must not wait, nor use that channel.
// A move that throws loses nothing else. The move out of a buffer is the receiver's, and the value stays; all
// others are the sender's, whose call throws, even if it had to wait and another goroutine ran the move.
#pragma once

#include <chrono>
#include <cstddef>
#include <iterator>
#include <optional>
#include <stdexcept>
#include <utility>

#include <goro/detail/canceller.hpp>
#include <goro/detail/duration.hpp>
#include <goro/detail/hchan.hpp>

namespace goro {

class context;

// Misuse of a channel: what Go answers with a panic.
class GORO_API channel_error : public std::logic_error {
 public:
  using std::logic_error::logic_error;
};

// How an operation that may give up has ended.
enum class op_status : int { ok, closed, would_block, timed_out, canceled };

// What a receive that may give up has to say. `value` is there exactly if `status` is ok.
template <class T>
struct recv_result {
  op_status status;
  std::optional<T> value;

  explicit operator bool() const noexcept { return status == op_status::ok; }
  T& operator*() { return *value; }
  const T& operator*() const { return *value; }
  T* operator->() { return &*value; }
  const T* operator->() const { return &*value; }
};

// Asks make_chan for a channel without a limit.
struct unbounded_t {};
inline constexpr unbounded_t unbounded{};

template <class T>
class chan;
template <class T>
class recv_chan;
template <class T>
class send_chan;

namespace detail {

struct channel_sentinel {};

// An input iterator that receives: one value at a time, until the channel is closed and drained.
template <class T>
class channel_iterator {
 public:
  using iterator_concept = std::input_iterator_tag;
  using value_type = T;
  using difference_type = std::ptrdiff_t;

  channel_iterator() noexcept = default;
  explicit channel_iterator(chan_ref channel) : channel_(std::move(channel)) { next(); }

  T&& operator*() const { return std::move(*value_); }
  T* operator->() const { return &*value_; }
  channel_iterator& operator++() {
    next();
    return *this;
  }
  void operator++(int) { next(); }
  friend bool operator==(const channel_iterator& it, channel_sentinel) noexcept { return !it.value_; }

 private:
  void next() {
    value_.reset();
    if constexpr (is_bitwise<T>) {
      receive_slot<T> slot;
      if (!receive_value(channel_.get(), slot.address())) return;
      value_.emplace(std::move(slot.value()));
    } else {
      receive_value(channel_.get(), &value_);
    }
  }

  chan_ref channel_;
  mutable std::optional<T> value_;  // `*it` gives it away
};

// What chan and its two halves share.
class channel_handle {
 public:
  // How many values are in the buffer.
  //
  // Returns  a moment's picture, exact if nobody else uses the channel; 0 if unbuffered or nil.
  // Cost     no lock.
  // Go       len(ch)
  std::size_t len() const noexcept { return channel_length(ref_.get()); }

  // How many values the buffer can hold.
  //
  // Returns  0 if unbuffered or nil, the greatest std::size_t if unbounded.
  // Go       cap(ch)
  std::size_t cap() const noexcept { return channel_capacity(ref_.get()); }

  // Whether this is not nil.
  explicit operator bool() const noexcept { return ref_.get() != nullptr; }

  friend hchan* raw(const channel_handle& handle) noexcept { return handle.ref_.get(); }
  friend chan_ref detach(channel_handle&& handle) noexcept { return std::move(handle.ref_); }

 protected:
  channel_handle() noexcept = default;
  explicit channel_handle(chan_ref ref) noexcept : ref_(std::move(ref)) {}

  chan_ref ref_;
};

// Runs `operation` with the address of a receive slot; what it received is in the result if that is ok.
template <class T, class Operation>
recv_result<T> received(Operation operation) {
  if constexpr (is_bitwise<T>) {
    receive_slot<T> slot;
    const op_status status = operation(slot.address());
    if (status != op_status::ok) return {status, std::nullopt};
    return {status, std::optional<T>(std::in_place, std::move(slot.value()))};
  } else {
    recv_result<T> result{op_status::ok, std::nullopt};
    result.status = operation(&result.value);
    return result;
  }
}

// What can be done with chan and recv_chan: Self is one of the two.
template <class Self, class T>
class receiving {
 public:
  // Receives the oldest value; waits while there is none.
  //
  // Returns  the value, or nothing once the channel is closed and drained (Go: ok == false).
  // Throws   nothing of its own; if T's move throws, the value stays in the channel.
  // Waits    without limit; a goroutine parks, a plain thread sleeps. Limits: recv_for, recv(ctx), select.
  // Cost     buffered and ready: one lock of the channel, one move, no allocation, no system call.
  // Nil      waits for ever ("chan receive (nil chan)" in a dump).
  // Go       v, ok := <-ch
  [[nodiscard]] std::optional<T> recv() const {
    if constexpr (is_bitwise<T>) {
      receive_slot<T> slot;
      if (!receive_value(channel(), slot.address())) return std::nullopt;
      return std::optional<T>(std::in_place, std::move(slot.value()));
    } else {
      std::optional<T> value;
      receive_value(channel(), &value);
      return value;
    }
  }

  // Receives a value if one is there, or a sender waits with one.
  //
  // Returns  ok with the value, closed (and drained), or would_block.
  // Cost     would_block: no lock.
  // Nil      would_block.
  // Go       select { case v, ok := <-ch: ... default: ... }
  [[nodiscard]] recv_result<T> try_recv() const {
    return received<T>([&](void* out) { return try_receive_value(channel(), out); });
  }

  // Receives, waiting `limit` at most.
  //
  // Returns  ok with the value, closed (and drained), or timed_out. A limit of zero or less tries once.
  // Throws   std::bad_alloc if the timer heap cannot grow; nothing has happened then.
  // Nil      timed_out, once the limit is over.
  template <class Rep, class Period>
  [[nodiscard]] recv_result<T> recv_for(const std::chrono::duration<Rep, Period>& limit) const {
    return received<T>([&](void* out) { return receive_value_for(channel(), out, to_ns(limit)); });
  }

  // Receives, waiting until `deadline` at most: see recv_for.
  template <class Clock, class Duration>
  [[nodiscard]] recv_result<T> recv_until(const std::chrono::time_point<Clock, Duration>& deadline) const {
    return received<T>(
        [&](void* out) { return receive_value_until(channel(), out, deadline_at(deadline), nullptr); });
  }

  // Receives, waiting until `ctx` is done at most.
  //
  // Returns  ok with the value, closed (and drained), or canceled; canceled at once if ctx is done already.
  // Go       select { case v, ok := <-ch: ... case <-ctx.Done(): ... }
  [[nodiscard]] recv_result<T> recv(const context& ctx) const {
    return received<T>(
        [&](void* out) { return receive_value_until(channel(), out, never, canceller_of(ctx)); });
  }

  // for (T v : ch): receives until the channel is closed and drained. begin() receives the first value;
  // `*it` is a T&&, so that values that can only be moved work.
  //
  // Go       for v := range ch
  using iterator = channel_iterator<T>;
  using sentinel = channel_sentinel;
  iterator begin() const { return iterator(chan_ref::share(channel())); }
  sentinel end() const noexcept { return {}; }

 private:
  hchan* channel() const noexcept { return raw(static_cast<const Self&>(*this)); }
};

// What can be done with chan and send_chan: Self is one of the two.
template <class Self, class T>
class sending {
 public:
  // Sends `value`: hands it to a receiver that waits, or puts it into the buffer; waits while there is
  // neither.
  //
  // Throws   channel_error if the channel is closed, also when that happens while it waits.
  // Waits    without limit; a goroutine parks, a plain thread sleeps. Limits: send_for, send(v, ctx), select.
  // Cost     buffered with room: one lock of the channel, one move, no allocation, no system call.
  // Nil      waits for ever ("chan send (nil chan)" in a dump).
  // Go       ch <- value
  void send(T value) const { send_value(channel(), std::addressof(value)); }

  // Sends if that takes no waiting.
  //
  // Returns  false if it would have to wait; `value` is then as it was.
  // Throws   channel_error if the channel is closed.
  // Cost     false: no lock.
  // Nil      false.
  // Go       select { case ch <- value: ... default: ... }
  [[nodiscard]] bool try_send(T& value) const {
    return try_send_value(channel(), std::addressof(value)) == op_status::ok;
  }
  [[nodiscard]] bool try_send(T&& value) const { return try_send(value); }

  // Sends, waiting `limit` at most.
  //
  // Returns  ok, or timed_out; `value` is then as it was. A limit of zero or less tries once.
  // Throws   channel_error if the channel is closed, also when that happens while it waits;
  //          std::bad_alloc if the timer heap cannot grow; nothing has happened then.
  // Nil      timed_out, once the limit is over.
  template <class Rep, class Period>
  [[nodiscard]] op_status send_for(T& value, const std::chrono::duration<Rep, Period>& limit) const {
    return send_value_for(channel(), std::addressof(value), to_ns(limit));
  }
  template <class Rep, class Period>
  [[nodiscard]] op_status send_for(T&& value, const std::chrono::duration<Rep, Period>& limit) const {
    return send_for(value, limit);
  }

  // Sends, waiting until `deadline` at most: see send_for.
  template <class Clock, class Duration>
  [[nodiscard]] op_status send_until(T& value,
                                     const std::chrono::time_point<Clock, Duration>& deadline) const {
    return send_value_until(channel(), std::addressof(value), deadline_at(deadline), nullptr);
  }
  template <class Clock, class Duration>
  [[nodiscard]] op_status send_until(T&& value,
                                     const std::chrono::time_point<Clock, Duration>& deadline) const {
    return send_until(value, deadline);
  }

  // Sends, waiting until `ctx` is done at most.
  //
  // Returns  ok, or canceled, at once if ctx is done already; `value` is then as it was.
  // Throws   channel_error if the channel is closed, also when that happens while it waits.
  // Go       select { case ch <- value: ... case <-ctx.Done(): ... }
  [[nodiscard]] op_status send(T& value, const context& ctx) const {
    return send_value_until(channel(), std::addressof(value), never, canceller_of(ctx));
  }
  [[nodiscard]] op_status send(T&& value, const context& ctx) const { return send(value, ctx); }

  // Says that no more values will come: receivers get what is in the buffer, and then "closed" for ever.
  // All who wait wake up: receivers to "closed", senders to a channel_error.
  //
  // Throws   channel_error if the channel is closed already, or nil.
  // Go       close(ch)
  void close() const { close_channel(channel()); }

 private:
  hchan* channel() const noexcept { return raw(static_cast<const Self&>(*this)); }
};

}  // namespace detail

// A channel: both halves. See the top of this file.
template <class T>
class chan : public detail::channel_handle,
             public detail::receiving<chan<T>, T>,
             public detail::sending<chan<T>, T> {
 public:
  using value_type = T;

  // Nil.
  chan() noexcept = default;

  // Whether both name the same channel, or both are nil.
  friend bool operator==(const chan& a, const chan& b) noexcept { return a.ref_ == b.ref_; }

  // For the library: a handle for a channel that the core has made.
  explicit chan(detail::chan_ref ref) noexcept : channel_handle(std::move(ref)) {}
};

// The receiving half: no send, no close. A chan converts to it; there is no way back.
template <class T>
class recv_chan : public detail::channel_handle, public detail::receiving<recv_chan<T>, T> {
 public:
  using value_type = T;

  recv_chan() noexcept = default;
  recv_chan(chan<T> channel) noexcept : channel_handle(detach(std::move(channel))) {}
  friend bool operator==(const recv_chan& a, const recv_chan& b) noexcept { return a.ref_ == b.ref_; }
  explicit recv_chan(detail::chan_ref ref) noexcept : channel_handle(std::move(ref)) {}
};

// The sending half, close included: no recv, no loop. A chan converts to it; there is no way back.
template <class T>
class send_chan : public detail::channel_handle, public detail::sending<send_chan<T>, T> {
 public:
  using value_type = T;

  send_chan() noexcept = default;
  send_chan(chan<T> channel) noexcept : channel_handle(detach(std::move(channel))) {}
  friend bool operator==(const send_chan& a, const send_chan& b) noexcept { return a.ref_ == b.ref_; }
  explicit send_chan(detail::chan_ref ref) noexcept : channel_handle(std::move(ref)) {}
};

// Makes a channel whose buffer holds `capacity` values; 0: unbuffered, each send waits for its receive.
//
// Throws   std::length_error for a capacity that no memory could hold, such as -1; std::bad_alloc.
// Cost     one allocation, for channel and buffer. Elements of an empty type take no memory.
// Go       make(chan T, capacity)
template <class T>
chan<T> make_chan(std::size_t capacity = 0) {
  return chan<T>(detail::chan_ref::adopt(detail::make_channel(detail::element_of<T>, capacity)));
}

// Makes a channel on which send never waits: its buffer grows and shrinks in segments.
//
// Throws   std::bad_alloc, here and from send, which then has not sent.
template <class T>
chan<T> make_chan(unbounded_t) {
  return chan<T>(detail::chan_ref::adopt(detail::make_unbounded_channel(detail::element_of<T>)));
}

}  // namespace goro
