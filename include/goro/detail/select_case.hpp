// SPDX-License-Identifier: MIT
// The cases of a select: what recv, send, timeout and otherwise return, and the untyped form in which the
// core sees them. A case lives on the caller's stack, is not type-erased and allocates nothing, unless it is
// turned into a select_case to be kept.
//
// A case made from a named channel refers to it; one made from a temporary owns it; a select_case always
// owns.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <type_traits>
#include <utility>

#include <goro/chan.hpp>
#include <goro/detail/hchan.hpp>

namespace goro::detail {

enum class case_kind : std::uint8_t { receive, send, timeout, otherwise, dynamic };  // dynamic: ask the op

struct select_op {
  hchan* channel = nullptr;              // null: never ready
  void* slot = nullptr;                  // the value to send, or where to receive
  const element_type* source = nullptr;  // send: how to get the value from the slot; null: by T's move
  std::int64_t ns = 0;                   // timeout: from the start of the select
  case_kind kind = case_kind::receive;
};

struct select_choice {
  std::size_t index;
  bool ok;  // a receive: a value, not closed
};

// The three passes. Throws channel_error for a chosen send on a closed channel, std::logic_error for a second
// otherwise.
GORO_API select_choice run_select(const select_op* ops, std::size_t count, bool in_order);

// One channel operation beside an otherwise.
GORO_API op_status try_case(const select_op& op);

// What every typed case derives from.
struct case_tag {};

template <class C>
concept typed_case = std::is_base_of_v<case_tag, std::remove_cvref_t<C>>;

template <class T>
std::type_identity<T> receives(const chan<T>&);
template <class T>
std::type_identity<T> receives(const recv_chan<T>&);
template <class T>
std::type_identity<T> sends(const chan<T>&);
template <class T>
std::type_identity<T> sends(const send_chan<T>&);

template <class C>
concept receivable = requires(const std::remove_cvref_t<C>& c) { detail::receives(c); };
template <class C>
concept sendable = requires(const std::remove_cvref_t<C>& c) { detail::sends(c); };

template <class C>
using received_type =
    typename decltype(detail::receives(std::declval<const std::remove_cvref_t<C>&>()))::type;
template <class C>
using sent_type =
    typename decltype(detail::sends(std::declval<const std::remove_cvref_t<C>&>()))::type;

// A case's hold on its channel.
class case_channel {
 public:
  template <class C>
  static case_channel of(C&& channel) noexcept {
    if constexpr (std::is_lvalue_reference_v<C>)
      return case_channel(raw(channel), false);
    else if constexpr (std::is_const_v<C>)
      return case_channel(chan_ref::share(raw(channel)).detach(), true);
    else
      return case_channel(detach(std::move(channel)).detach(), true);
  }

  case_channel(case_channel&& other) noexcept
      : channel_(other.channel_), owned_(std::exchange(other.owned_, false)) {}
  case_channel& operator=(case_channel&&) = delete;
  ~case_channel() {
    if (owned_) release_ref(channel_);
  }

  void own() noexcept {
    if (!owned_) acquire_ref(channel_);
    owned_ = true;
  }
  hchan* get() const noexcept { return channel_; }

 private:
  case_channel(hchan* channel, bool owned) noexcept : channel_(channel), owned_(owned) {}

  hchan* channel_;
  bool owned_;
};

// What a receive case does with what it got: one of these four.
struct discard {
  template <class T>
  void operator()(bool, receive_slot<T>&) const noexcept {}
};

template <class T>
struct assign_to {
  T* out;
  bool* ok_out;  // may be null

  void operator()(bool ok, receive_slot<T>& slot) const {
    if (ok) *out = std::move(slot.value());
    if (ok_out != nullptr) *ok_out = ok;
  }
};

template <class T>
struct assign_to_optional {
  std::optional<T>* out;

  void operator()(bool ok, receive_slot<T>& slot) const {
    out->reset();
    if (ok) out->emplace(std::move(slot.value()));
  }
};

template <class T, class H>
struct call_handler {
  H handler;

  void operator()(bool ok, receive_slot<T>& slot) {
    if constexpr (std::is_invocable_v<H&, std::optional<T>>) {
      if (ok)
        handler(std::optional<T>(std::in_place, std::move(slot.value())));
      else
        handler(std::optional<T>());
    } else if constexpr (std::is_invocable_v<H&, T, bool>) {
      static_assert(std::is_default_constructible_v<T>,
                    "a (T, bool) handler gets a T() for a closed channel: take a std::optional<T> instead");
      if (ok)
        handler(std::move(slot.value()), true);
      else
        handler(T(), false);
    } else if constexpr (std::is_invocable_v<H&, T>) {
      if (ok) handler(std::move(slot.value()));
    } else {
      static_assert(std::is_invocable_v<H&>, "a handler takes (std::optional<T>), (T, bool), (T) or ()");
      handler();
    }
  }
};

struct no_handler {
  void operator()() const noexcept {}
};

template <class T, class Sink>
class recv_case : public case_tag {
 public:
  static constexpr case_kind kind = case_kind::receive;

  recv_case(case_channel channel, Sink sink) noexcept(std::is_nothrow_move_constructible_v<Sink>)
      : channel_(std::move(channel)), sink_(std::move(sink)) {}
  // Between selects the slot has nothing to move.
  recv_case(recv_case&& other) noexcept(std::is_nothrow_move_constructible_v<Sink>)
      : channel_(std::move(other.channel_)), sink_(std::move(other.sink_)) {}

  void own() noexcept { channel_.own(); }
  void prepare(select_op& op) noexcept {
    op.channel = channel_.get();
    op.slot = slot_.address();
    op.kind = kind;
  }
  void finish(bool ok) {
    sink_(ok, slot_);
    slot_.clear();
  }

 private:
  case_channel channel_;
  [[no_unique_address]] Sink sink_;
  receive_slot<T> slot_;
};

// A trivially copyable T that is made from something else is converted before each select, all others when
// their case is chosen.
template <class T, class U>
inline constexpr bool sends_converted = is_bitwise<T> && !std::is_same_v<std::remove_cvref_t<U>, T>;

// U is what was given: `V&` for an lvalue, which is copied, `V` for an rvalue, which is moved from.
template <class T, class U, class H>
class send_case : public case_tag {
  static_assert(std::is_constructible_v<T, U&&>, "the channel's type cannot be made from this value");

 public:
  static constexpr case_kind kind = case_kind::send;

  send_case(case_channel channel, U&& value, H handler) noexcept(std::is_nothrow_move_constructible_v<H>)
      : channel_(std::move(channel)), value_(std::addressof(value)), handler_(std::move(handler)) {}
  send_case(send_case&&) = default;

  void own() noexcept { channel_.own(); }
  void prepare(select_op& op) noexcept(!sends_converted<T, U>) {
    op.channel = channel_.get();
    op.kind = kind;
    op.slot = const_cast<void*>(static_cast<const volatile void*>(value_));
    if constexpr (sends_converted<T, U>) {
      op.slot = ::new (static_cast<void*>(converted_.bytes)) T(static_cast<T>(static_cast<U&&>(*value_)));
    } else if constexpr (!is_bitwise<T> && !std::is_same_v<U, T>) {
      op.source = &element_of<T, U&&>;
    }
  }
  void finish(bool) { handler_(); }

 private:
  struct storage {
    alignas(T) unsigned char bytes[sizeof(T)];
  };
  struct nothing {};

  case_channel channel_;
  std::remove_reference_t<U>* value_;
  [[no_unique_address]] H handler_;
  [[no_unique_address]] std::conditional_t<sends_converted<T, U>, storage, nothing> converted_;
};

template <class H>
class timeout_case : public case_tag {
 public:
  static constexpr case_kind kind = case_kind::timeout;

  timeout_case(std::int64_t ns, H handler) noexcept(std::is_nothrow_move_constructible_v<H>)
      : ns_(ns), handler_(std::move(handler)) {}
  timeout_case(timeout_case&&) = default;

  void own() noexcept {}
  void prepare(select_op& op) noexcept {
    op.kind = kind;
    op.ns = ns_;
  }
  void finish(bool) { handler_(); }

 private:
  std::int64_t ns_;
  [[no_unique_address]] H handler_;
};

template <class H>
class otherwise_case : public case_tag {
 public:
  static constexpr case_kind kind = case_kind::otherwise;

  explicit otherwise_case(H handler) noexcept(std::is_nothrow_move_constructible_v<H>)
      : handler_(std::move(handler)) {}
  otherwise_case(otherwise_case&&) = default;

  void own() noexcept {}
  void prepare(select_op& op) noexcept { op.kind = kind; }
  void finish(bool) { handler_(); }

 private:
  [[no_unique_address]] H handler_;
};

// A case that is kept: on the heap, its type forgotten.
class boxed_case {
 public:
  boxed_case() noexcept = default;
  boxed_case(const boxed_case&) = delete;
  boxed_case& operator=(const boxed_case&) = delete;
  virtual ~boxed_case() = default;
  virtual void prepare(select_op& op) = 0;
  virtual void finish(bool ok) = 0;
};

template <class C>
class boxed final : public boxed_case {
 public:
  explicit boxed(C&& c) : case_(std::move(c)) { case_.own(); }
  void prepare(select_op& op) override { case_.prepare(op); }
  void finish(bool ok) override { case_.finish(ok); }

 private:
  C case_;
};

// A select_case as the functions below see it. Null: moved from.
struct boxed_view {
  static constexpr case_kind kind = case_kind::dynamic;

  void prepare(select_op& op) const {
    if (box != nullptr) box->prepare(op);
  }
  void finish(bool ok) const { box->finish(ok); }

  boxed_case* box;
};

// Chooses among typed cases. The common form "one channel operation, or else" needs no select at all.
template <class... Cases>
std::size_t select_among(bool in_order, Cases&&... cases) {
  if constexpr (sizeof...(Cases) == 0) {
    return run_select(nullptr, 0, in_order).index;
  } else {
    select_op ops[sizeof...(Cases)];
    std::size_t count = 0;
    (cases.prepare(ops[count++]), ...);
    const select_choice choice = run_select(ops, count, in_order);
    std::size_t index = 0;
    ((index++ == choice.index ? cases.finish(choice.ok) : void()), ...);
    return choice.index;
  }
}

template <class Case, class Otherwise>
  requires(std::remove_cvref_t<Otherwise>::kind == case_kind::otherwise &&
           (std::remove_cvref_t<Case>::kind == case_kind::receive ||
            std::remove_cvref_t<Case>::kind == case_kind::send))
std::size_t select_among(bool, Case&& only, Otherwise&& otherwise) {
  select_op op;
  only.prepare(op);
  op_status status;
  if constexpr (std::remove_cvref_t<Case>::kind == case_kind::receive)
    status = try_receive_value(op.channel, op.slot);
  else
    status = try_case(op);
  if (status == op_status::would_block) {
    otherwise.finish(true);
    return 1;
  }
  only.finish(status == op_status::ok);
  return 0;
}

}  // namespace goro::detail
