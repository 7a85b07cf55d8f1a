// SPDX-License-Identifier: MIT
// Waits for a number of goroutines, or of anything else that is counted, to be done.
//
//   goro::wait_group group;
//   for (const url& u : urls) group.go([&u] { fetch(u); });
//   group.wait();                                       // all have ended
//
// Go's sync.WaitGroup. A wait_group may be a constant-initialised global; it can be used again once every
// wait has returned. All calls may be made from any goroutine and any thread at the same time, except that an
// add which takes the count from zero must happen before the wait, as in Go.
// Order: what happened before done() is visible after the wait() that it ends.
// Lifetime: once wait() has returned, and no other wait is under way, the group may be destroyed, even if the
// last done() has not returned yet. A debug build (without NDEBUG) ends the program with a report when a group is used
// after that, as long as its memory serves nothing else. With GORO_DEBUG=deadlock the program goes on, and it is also
// reported if a group is destroyed while goroutines that it counts run on.
#pragma once

#include <concepts>
#include <cstdint>
#include <system_error>
#include <tuple>
#include <type_traits>
#include <utility>

#include <goro/detail/canceller.hpp>
#include <goro/detail/duration.hpp>
#include <goro/detail/export.hpp>
#include <goro/detail/lock_watch.hpp>
#include <goro/detail/throw_site.hpp>
#include <goro/go.hpp>

namespace goro {

class context;

namespace detail {

struct waiter;

// A count and those who wait until it is zero: what wait_group and scope share. The protocol is argued in
// src/sync/countdown.cpp. Built-ins instead of std::atomic: that header alone is 24,000 lines.
class countdown {
 public:
  enum class ended { zero, timed_out, canceled };

  // A global's is a constant: nobody is told of that.
  constexpr countdown() noexcept {
    if (!std::is_constant_evaluated() && locks_are_watched) [[unlikely]]
      tell_made(this);
  }
  countdown(const countdown&) = delete;
  countdown& operator=(const countdown&) = delete;

  // One read-modify-write, and no more while nobody waits and zero is not passed.
  void add(int n) {
    const std::uint64_t after = __atomic_add_fetch(&word_, shifted(n), __ATOMIC_ACQ_REL);
    if (after != 0 && (static_cast<std::int64_t>(after) < 0 || (after & waiters_mask) != 0)) [[unlikely]]
      add_slow(n, after);
  }

  // `why` is a wait_reason; deadline and cancel (may be null) as in chan.
  ended wait(int why, std::int64_t deadline, canceller* cancel);

  // For destructors: whoever uses it after that is found by has_ended(), until there is something else. Nothing happens
  // to a static or thread_local, which goroutines that outlive main may use.
  GORO_API void end() noexcept;
  bool has_ended() const noexcept { return is_end(__atomic_load_n(&word_, __ATOMIC_RELAXED)); }
  [[noreturn, gnu::cold]] GORO_API void report_ended(const char* call) const noexcept;

  // Whether the count was zero and nobody was waiting, at some moment during the call.
  bool is_zero() const noexcept { return __atomic_load_n(&word_, __ATOMIC_ACQUIRE) == 0; }

 private:
  static constexpr std::uint64_t waiters_mask = 0xffff'ffff;
  // The end: more waiters than there can be, so that each add takes the slow path, and leaves it there.
  static constexpr std::uint64_t end_mark = 0xdead'60ff;
  static constexpr bool is_end(std::uint64_t word) noexcept { return (word & waiters_mask) == end_mark; }
  static constexpr std::uint64_t shifted(int n) noexcept {
    return static_cast<std::uint64_t>(static_cast<std::int64_t>(n)) << 32;
  }

  GORO_API void add_slow(int n, std::uint64_t after);
  void release() noexcept;
  bool leave(waiter& w) noexcept;

  std::uint64_t word_ = 0;   // high half: the count, signed; low half: how many wait
  waiter* first_ = nullptr;  // those who wait, under a lock that lies outside
  waiter* last_ = nullptr;
};

// Called in a handler of what escaped from a goroutine that `count` counts.
using escape_handler = void (*)(countdown& count);
GORO_API void report_escape(countdown& count);  // wait_group's: to the uncaught handler

// Starts a counted goroutine. The function and its arguments are moved to the new goroutine's own stack, so
// that they are gone before the count goes down: whoever waits may then destroy what they refer to.
template <class F, class... Args>
[[gnu::always_inline]] inline void go_counted(countdown& count, escape_handler escaped, const char* call,
                                              F&& f, Args&&... args) {
  check_not_empty(f, call);
  count.add(1);
  try {
    goro::go([&count, escaped, f = std::decay_t<F>(std::forward<F>(f)),
              args = std::tuple<std::decay_t<Args>...>(std::forward<Args>(args)...)]() mutable {
      struct at_end {
        countdown& count;
        explicit at_end(countdown& c) noexcept : count(c) {
          if (locks_are_watched) [[unlikely]]
            tell_counted(&count);
        }
        ~at_end() {
          if (locks_are_watched) [[unlikely]]
            tell_uncounted(&count);
          count.add(-1);
        }
      } const counted_until_here(count);
      try {
        const auto run = [](std::decay_t<F> own, std::tuple<std::decay_t<Args>...> own_args) {
          std::apply(std::move(own), std::move(own_args));
        };
        noting_throw([&] { run(std::move(f), std::move(args)); });
      } catch (...) {
        escaped(count);
      }
    });
  } catch (...) {
    count.add(-1);
    throw;
  }
}

}  // namespace detail

class wait_group {
 public:
  constexpr wait_group() noexcept = default;
  // Changes nothing of a global, so that it can be used until the process is gone. GORO_DEBUG=deadlock is told.
  constexpr ~wait_group() {
    if (std::is_constant_evaluated()) return;
    if (detail::locks_are_watched) [[unlikely]] {
      detail::tell_destroyed(&count_);
      return;
    }
#ifndef NDEBUG
    count_.end();
#endif
  }
  wait_group(const wait_group&) = delete;
  wait_group& operator=(const wait_group&) = delete;

  // Adds n, which may be negative, to the count; at zero, all who wait go on.
  //
  // Throws   std::logic_error, with the count as it was: the count would fall below zero ("negative"), or it
  //          rises from zero while somebody still waits for the zero before.
  // Cost     one atomic read-modify-write.
  // Go       WaitGroup.Add
  void add(int n = 1) {
    told("add");
    count_.add(n);
  }

  // One less: add(-1).
  void done() {
    told("done");
    count_.add(-1);
  }

  // Waits until the count is zero.
  //
  // Throws   std::logic_error if the group was used again before this wait had returned ("reused").
  // Waits    without limit; a goroutine parks, a plain thread sleeps.
  // Cost     nothing to wait for: one load. Else nothing is allocated.
  // Go       WaitGroup.Wait
  GORO_API void wait();

  // The same, for at most so long. False: time was up, and the count was not zero.
  template <class Rep, class Period>
  bool wait_for(const std::chrono::duration<Rep, Period>& d) {
    return wait_ns(detail::to_ns(d));
  }

  // The same, until `ctx` is done. Returns no error, or why it gave up; if ctx is done already it gives up at
  // once, whatever the count.
  [[nodiscard]] std::error_code wait(const context& ctx) { return wait_until(detail::canceller_of(ctx)); }

  // Counts one, and starts a goroutine that runs f(args...) and takes it off again at its end. Function and
  // arguments are destroyed before that. An exception that escapes reaches the uncaught handler before any
  // waiter goes on. May be called from inside such a goroutine.
  //
  // Throws   what goro::go throws; then nothing is counted.
  // Go       WaitGroup.Go
  template <class F, class... Args>
  requires std::invocable<std::decay_t<F>, std::decay_t<Args>...>
  [[gnu::always_inline]] void go(F&& f, Args&&... args) {
    told("go");
    detail::go_counted(count_, &detail::report_escape, "wait_group::go", std::forward<F>(f),
                       std::forward<Args>(args)...);
  }

 private:
  void told(const char* call) const noexcept {
    if (detail::locks_are_watched) [[unlikely]]
      detail::tell_used(&count_, call);
#ifndef NDEBUG
    // The slow paths of add and wait, in all builds, find it too, but do not know the call.
    if (count_.has_ended()) [[unlikely]]
      count_.report_ended(call);
#endif
  }
  GORO_API bool wait_ns(std::int64_t d);
  GORO_API std::error_code wait_until(detail::canceller* by);

  detail::countdown count_;
};

}  // namespace goro
