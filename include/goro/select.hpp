// SPDX-License-Identifier: MIT
// Select: waits for the first of several channel operations that can go on. It parks; it never polls.
//
//   switch (goro::select(recv(results, r), send(requests, "ping"s), timeout(3s))) {
//     case 0: use(r); break;
//     case 1: break;
//     case 2: return give_up();
//   }
//   goro::select(recv(results, [](std::optional<result> r) { ... }),
//                recv(quit, [] { ... }),
//                otherwise([] { ... }));
//
// Go's `select { case r, ok := <-results: ... case requests <- "ping": ... default: ... }`. Among the cases
// that are ready at the same moment one is chosen at random, each as likely as the others; `in_order` takes
// the first instead. A nil channel is never ready. A closed channel is always ready: its receive gives
// "closed", its send, if chosen, throws channel_error. One channel may stand in several cases, to send and to
// receive.
//
// May be called from any goroutine and any thread. Orders what it does as the operation that was chosen does.
//
// What recv, send, timeout and otherwise return are cases: types of their own, which live in the call of
// select and allocate nothing. A case of a named channel refers to it. To keep cases, for a set built at run
// time, turn them into select_case: it owns the channel's handle and the handler.
//
// Where <sys/socket.h> or <sys/select.h> is included too, write goro::recv, goro::send, goro::select.
#pragma once

#include <chrono>
#include <concepts>
#include <cstddef>
#include <optional>
#include <span>
#include <type_traits>
#include <utility>

#include <goro/chan.hpp>
#include <goro/detail/select_case.hpp>

namespace goro {

// A case that can be kept, for instance in a std::vector, and used in any number of selects, one after
// another. It owns its handle of the channel, and its handler. A value to send must outlive it. Moved from,
// it is never ready.
struct select_case {
  template <class C>
    requires(detail::typed_case<C> && !std::is_lvalue_reference_v<C>)
  select_case(C&& c) : box_(new detail::boxed<std::remove_cvref_t<C>>(std::move(c))) {}
  select_case(select_case&& other) noexcept : box_(std::exchange(other.box_, nullptr)) {}
  select_case& operator=(select_case&& other) noexcept {
    std::swap(box_, other.box_);
    return *this;
  }
  ~select_case() { delete box_; }

  // For the library.
  detail::boxed_view view() const noexcept { return {box_}; }

 private:
  detail::boxed_case* box_;
};

// Go's default: chosen when no other case is ready. At most one in a select, at any place.
struct otherwise_t {
  template <class H>
  auto operator()(H&& handler) const {
    return detail::otherwise_case<std::decay_t<H>>(std::forward<H>(handler));
  }
  operator select_case() const { return detail::otherwise_case<detail::no_handler>({}); }
};
inline constexpr otherwise_t otherwise{};

// As the first argument of select: the first ready case in argument order, not a random one.
struct in_order_t {};
inline constexpr in_order_t in_order{};

// A case that receives from a chan or recv_chan and drops the value. Ready also when the channel is closed.
//
// Go  case <-ch:
template <detail::receivable C>
auto recv(C&& channel) {
  using T = detail::received_type<C>;
  return detail::recv_case<T, detail::discard>(detail::case_channel::of<C>(std::forward<C>(channel)), {});
}

// A case that receives into `out`, which stays as it was if the channel is closed, or if another case is
// chosen.
//
// Go  case out = <-ch:
template <detail::receivable C>
auto recv(C&& channel, detail::received_type<C>& out) {
  using T = detail::received_type<C>;
  return detail::recv_case<T, detail::assign_to<T>>(detail::case_channel::of<C>(std::forward<C>(channel)),
                                                    {std::addressof(out), nullptr});
}

// The same; `ok` tells whether it was a value (true) or "closed".
//
// Go  case out, ok = <-ch:
template <detail::receivable C>
auto recv(C&& channel, detail::received_type<C>& out, bool& ok) {
  using T = detail::received_type<C>;
  return detail::recv_case<T, detail::assign_to<T>>(detail::case_channel::of<C>(std::forward<C>(channel)),
                                                    {std::addressof(out), &ok});
}

// A case that receives into `out`: the value, or nothing if the channel is closed.
template <detail::receivable C>
auto recv(C&& channel, std::optional<detail::received_type<C>>& out) {
  using T = detail::received_type<C>;
  return detail::recv_case<T, detail::assign_to_optional<T>>(
      detail::case_channel::of<C>(std::forward<C>(channel)), {&out});
}

// A case that receives and calls `handler` (in this goroutine, after the choice, without any lock) with the
// first of these that it takes: (std::optional<T>); (T, bool), where false says "closed" and the T is a T();
// (T), not called if the channel is closed; (). An exception of the handler comes out of select.
template <detail::receivable C, class H>
  requires(!std::same_as<std::remove_cvref_t<H>, detail::received_type<C>> &&
           !std::same_as<std::remove_cvref_t<H>, std::optional<detail::received_type<C>>>)
auto recv(C&& channel, H&& handler) {
  using T = detail::received_type<C>;
  using sink = detail::call_handler<T, std::decay_t<H>>;
  return detail::recv_case<T, sink>(detail::case_channel::of<C>(std::forward<C>(channel)),
                                    sink{std::forward<H>(handler)});
}

// A case that sends `value`, which must outlive the case: an lvalue is copied when the case is chosen, an
// rvalue moved from when it is chosen, and left alone otherwise. (Both by whoever takes the value, at that
// moment.)
//
// Throws  channel_error out of select, if it is chosen and the channel is closed, or is closed while it
//         waits.
// Go      case ch <- value:
template <detail::sendable C, class U>
auto send(C&& channel, U&& value) {
  using T = detail::sent_type<C>;
  return detail::send_case<T, U, detail::no_handler>(detail::case_channel::of<C>(std::forward<C>(channel)),
                                                     std::forward<U>(value), {});
}

// The same; calls `handler` with nothing once the value is sent.
template <detail::sendable C, class U, class H>
auto send(C&& channel, U&& value, H&& handler) {
  using T = detail::sent_type<C>;
  return detail::send_case<T, U, std::decay_t<H>>(detail::case_channel::of<C>(std::forward<C>(channel)),
                                                  std::forward<U>(value), std::forward<H>(handler));
}

// A case that becomes ready `limit` after the select has begun. Zero or less: at once, if nothing else is
// ready.
//
// Go  case <-time.After(limit):
template <class Rep, class Period>
auto timeout(const std::chrono::duration<Rep, Period>& limit) {
  return detail::timeout_case<detail::no_handler>(detail::to_ns(limit), {});
}

// The same; calls `handler` with nothing.
template <class Rep, class Period, class H>
auto timeout(const std::chrono::duration<Rep, Period>& limit, H&& handler) {
  return detail::timeout_case<std::decay_t<H>>(detail::to_ns(limit), std::forward<H>(handler));
}

namespace detail {

template <class C>
concept selectable = typed_case<C> || std::same_as<std::remove_cvref_t<C>, select_case> ||
                     std::same_as<std::remove_cvref_t<C>, otherwise_t>;

// The typed case in an argument of select.
template <selectable C>
decltype(auto) as_case(C& c) {
  if constexpr (typed_case<C>)
    return (c);
  else if constexpr (std::same_as<std::remove_cvref_t<C>, select_case>)
    return c.view();
  else
    return otherwise_case<no_handler>({});
}

}  // namespace detail

// Waits until one of `cases` is ready, and runs it.
//
// Returns  the index of the case that ran, in argument order.
// Throws   what the chosen case throws; std::logic_error if there are two `otherwise`; std::bad_alloc if the
//          timer heap cannot grow, or for more than 16 cases; nothing has happened then.
// Waits    without limit, unless there is a timeout or an otherwise; without any case, for ever.
// Cost     one lock for each channel; one channel beside an otherwise: none if it is not ready.
// Nil      a nil channel is never ready.
// Go       select
template <class... Cases>
  requires(detail::selectable<Cases> && ...)
std::size_t select(Cases&&... cases) {
  return detail::select_among(false, detail::as_case(cases)...);
}

// The same; among several that are ready the first in argument order is chosen.
template <class... Cases>
  requires(detail::selectable<Cases> && ...)
std::size_t select(in_order_t, Cases&&... cases) {
  return detail::select_among(true, detail::as_case(cases)...);
}

// The same for a set of cases that was built at run time. The cases can be used again.
GORO_API std::size_t select(std::span<select_case> cases);
GORO_API std::size_t select(in_order_t, std::span<select_case> cases);

}  // namespace goro
