// SPDX-License-Identifier: MIT
// std::condition_variable's interface, with any lock, for goroutines and threads alike.
//
//   goro::mutex m;
//   goro::condition_variable changed;                   // may be a constant-initialised global
//   bool open = false;                                  // guarded by m
//   goro::go([&] { { std::lock_guard hold(m); open = true; } changed.notify_all(); });
//   std::unique_lock hold(m); changed.wait(hold, [&] { return open; });
//
// A lock is whatever has lock() and unlock(), as for std::condition_variable_any; waits at one time may use
// several. To wait without holding it is misuse. notify may be called with it or without. goro::cond, Go's
// sync.Cond, is the same bound to one lock.
//
// The lock is released once the caller is queued, is not held while it waits, and is held again when any wait
// returns or throws. A wait ends for a notification and for its own limit only: there are no spurious
// wake-ups. Yet another may have had the lock in between, so the forms with a predicate are the ones to use.
// Order: notify_one wakes who has waited longest. What happened before a notification is visible after the
// wait that it ends; what the lock orders, it orders here, too.
// A notification and a limit at the same moment: the wait was notified, or the notification went to another.
// Lifetime: it may be destroyed once all who wait have been notified, even before their waits return.
#pragma once

#include <concepts>
#include <condition_variable>  // std::cv_status is nowhere else
#include <cstdint>
#include <system_error>
#include <type_traits>

#include <goro/detail/notify_list.hpp>

namespace goro {

class context;

class condition_variable {
 public:
  constexpr condition_variable() noexcept = default;
  condition_variable(const condition_variable&) = delete;
  condition_variable& operator=(const condition_variable&) = delete;

  // Wakes the one that has waited longest, if anybody waits.
  //
  // Cost     one load if nobody waits.
  // Threads  any, with the lock held or not; but what is waited for must be changed with it held.
  // Go       Cond.Signal
  void notify_one() noexcept { list_.notify_one(); }

  // Wakes all who wait now. Go       Cond.Broadcast
  void notify_all() noexcept { list_.notify_all(); }

  // Waits for a notification.
  //
  // Throws   what the lock throws. If unlock() does, nothing was waited for, and a notification that came
  //          meanwhile goes on to the next; if lock() does, the lock is not held, and the notification used
  //          (std ends the program then).
  // Waits    without limit; a goroutine parks, a plain thread sleeps; shown as "cond" in a dump.
  // Cost     nothing is allocated.
  // Go       Cond.Wait
  template <detail::unlockable L>
  void wait(L& lock) {
    list_.wait(detail::user_lock(lock), detail::never, nullptr);
  }

  // Waits until stop(), called with the lock held, is true.
  template <detail::unlockable L, std::predicate Pred>
  void wait(L& lock, Pred stop) {
    list_.wait_until(stop, detail::user_lock(lock), detail::never);
  }

  // Waits for a notification, for at most so long. timeout: no notification was used.
  // Throws   also std::bad_alloc, when the timer cannot be queued.
  template <detail::unlockable L, class Rep, class Period>
  std::cv_status wait_for(L& lock, const std::chrono::duration<Rep, Period>& d) {
    return wait_deadline(detail::user_lock(lock), detail::deadline_after(d));
  }

  // Waits until stop() is true, for at most so long in all. Returns the last answer of stop().
  template <detail::unlockable L, class Rep, class Period, std::predicate Pred>
  bool wait_for(L& lock, const std::chrono::duration<Rep, Period>& d, Pred stop) {
    return list_.wait_until(stop, detail::user_lock(lock), detail::deadline_after(d));
  }

  // The same two, until `at` on any clock; the clock is read once.
  template <detail::unlockable L, class Clock, class Duration>
  std::cv_status wait_until(L& lock, const std::chrono::time_point<Clock, Duration>& at) {
    return wait_deadline(detail::user_lock(lock), detail::deadline_at(at));
  }
  template <detail::unlockable L, class Clock, class Duration, std::predicate Pred>
  bool wait_until(L& lock, const std::chrono::time_point<Clock, Duration>& at, Pred stop) {
    return list_.wait_until(stop, detail::user_lock(lock), detail::deadline_at(at));
  }

  // Waits for a notification, until `ctx` is done.
  //
  // Returns  no error, or why it gave up; if ctx is done already it gives up at once, the lock held throughout.
  template <detail::unlockable L>
  [[nodiscard]] std::error_code wait(L& lock, const context& ctx) {
    return list_.wait(detail::user_lock(lock), ctx);
  }

  // Waits until stop() is true, until `ctx` is done. No error: stop() was true at last.
  template <detail::unlockable L, std::predicate Pred>
  [[nodiscard]] std::error_code wait(L& lock, const context& ctx, Pred stop) {
    return list_.wait_until(stop, detail::user_lock(lock), ctx);
  }

 private:
  std::cv_status wait_deadline(detail::user_lock lock, std::int64_t deadline) {
    return list_.wait(lock, deadline, nullptr) == detail::notify_list::ended::notified
               ? std::cv_status::no_timeout
               : std::cv_status::timeout;
  }

  detail::notify_list list_;
};

static_assert(std::is_trivially_destructible_v<condition_variable>);

}  // namespace goro
