// SPDX-License-Identifier: MIT
// Futures: the result of a goroutine, or of a call-back, that is waited for without holding up a thread.
//
//   goro::future<int> answer = goro::async([] { return compute(); });
//   goro::promise<std::string> line;                    // set from any thread: the bridge from call-backs
//   auto text = line.get_future();
//   read_async([line = std::move(line)](std::string s) mutable { line.set_value(std::move(s)); });
//   use(answer.get(), text.get());
//
// A future is move-only, and letting go of it does not wait. Misuse throws std::future_error, as in std: no
// state, value set twice, future fetched twice; a promise that is destroyed unset leaves broken_promise.
// Order: what happened before the value was set is visible after wait(), get() and a receive from done().
// Threads: one future or promise object is used by one caller at a time; the two ends by any two.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <new>
#include <system_error>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>

#include <goro/chan.hpp>
#include <goro/detail/canceller.hpp>
#include <goro/detail/duration.hpp>
#include <goro/detail/export.hpp>
#include <goro/detail/throw_site.hpp>
#include <goro/go.hpp>

namespace goro {

class context;
template <class R>
class promise;

namespace detail {

struct future_core;  // status, waiters, exception, the lazily made channel; room for the value behind it

enum class future_misuse : int { no_state, already_retrieved, already_satisfied };

// Throws the std::future_error; compiled, since <future> alone is 40,000 lines.
[[noreturn]] GORO_API void throw_future_error(future_misuse what);

// `destroy` ends the life of the value, if one was set; null: nothing to do. Two counts: both ends have one.
GORO_API future_core* make_future_core(std::size_t size, std::size_t align, void (*destroy)(void*) noexcept);
GORO_API void retrieve_future(future_core* core);          // counts the future in; throws already_retrieved
GORO_API void drop_future(future_core* core) noexcept;     // the future's end lets go
GORO_API void drop_promise(future_core* core) noexcept;    // the promise's end lets go; unset: broken_promise
GORO_API void* claim_future(future_core* core);            // where the value goes; throws already_satisfied
GORO_API void unclaim_future(future_core* core) noexcept;  // making the value threw
GORO_API void publish_future(future_core* core) noexcept;  // the value is there: wakes all
GORO_API void fail_future(future_core* core, std::exception_ptr error);  // throws already_satisfied
GORO_API void fail_async(future_core* core, std::exception_ptr error);   // … with what noting_throw has noted
GORO_API std::exception_ptr escaped_exception();  // in a handler: the exception, or on with a goexit
GORO_API bool future_ready(const future_core* core) noexcept;
GORO_API void wait_future(future_core* core);
GORO_API bool wait_future_ns(future_core* core, std::int64_t d);
GORO_API std::error_code wait_future(future_core* core, canceller* by);  // null: nobody can
GORO_API recv_chan<std::monostate> future_done(future_core* core);
GORO_API void* future_result(future_core* core);  // waits; the value, or throws the failure

// What is stored for an R, and how it gets in and out.
template <class R>
struct future_value {
  using stored = R;
  static R take(void* at) { return std::move(*static_cast<R*>(at)); }
  template <class... U>
  requires std::is_constructible_v<R, U...>
  static void put(void* at, U&&... from) { ::new (at) R(std::forward<U>(from)...); }
};
template <class R>
struct future_value<R&> {
  using stored = R*;
  static R& take(void* at) { return **static_cast<R**>(at); }
  static void put(void* at, R& object) { ::new (at) stored(std::addressof(object)); }
};
template <>
struct future_value<void> {
  using stored = std::monostate;
  static void take(void*) {}
  static void put(void*) {}
};

// For async: a failure with the place where it was thrown.
struct promise_core {
  template <class R>
  static future_core* of(const promise<R>& p) noexcept {
    return p.core_;
  }
};

template <class T>
void destroy_future_value(void* at) noexcept {
  static_cast<T*>(at)->~T();
}

}  // namespace detail

template <class R>
class [[nodiscard]] future {
 public:
  future() noexcept = default;
  future(future&& other) noexcept : core_(std::exchange(other.core_, nullptr)) {}
  future& operator=(future&& other) noexcept {
    future(std::move(other)).swap(*this);
    return *this;
  }
  ~future() {
    if (core_ != nullptr) detail::drop_future(core_);
  }

  // Whether it refers to a result: not default-made, not moved from, get() not called yet.
  bool valid() const noexcept { return core_ != nullptr; }

  // Whether get() would return at once. False if not valid.
  bool ready() const noexcept { return core_ != nullptr && detail::future_ready(core_); }

  // Waits for the result and takes it; the future is not valid afterwards.
  //
  // Throws   what the goroutine threw, or was given to set_exception; std::future_error: broken_promise, or
  //          no_state if the future is not valid.
  // Waits    without limit; shown as "future" in a dump.
  R get() {
    future own(std::move(*this));  // lets go of the result on each way out
    return detail::future_value<R>::take(detail::future_result(own.state()));
  }

  // Waits until the result is there, and leaves it there.
  void wait() const { detail::wait_future(state()); }

  // The same, for at most so long. False: it is not there yet.
  template <class Rep, class Period>
  bool wait_for(const std::chrono::duration<Rep, Period>& d) const {
    return detail::wait_future_ns(state(), detail::to_ns(d));
  }

  // The same, until `ctx` is done: no error, or why it gave up; at once if ctx is done already.
  [[nodiscard]] std::error_code wait(const context& ctx) const {
    return detail::wait_future(state(), detail::canceller_of(ctx));
  }

  // A channel that is closed when the result is there: for select. Made at the first call.
  recv_chan<std::monostate> done() const { return detail::future_done(state()); }

  void swap(future& other) noexcept { std::swap(core_, other.core_); }

 private:
  friend class promise<R>;

  explicit future(detail::future_core* core) noexcept : core_(core) {}
  detail::future_core* state() const {
    if (core_ == nullptr) detail::throw_future_error(detail::future_misuse::no_state);
    return core_;
  }

  detail::future_core* core_ = nullptr;
};

// The end at which the result is put in.
template <class R>
class promise {
  using stored = typename detail::future_value<R>::stored;

 public:
  // Cost     one allocation, with room for the value.
  promise()
      : core_(detail::make_future_core(
            sizeof(stored), alignof(stored),
            std::is_trivially_destructible_v<stored> ? nullptr : &detail::destroy_future_value<stored>)) {}
  promise(promise&& other) noexcept : core_(std::exchange(other.core_, nullptr)) {}
  promise& operator=(promise&& other) noexcept {
    promise(std::move(other)).swap(*this);
    return *this;
  }
  ~promise() {
    if (core_ != nullptr) detail::drop_promise(core_);
  }

  // The other end. Throws std::future_error: future_already_retrieved, no_state.
  future<R> get_future() {
    detail::retrieve_future(state());
    return future<R>(core_);
  }

  // Makes the value from `from` (nothing for void, an lvalue for a reference) and wakes all who wait.
  //
  // Throws   std::future_error: promise_already_satisfied, no_state. What making the value throws; then none
  //          is set, and it may be tried again.
  template <class... U>
  requires requires(void* at, U&&... from) { detail::future_value<R>::put(at, std::forward<U>(from)...); }
  void set_value(U&&... from) {
    detail::future_core* const core = state();
    void* const at = detail::claim_future(core);
    try {
      detail::future_value<R>::put(at, std::forward<U>(from)...);
    } catch (...) {
      detail::unclaim_future(core);
      throw;
    }
    detail::publish_future(core);
  }

  // Lets get() throw `error`. A report of it, if nobody catches it there, begins with the stack of this call.
  //
  // Throws   std::future_error: promise_already_satisfied, no_state.
  // Cost     unwinds the caller's stack: some microseconds, as a throw does; an allocation.
  void set_exception(std::exception_ptr error) { detail::fail_future(state(), std::move(error)); }

  void swap(promise& other) noexcept { std::swap(core_, other.core_); }

 private:
  friend struct detail::promise_core;

  detail::future_core* state() const {
    if (core_ == nullptr) detail::throw_future_error(detail::future_misuse::no_state);
    return core_;
  }

  detail::future_core* core_ = nullptr;
};

// Runs f(args...) in a goroutine and gives its result, or what it throws, to the future. If it ends by
// goexit() the future gets broken_promise. Function and arguments are destroyed before the result is there.
//
// Throws   what goro::go throws; std::bad_alloc.
// Cost     a goroutine and one allocation.
template <class F, class... Args>
[[gnu::always_inline]] inline auto async(F&& f, Args&&... args)
    -> future<std::invoke_result_t<std::decay_t<F>, std::decay_t<Args>...>> {
  using result = std::invoke_result_t<std::decay_t<F>, std::decay_t<Args>...>;
  detail::check_not_empty(f, "async");
  promise<result> ours;
  future<result> theirs = ours.get_future();
  goro::go([ours = std::move(ours), f = std::decay_t<F>(std::forward<F>(f)),
            args = std::tuple<std::decay_t<Args>...>(std::forward<Args>(args)...)]() mutable {
    std::exception_ptr failure;
    try {
      const auto run = [](std::decay_t<F> own, std::tuple<std::decay_t<Args>...> own_args) -> result {
        return std::apply(std::move(own), std::move(own_args));
      };
      detail::noting_throw([&] {
        if constexpr (std::is_void_v<result>) {
          run(std::move(f), std::move(args));
          ours.set_value();
        } else {
          ours.set_value(run(std::move(f), std::move(args)));
        }
      });
    } catch (...) {
      failure = detail::escaped_exception();
    }
    // Only now that the handler has let go of it: whoever gets the exception is then its only owner.
    if (failure) detail::fail_async(detail::promise_core::of(ours), std::move(failure));
  });
  return theirs;
}

}  // namespace goro
