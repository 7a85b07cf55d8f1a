// SPDX-License-Identifier: MIT
// Time: sleeping, timers and tickers on channels, and functions that run later.
//
//   goro::sleep_for(10ms);
//   goro::ticker beat(1s);
//   goro::timer enough(1min);
//   for (bool go_on = true; go_on;)
//     goro::select(goro::recv(beat.c(), [] { report(); }), goro::recv(enough.c(), [&] { go_on = false; }));
//
// Meanings are Go's since 1.23: after stop() or reset() returns, no tick of the old time can be received; a
// timer that nobody holds is freed, fired or not; a timer's channel is unbuffered to the eye (len and cap are
// 0). A value received is the time that was waited for, however late it is taken.
//
// Nothing ticks while nobody looks: the timer of a channel is armed only while somebody waits on the channel;
// otherwise whether it has expired is computed at the next look. So reset() and stop() of a timer that nobody
// waits on cost a clock reading and a lock.
//
// Times are of goro::clock; durations of any std::chrono kind are rounded up to nanoseconds, and those too
// long to add up never end. Everything may be called from any goroutine and any thread, on one timer at the
// same time too, except moving from it and destroying it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <new>
#include <system_error>
#include <type_traits>
#include <utility>

#include <goro/chan.hpp>
#include <goro/clock.hpp>
#include <goro/detail/canceller.hpp>
#include <goro/detail/duration.hpp>
#include <goro/detail/export.hpp>

namespace goro {

class context;

namespace detail {

struct timer_call;  // a function that runs later: the timer, then the callable, in one block

struct timer_call_type {
  std::size_t size;
  std::size_t align;
  void (*run)(void* callable);
  void (*destroy)(void* callable) noexcept;
};

GORO_API void sleep_ns(std::int64_t d);
GORO_API void sleep_until_ns(std::int64_t when);
GORO_API std::error_code sleep_ns(std::int64_t d, canceller* by);  // null: nobody can
GORO_API recv_chan<time_point> after_ns(std::int64_t d);
GORO_API timer_call* make_timer_call(const timer_call_type& type);  // not armed
GORO_API void* timer_call_storage(timer_call* call) noexcept;       // where the callable goes
GORO_API void start_timer_call(timer_call* call, std::int64_t d);   // type.run may be called from now on
GORO_API void discard_timer_call(timer_call* call) noexcept;        // never started, callable not made

}  // namespace detail

// Parks for at least `d`. Zero or less: lets others run, then goes on; it is never seen waiting.
//
// Throws   std::bad_alloc when the timer cannot be queued.
// Cost     nothing is allocated: the timer lies on the sleeper's stack.
// Go       time.Sleep
template <class Rep, class Period>
void sleep_for(const std::chrono::duration<Rep, Period>& d) {
  detail::sleep_ns(detail::to_ns(d));
}

// The same, ended early when `ctx` is done.
//
// Returns  no error: it slept to the end. Else why not; at once if ctx is done already, even for d <= 0.
// Go       select { case <-time.After(d): case <-ctx.Done(): }
template <class Rep, class Period>
[[nodiscard]] std::error_code sleep_for(const std::chrono::duration<Rep, Period>& d, const context& ctx) {
  return detail::sleep_ns(detail::to_ns(d), detail::canceller_of(ctx));
}

// Parks until `at` at least. A clock other than goro::clock is read once, when the sleep begins.
template <class Clock, class Duration>
void sleep_until(const std::chrono::time_point<Clock, Duration>& at) {
  detail::sleep_until_ns(detail::deadline_at(at));
}

// A channel that gives the time once, `d` from now. It is freed when nobody holds it, fired or not, so it may
// be made anew for each select.
//
// Go       time.After
template <class Rep, class Period>
[[nodiscard]] recv_chan<time_point> after(const std::chrono::duration<Rep, Period>& d) {
  return detail::after_ns(detail::to_ns(d));
}

// One event in the future: a value on c(), or a function that runs (after_func). Destroying it stops a timer
// with a channel, which then stays silent; a function still runs. One that was moved from can only be
// assigned to or destroyed: anything else throws std::logic_error.
class timer {
 public:
  // Expires `d` from now; at once if that is zero or less.
  template <class Rep, class Period>
  explicit timer(const std::chrono::duration<Rep, Period>& d)
      : channel_(detail::after_ns(detail::to_ns(d))) {}
  timer(timer&& other) noexcept
      : channel_(std::exchange(other.channel_, {})), call_(std::exchange(other.call_, nullptr)) {}
  GORO_API timer& operator=(timer&& other) noexcept;
  ~timer() { let_go(); }

  // The channel that gives the time of expiry; nil for a timer of after_func.
  recv_chan<time_point> c() const {
    check("goro: timer::c: the timer was moved from; use the one it was moved to");
    return channel_;
  }

  // Keeps the timer from expiring.
  //
  // Returns  true: it was to expire, or had expired and nobody had received the value; the value is gone.
  //          False: expired and received, stopped before, or its function has been started.
  // Go       Timer.Stop
  GORO_API bool stop();

  // Lets it expire `d` from now instead, whether it was running or not.
  //
  // Returns  what stop() would have returned.
  // Throws   std::bad_alloc when the timer cannot be queued; then it is stopped.
  // Cost     running: the clock, a lock, and for a function its place in the heap; nothing is allocated.
  // Go       Timer.Reset
  template <class Rep, class Period>
  bool reset(const std::chrono::duration<Rep, Period>& d) {
    return reset_ns(detail::to_ns(d));
  }

 private:
  template <class Rep, class Period, class F>
  friend timer after_func(const std::chrono::duration<Rep, Period>& d, F f);

  explicit timer(detail::timer_call* call) noexcept : call_(call) {}
  GORO_API bool reset_ns(std::int64_t d);
  GORO_API void let_go() noexcept;
  GORO_API void check(const char* text) const;  // throws std::logic_error(text) if moved from

  recv_chan<time_point> channel_;
  detail::timer_call* call_ = nullptr;
};

// An event each period. It does not queue: who comes late finds one tick, and then the rhythm as before.
// Destroying it stops it. Moved from: as timer.
class ticker {
 public:
  // The first tick comes one period from now.
  //
  // Throws   std::invalid_argument if the period is zero or less.
  template <class Rep, class Period>
  explicit ticker(const std::chrono::duration<Rep, Period>& period) : ticker(tag{}, detail::to_ns(period)) {}
  ticker(ticker&& other) noexcept : channel_(std::exchange(other.channel_, {})) {}
  GORO_API ticker& operator=(ticker&& other) noexcept;
  ~ticker() { let_go(); }

  // The channel that gives the times. It is not closed by stop().
  recv_chan<time_point> c() const {
    check("goro: ticker::c: the ticker was moved from; use the one it was moved to");
    return channel_;
  }

  // No further ticks, until reset.
  GORO_API void stop();

  // A new period, which begins now.
  //
  // Throws   std::invalid_argument if it is zero or less; then the ticker goes on as before.
  template <class Rep, class Period>
  void reset(const std::chrono::duration<Rep, Period>& period) {
    reset_ns(detail::to_ns(period));
  }

 private:
  struct tag {};
  GORO_API ticker(tag, std::int64_t period);
  GORO_API void reset_ns(std::int64_t period);
  GORO_API void let_go() noexcept;
  GORO_API void check(const char* text) const;

  recv_chan<time_point> channel_;
};

// Runs f in a goroutine of its own, `d` from now. Letting go of the timer that it returns does not stop it.
//
// reset() lets f run (again); it may then run while an earlier run is still going on, so f is called through
// one object that the runs share. An exception out of f goes to the uncaught handler. If no goroutine can be
// had when the time comes, that exception goes to the uncaught handler, and if the handler returns, the
// function is tried again 10 ms later.
//
// Throws   std::bad_alloc, or what copying f throws.
// Go       time.AfterFunc
template <class Rep, class Period, class F>
timer after_func(const std::chrono::duration<Rep, Period>& d, F f) {
  static_assert(std::is_invocable_v<F&>, "goro: after_func: f must be callable without arguments");
  static constexpr detail::timer_call_type type{
      sizeof(F), alignof(F), [](void* callable) { static_cast<void>((*static_cast<F*>(callable))()); },
      [](void* callable) noexcept { static_cast<F*>(callable)->~F(); }};
  detail::timer_call* const call = detail::make_timer_call(type);
  try {
    ::new (detail::timer_call_storage(call)) F(std::move(f));
  } catch (...) {
    detail::discard_timer_call(call);
    throw;
  }
  timer handle(call);
  detail::start_timer_call(call, detail::to_ns(d));
  return handle;
}

}  // namespace goro
