// SPDX-License-Identifier: MIT
// Contexts: how a call is told that nobody waits for its result any more, and carries what belongs to it.
//
//   auto [ctx, cancel] = goro::with_timeout(goro::background(), 2s);
//   goro::go([ctx = ctx, jobs] {
//     while (auto job = jobs.recv(ctx)) handle(*job, ctx);   // ends at the time-out, or when cancelled
//   });
//   if (user_went_away()) cancel();                          // once, twice, never: all are fine
//
// Go's context.Context. A context is a handle: copies name the same one, and it lives as long as something
// refers to it. Contexts form a tree. One is done when it is cancelled, when its deadline passes, or when its
// parent is done; then err() says why, done() is closed, and every wait that was given it ends. Being done is
// for ever. Waits take a context as it is (ch.recv(ctx), sleep_for(d, ctx), group.wait(ctx) …); done() is for
// select.
//
// Unlike Go: letting go of the last handle of a context (and of its cancel functions) takes it out of its
// parent, so nothing has to be cancelled only to be freed; and a cancel function that is let go has not
// cancelled.
//
// Everything here may be called from any goroutine and any thread at the same time.
// Order: what happened before the cancellation is visible to whoever finds the context done, in whatever way.
// err() is set before done() closes and before any wait ends.
// <stop_token> is a sixth of what this header costs to compile; there is no other way to name std::stop_token.
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <new>
#include <optional>
#include <stop_token>
#include <string>
#include <system_error>
#include <type_traits>
#include <utility>
#include <variant>

#include <goro/chan.hpp>
#include <goro/clock.hpp>
#include <goro/detail/closure.hpp>
#include <goro/detail/duration.hpp>
#include <goro/detail/export.hpp>
#include <goro/errc.hpp>

namespace goro {

class context;

namespace detail {

struct context_node;
struct
    after_call;  // a function that runs once a context is done: the record, then the callable, in one block

// The first member of every context_node, so that counting needs no call. Built-ins instead of std::atomic, as
// in detail/ref.hpp, and with the same pair: what was done through any handle is visible to whoever frees.
struct context_count {
  std::uint32_t handles;
};
inline constexpr std::uint32_t uncounted = 1u << 31;  // background and todo: shared by all, and never freed

// Called when the count has reached 0.
GORO_API void destroy_context(context_node* node) noexcept;

class context_ref {
 public:
  constexpr context_ref() noexcept = default;
  // Takes over a count that the caller has.
  static context_ref adopt(context_node* node) noexcept { return context_ref(node); }
  static context_ref share(context_node* node) noexcept {
    if (counts(node))
      __atomic_fetch_add(&reinterpret_cast<context_count*>(node)->handles, 1u, __ATOMIC_RELAXED);
    return context_ref(node);
  }

  context_ref(const context_ref& other) noexcept : context_ref(share(other.node_)) {}
  context_ref(context_ref&& other) noexcept : node_(std::exchange(other.node_, nullptr)) {}
  context_ref& operator=(context_ref other) noexcept {
    std::swap(node_, other.node_);
    return *this;
  }
  ~context_ref() {
    if (counts(node_) &&
        __atomic_fetch_sub(&reinterpret_cast<context_count*>(node_)->handles, 1u, __ATOMIC_ACQ_REL) == 1u)
      destroy_context(node_);
  }

  context_node* get() const noexcept { return node_; }
  context_node* detach() noexcept { return std::exchange(node_, nullptr); }

 private:
  explicit context_ref(context_node* node) noexcept : node_(node) {}
  static bool counts(context_node* node) noexcept {
    return node != nullptr &&
           __atomic_load_n(&reinterpret_cast<context_count*>(node)->handles, __ATOMIC_RELAXED) < uncounted;
  }

  context_node* node_ = nullptr;
};

GORO_API std::uint64_t next_context_key() noexcept;
GORO_API const void* context_value(const context_node* node, std::uint64_t key) noexcept;

struct value_place {
  context_node* node;  // counted once, for whoever made it
  void* storage;
};
GORO_API value_place begin_value(const context& parent, std::uint64_t key, std::size_t size,
                                 std::size_t align, void (*destroy)(void*) noexcept);
GORO_API void abort_value(context_node* node) noexcept;  // making the value threw

struct after_call_type {
  std::size_t size;
  std::size_t align;
  void (*run)(void* callable);
  void (*destroy)(void* callable) noexcept;
};
GORO_API after_call* make_after_call(const context& ctx, const after_call_type& type);  // not registered
GORO_API void* after_call_storage(after_call* call) noexcept;                           // where f goes
GORO_API void discard_after_call(after_call* call) noexcept;                            // f was not made
GORO_API void start_after_call(const context& ctx, after_call* call);  // from now on f may run
GORO_API void share_after_call(after_call* call) noexcept;
GORO_API void drop_after_call(after_call* call) noexcept;
GORO_API bool stop_after_call(const context& ctx, after_call* call) noexcept;

}  // namespace detail

// Names a value that a context can carry, and says its type. A key is what it is by identity: two keys of one
// type do not meet. Make one `inline static const` (or at namespace scope) for each.
template <class T>
struct context_key {
  context_key() : id(detail::next_context_key()) {}
  std::uint64_t id;
};

class context {
 public:
  // Empty: no context at all. It can be assigned to and asked; deriving from it throws std::logic_error.
  context() noexcept = default;
  // Whether this is not empty.
  explicit operator bool() const noexcept { return ref_.get() != nullptr; }

  // A channel that is closed once the context is done: for select. Always the same channel.
  //
  // Throws   std::bad_alloc.
  // Cost     the first call makes the channel: one allocation. Waits that take a context need none.
  // Nil      a context that can never be done (background, todo, without_cancel, empty) has a nil channel.
  // Go       ctx.Done()
  GORO_API recv_chan<std::monostate> done() const;

  // Why it is done: errc::canceled or errc::deadline_exceeded. No error while it is not done.
  //
  // Cost     a load.
  // Go       ctx.Err()
  GORO_API std::error_code err() const noexcept;

  // What the one who cancelled it, or made the deadline, gave as the reason. Null while it is not done. Without
  // a reason of its own: a std::system_error of err(), always the same one.
  //
  // Go       context.Cause(ctx)
  GORO_API std::exception_ptr cause() const;

  // Throws std::system_error of err() if it is done: for long computations.
  GORO_API void check() const;

  // When it will be done at the latest, if it or one above it has a deadline.
  // Go       ctx.Deadline()
  GORO_API std::optional<time_point> deadline() const noexcept;

  // The value of `key`: of the nearest context, from here upwards, that carries one. Null: none does. Valid as
  // long as this context.
  //
  // Cost     a step for each value on the way.
  // Go       ctx.Value(key)
  template <class T>
  const T* value(const context_key<T>& key) const noexcept {
    return static_cast<const T*>(detail::context_value(ref_.get(), key.id));
  }

  // How many contexts hang from this one: those that would be done with it at once, next below it, and are
  // neither done nor gone. Contexts with a value pass on to what is above them: they are not counted
  // themselves, and give the number of the nearest one that can be cancelled. 0 if none can.
  GORO_API std::size_t children() const noexcept;

  // Whether both name the same context.
  friend bool operator==(const context& a, const context& b) noexcept { return a.ref_.get() == b.ref_.get(); }

  // For the library.
  explicit context(detail::context_ref ref) noexcept : ref_(std::move(ref)) {}
  friend detail::context_node* raw(const context& ctx) noexcept { return ctx.ref_.get(); }

 private:
  detail::context_ref ref_;
};

// How it was made, such as "background.with_cancel.with_value": for logs.
GORO_API std::string to_string(const context& ctx);

// The root of all: never done, without values and deadline. Go: context.Background(), context.TODO(). `todo`
// is for a call that should be given a context and is not yet.
GORO_API context background() noexcept;
GORO_API context todo() noexcept;

// Cancels a context: it, and all below it, are done when the call returns, unless another call came first and
// is still at work. A second call does nothing. Default-made: does nothing. Letting go of it does not cancel.
//
// Waits    never. Functions of after_func get goroutines of their own; call-backs of stop tokens run here.
// Cost     some 100 ns, and about as much for each context below and each wait that it breaks.
class cancel_func {
 public:
  cancel_func() noexcept = default;
  GORO_API void operator()() const noexcept;

  explicit cancel_func(context ctx) noexcept : ctx_(std::move(ctx)) {}  // for the library

 private:
  context ctx_;
};

// The same with a reason, which cause() then gives; null: as if without.
class cancel_cause_func {
 public:
  cancel_cause_func() noexcept = default;
  GORO_API void operator()(std::exception_ptr cause) const noexcept;

  explicit cancel_cause_func(context ctx) noexcept : ctx_(std::move(ctx)) {}  // for the library

 private:
  context ctx_;
};

// A context that is done when its function is called or its parent is done. This and what follows:
//
// Throws   std::logic_error if the parent is empty; std::bad_alloc.
// Cost     one allocation. No goroutine; a timer only for a deadline of its own.
// Go       context.WithCancel, WithCancelCause
GORO_API std::pair<context, cancel_func> with_cancel(const context& parent);
GORO_API std::pair<context, cancel_cause_func> with_cancel_cause(const context& parent);

namespace detail {
GORO_API std::pair<context, cancel_func> with_deadline_ns(const context& parent, std::int64_t deadline,
                                                          std::exception_ptr cause);
}

// The same, and done at `deadline` at the latest, with errc::deadline_exceeded; at once if that has passed. A
// deadline that is not before the parent's adds nothing. One beyond the end of goro::clock does not come, and
// deadline() does not show it. A clock other than goro::clock is read once, here.
//
// Go       context.WithDeadline, WithTimeout
template <class Clock, class Duration>
std::pair<context, cancel_func> with_deadline(const context& parent,
                                              const std::chrono::time_point<Clock, Duration>& deadline) {
  return detail::with_deadline_ns(parent, detail::deadline_at(deadline), nullptr);
}
template <class Rep, class Period>
std::pair<context, cancel_func> with_timeout(const context& parent,
                                             const std::chrono::duration<Rep, Period>& timeout) {
  return detail::with_deadline_ns(parent, detail::deadline_after(timeout), nullptr);
}

// The same; `cause` is what cause() gives if it is this deadline that ends it.
// Go       context.WithDeadlineCause, WithTimeoutCause
template <class Clock, class Duration>
std::pair<context, cancel_func> with_deadline_cause(const context& parent,
                                                    const std::chrono::time_point<Clock, Duration>& deadline,
                                                    std::exception_ptr cause) {
  return detail::with_deadline_ns(parent, detail::deadline_at(deadline), std::move(cause));
}
template <class Rep, class Period>
std::pair<context, cancel_func> with_timeout_cause(const context& parent,
                                                   const std::chrono::duration<Rep, Period>& timeout,
                                                   std::exception_ptr cause) {
  return detail::with_deadline_ns(parent, detail::deadline_after(timeout), std::move(cause));
}

// A context that carries `value` under `key`, and is otherwise as its parent.
//
// Throws   also std::logic_error for a key that is used before its own initialisation, and what moving throws.
// Go       context.WithValue
template <class T>
context with_value(const context& parent, const context_key<T>& key, std::type_identity_t<T> value) {
  void (*const destroy)(void*) noexcept =
      std::is_trivially_destructible_v<T> ? nullptr : +[](void* at) noexcept { static_cast<T*>(at)->~T(); };
  const detail::value_place place = detail::begin_value(parent, key.id, sizeof(T), alignof(T), destroy);
  if constexpr (std::is_nothrow_move_constructible_v<T>) {
    ::new (place.storage) T(std::move(value));
  } else {
    try {
      ::new (place.storage) T(std::move(value));
    } catch (...) {
      detail::abort_value(place.node);
      throw;
    }
  }
  return context(detail::context_ref::adopt(place.node));
}

// A context that has its parent's values and nothing else of it: never done, without a deadline.
// Go       context.WithoutCancel
GORO_API context without_cancel(const context& parent);

// Takes back an after_func.
//
// Returns  true: it kept f from running. False: f has been started, or was taken back before.
// Waits    never, not for f either.
class stop_func {
 public:
  stop_func() noexcept = default;
  stop_func(const stop_func& other) noexcept : ctx_(other.ctx_), call_(other.call_) {
    if (call_ != nullptr) detail::share_after_call(call_);
  }
  stop_func(stop_func&& other) noexcept
      : ctx_(std::move(other.ctx_)), call_(std::exchange(other.call_, nullptr)) {}
  stop_func& operator=(stop_func other) noexcept {
    std::swap(ctx_, other.ctx_);
    std::swap(call_, other.call_);
    return *this;
  }
  ~stop_func() {
    if (call_ != nullptr) detail::drop_after_call(call_);
  }

  bool operator()() const noexcept { return call_ != nullptr && detail::stop_after_call(ctx_, call_); }

  stop_func(context ctx, detail::after_call* call) noexcept
      : ctx_(std::move(ctx)), call_(call) {}  // the library's

 private:
  context ctx_;
  detail::after_call* call_ = nullptr;
};

// Runs f once, in a goroutine of its own, after ctx is done; at once if it is done already. Letting go of the
// stop_func leaves f to run. Until it has run or been taken back it keeps a context alive that has a parent or
// a deadline; one that only its cancel functions can end goes with them, and f is then destroyed unrun. An
// exception out of f goes to the uncaught handler, and so does that of a goroutine that cannot be had.
//
// Throws   std::logic_error if ctx is empty; std::bad_alloc, or what moving f throws.
// Go       context.AfterFunc
template <class F>
stop_func after_func(const context& ctx, F f) {
  static_assert(std::is_invocable_v<F&>, "goro: after_func: f must be callable without arguments");
  detail::check_not_empty(f, "after_func");
  static constexpr detail::after_call_type type{
      sizeof(F), alignof(F), [](void* callable) { static_cast<void>((*static_cast<F*>(callable))()); },
      [](void* callable) noexcept { static_cast<F*>(callable)->~F(); }};
  detail::after_call* const call = detail::make_after_call(ctx, type);
  try {
    ::new (detail::after_call_storage(call)) F(std::move(f));
  } catch (...) {
    detail::discard_after_call(call);
    throw;
  }
  stop_func handle(ctx, call);
  detail::start_after_call(ctx, call);
  return handle;
}

// A token that is stopped when ctx is done: for code that knows std::stop_token and not goro. Always the same
// one. Its call-backs run in the goroutine or thread that cancels, after all contexts below are done. It is
// told as long as somebody holds ctx or a cancel function of it, or a context below; after that it is a token
// that cannot be stopped, as is that of a context that can never be done.
//
// Cost     the first call: one allocation.
GORO_API std::stop_token to_stop_token(const context& ctx);

// A context that is done when `token` is stopped or its parent is done. Cancelling happens in the thread that
// stops. No goroutine is made.
GORO_API context with_stop_token(const context& parent, std::stop_token token);

}  // namespace goro
