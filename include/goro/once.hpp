// SPDX-License-Identifier: MIT
// Runs a function exactly once, however many ask for it; all of them go on when it has finished.
//
//   constinit goro::once ready;                         // may be a constant-initialised global
//   ready.call([] { load_tables(); });                  // each caller: once this returns, they are loaded
//   auto config = goro::once_value([] { return read_config(); });
//   use(config());                                      // read at the first call, kept
//   auto [a, b] = goro::once_value([] { return std::pair(1, "one"); })();   // Go's OnceValues
//
// Go's sync.Once, OnceFunc and OnceValue. All calls may be made from any goroutine and any thread at the same
// time; who comes while the function runs waits for its end.
// Order: what the function did is visible after each call that returns.
// Lifetime: a once may be destroyed as soon as all calls have returned. It needs no destructor.
#pragma once

#include <concepts>
#include <cstdint>
#include <exception>
#include <new>
#include <system_error>
#include <type_traits>
#include <utility>

#include <goro/detail/canceller.hpp>
#include <goro/detail/closure.hpp>
#include <goro/detail/duration.hpp>
#include <goro/detail/export.hpp>

namespace goro {

namespace detail {

struct waiter;

// In a handler: the exception, or on with a goexit.
GORO_API std::exception_ptr escaped_exception();

}  // namespace detail

// The protocol is argued in src/sync/once.cpp.
class once {
 public:
  constexpr once() noexcept = default;
  once(const once&) = delete;
  once& operator=(const once&) = delete;

  // Calls f() if this is the first call; else waits until the first call's function has ended.
  //
  // Throws   what f throws, to the first caller only: that counts as done, as in Go, and so does an f that ends
  //          by goexit(). std::logic_error if f itself comes here again (Go hangs then); std::invalid_argument
  //          for an empty std::function; neither of these counts as done by itself.
  // Waits    while another's f runs; shown as "once" in a dump.
  // Cost     done: one load. Nothing is allocated.
  // Go       Once.Do
  template <std::invocable F>
  void call(F&& f) {
    if (is_done()) [[likely]]
      return;
    detail::check_not_empty(f, "once::call");
    if (begin(detail::never, nullptr) == outcome::first) run(std::forward<F>(f));
  }

  // The same, but waits for another's f for at most so long, or until then. False: time was up, and it still runs.
  // f itself, if this is the first call, takes the time that it takes.
  //
  // Throws   also std::bad_alloc, if the timer cannot be queued.
  template <class Rep, class Period, std::invocable F>
  bool call_for(const std::chrono::duration<Rep, Period>& d, F&& f) {
    return call_by(detail::deadline_after(d), std::forward<F>(f));
  }
  template <class Clock, class Duration, std::invocable F>
  bool call_until(const std::chrono::time_point<Clock, Duration>& at, F&& f) {
    return call_by(detail::deadline_at(at), std::forward<F>(f));
  }

  // The same, but waits for another's f until `ctx` is done. Returns no error: f has run; or why it gave up. If ctx is
  // done already it gives up at once, and f is not called.
  template <std::invocable F>
  [[nodiscard]] std::error_code call(const context& ctx, F&& f) {
    detail::check_not_empty(f, "once::call");
    detail::canceller* const by = detail::canceller_of(ctx);
    const outcome how = begin(detail::never, by);
    if (how == outcome::gave_up) return reason_of(*by);
    if (how == outcome::first) run(std::forward<F>(f));
    return {};
  }

 private:
  enum class outcome : std::uint8_t { first, done, gave_up };

  template <class F>
  bool call_by(std::int64_t deadline, F&& f) {
    if (is_done()) return true;
    detail::check_not_empty(f, "once::call_for");
    const outcome how = begin(deadline, nullptr);
    if (how == outcome::first) run(std::forward<F>(f));
    return how != outcome::gave_up;
  }
  template <class F>
  void run(F&& f) {
    struct at_end {  // also on the way out of an exception, or of goexit
      once& of;
      ~at_end() { of.end(); }
    } const ends{*this};
    std::forward<F>(f)();
  }

  static constexpr std::uint8_t fresh = 0;
  static constexpr std::uint8_t running = 1;
  static constexpr std::uint8_t done = 2;

  bool is_done() const noexcept { return __atomic_load_n(&state_, __ATOMIC_ACQUIRE) == done; }  // P1
  GORO_API outcome begin(std::int64_t deadline, detail::canceller* by);  // first: the caller is to run f
  GORO_API static std::error_code reason_of(const detail::canceller& by) noexcept;
  GORO_API void end() noexcept;

  std::uint8_t state_ = fresh;    // atomic
  const void* runner_ = nullptr;  // these under a lock that lies outside
  detail::waiter* first_ = nullptr;
  detail::waiter* last_ = nullptr;
};

static_assert(std::is_trivially_destructible_v<once>);

namespace detail {

enum class once_outcome : std::uint8_t { none, value, failed };

// What the copies of a once_function share.
struct once_block {
  once_block(void (*run_f)(once_block&), void (*destroy_block)(once_block*) noexcept) noexcept
      : run(run_f), destroy(destroy_block) {}

  once gate;
  std::uint32_t holders = 1;                  // atomic
  once_outcome outcome = once_outcome::none;  // written by run, inside the gate, as is all below
  void* result = nullptr;                     // what the function returned, or that refers to
  std::exception_ptr error;
  void (*const run)(once_block&);  // calls f, destroys it, keeps what came out
  void (*const destroy)(once_block*) noexcept;
};

// Rethrows what the first call threw, or says that it ended by goexit.
[[noreturn]] GORO_API void throw_once_failure(const once_block& block);

template <class F>
struct once_block_of : once_block {
  using returned = std::invoke_result_t<F>;
  static constexpr bool keeps = std::is_object_v<returned>;
  using kept = std::conditional_t<keeps, std::remove_cv_t<returned>, char>;

  explicit once_block_of(F&& from) : once_block(&run_it, &destroy_it), f(std::move(from)) {}
  ~once_block_of() {
    if (!called) f.~F();
    if constexpr (keeps) {
      if (outcome == once_outcome::value) value.~kept();
    }
  }

  static void run_it(once_block& block) {
    auto& self = static_cast<once_block_of&>(block);
    self.called = true;
    try {
      const struct at_end {
        F& f;
        ~at_end() { f.~F(); }
      } gone{self.f};
      if constexpr (keeps) {
        ::new (static_cast<void*>(&self.value)) kept(std::move(self.f)());
        self.result = &self.value;
      } else if constexpr (std::is_reference_v<returned>) {
        self.result =
            const_cast<void*>(static_cast<const volatile void*>(std::addressof(std::move(self.f)())));
      } else {
        std::move(self.f)();
      }
      self.outcome = once_outcome::value;
    } catch (...) {
      self.error = escaped_exception();
      self.outcome = once_outcome::failed;
    }
  }
  static void destroy_it(once_block* block) noexcept { delete static_cast<once_block_of*>(block); }

  bool called = false;
  union {
    F f;  // until called
  };
  union {
    kept value;  // if that is the outcome
  };
};

// A copyable callable; copies share the function and its result. R is void or a reference.
template <class R>
class once_function {
 public:
  // Takes over the block's count.
  explicit once_function(once_block* block) noexcept : block_(block) {}
  once_function(const once_function& other) noexcept : block_(other.block_) {  // a move copies: never empty
    __atomic_fetch_add(&block_->holders, 1u, __ATOMIC_RELAXED);
  }
  once_function& operator=(const once_function& other) noexcept {
    once_function copy(other);
    std::swap(block_, copy.block_);
    return *this;
  }
  ~once_function() {
    if (__atomic_fetch_sub(&block_->holders, 1u, __ATOMIC_ACQ_REL) == 1u) block_->destroy(block_);
  }

  R operator()() const {
    once_block& block = *block_;
    block.gate.call([&block] { block.run(block); });
    if (block.outcome != once_outcome::value) [[unlikely]]
      throw_once_failure(block);
    if constexpr (!std::is_void_v<R>) return *static_cast<std::add_pointer_t<R>>(block.result);
  }

 private:
  once_block* block_;
};

}  // namespace detail

// A copyable callable that calls f at its first call, and does nothing at later ones. The copies count as one.
// f, and what it captures, is destroyed right after the first call, before others that wait for it go on.
//
// Throws   here: std::bad_alloc, std::invalid_argument for an empty std::function, what moving f throws. Each
//          call: the exception that f threw at the first one, the same object each time, so that a debugger's
//          catchpoint and what the exception carries show its origin. std::logic_error, if f ended by
//          goexit() or calls this itself.
// Waits    a call waits while another's f runs; shown as "once" in a dump.
// Cost     one allocation here. Done: two loads, nothing is allocated.
// Go       sync.OnceFunc
template <class F>
requires std::invocable<F> && std::is_void_v<std::invoke_result_t<F>>
auto once_func(F f) -> detail::once_function<void> {
  detail::check_not_empty(f, "once_func");
  return detail::once_function<void>(new detail::once_block_of<F>(std::move(f)));
}

// The same with a result, which is kept as long as a copy of the callable lives. Each call returns a reference
// to it, or what f itself refers to. For several results return a pair or a tuple (Go's OnceValues).
//
// Go       sync.OnceValue, OnceValues
template <class F>
requires std::invocable<F> &&(std::is_object_v<std::invoke_result_t<F>> ||
                              std::is_lvalue_reference_v<std::invoke_result_t<F>>)auto once_value(F f)
    -> detail::once_function<const std::invoke_result_t<F>&> {
  detail::check_not_empty(f, "once_value");
  return detail::once_function<const std::invoke_result_t<F>&>(new detail::once_block_of<F>(std::move(f)));
}

}  // namespace goro
