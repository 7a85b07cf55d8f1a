// SPDX-License-Identifier: MIT
// Structured goroutines: a block that is left only when the goroutines started in it have ended, so that they
// may refer to what lives around it.
//
//   int a = 0, b = 0;
//   goro::scope both;
//   both.go([&a] { a = left(); });
//   both.go([&b] { b = right(); });
//   both.wait();                                        // rethrows the first failure
//
// A failure does not stop the siblings; use a context, or an errgroup, for that. A goroutine that ends by
// goexit() counts as ended. The scope can be used again after wait(). Go has no counterpart in the language;
// x/sync/errgroup comes near.
// Order: all that the goroutines did is visible after wait().
#pragma once

#include <concepts>
#include <cstdint>
#include <exception>
#include <type_traits>
#include <utility>

#include <goro/wait_group.hpp>

namespace goro {

namespace detail {

// First, so that the count's address is the scope's: what an escape_handler gets.
struct scope_state {
  countdown count;
  std::uint32_t failed = 0;  // atomic; 1: somebody has taken the place of the first failure
  std::exception_ptr first;  // this and `thrown` written by that goroutine before it is counted off
  throw_site* thrown = nullptr;  // null: not known
};
GORO_API void keep_escape(countdown& count);

}  // namespace detail

class scope {
 public:
  scope() noexcept = default;
  scope(const scope&) = delete;
  scope& operator=(const scope&) = delete;

  // Waits. A failure that no wait() has collected goes to the uncaught handler.
  GORO_API ~scope();

  // Runs f(args...) in a goroutine that the scope waits for. Function and arguments are copied or moved in,
  // and destroyed before the goroutine counts as ended. May be called from inside such a goroutine.
  //
  // Throws   what goro::go throws; the scope is then as before.
  template <class F, class... Args>
  requires std::invocable<std::decay_t<F>, std::decay_t<Args>...>
  [[gnu::always_inline]] void go(F&& f, Args&&... args) {
    detail::go_counted(state_.count, &detail::keep_escape, "scope::go", std::forward<F>(f),
                       std::forward<Args>(args)...);
  }

  // Waits until all goroutines of the scope have ended.
  //
  // Throws   the first exception that escaped from one of them; the others are dropped.
  // Waits    without limit; shown as "scope" in a dump.
  GORO_API void wait();

 private:
  detail::scope_state state_;
};

}  // namespace goro
