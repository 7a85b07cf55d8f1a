// SPDX-License-Identifier: MIT
// Waits until something that a lock guards has changed: a condition that is bound to its lock.
//
//   goro::mutex m;
//   goro::cond<goro::mutex> changed(m);
//   std::vector<int> jobs;                              // guarded by m
//   goro::go([&] { std::lock_guard hold(m); jobs.push_back(1); changed.notify_one(); });
//   std::lock_guard hold(m); changed.wait([&] { return !jobs.empty(); });
//
// Go's sync.Cond, with any lock that has lock() and unlock(): goro::mutex, std::mutex, a unique_lock. To wait
// without holding that lock is misuse. notify may be called with it or without, from any goroutine and thread.
//
// The lock is released once the caller is queued, is not held while it waits, and is held again when any wait
// returns or throws. A wait ends for a notification and for its own limit only: there are no spurious
// wake-ups. Yet another may have had the lock in between, so the forms with a predicate are the ones to use.
// Order: notify_one wakes who has waited longest. What happened before a notification is visible after the
// wait that it ends; what the lock orders, it orders here, too.
// A notification and a limit at the same moment: the wait was notified, or the notification went to another.
// Lifetime: a cond may be destroyed once all who wait have been notified, even before their waits return.
#pragma once

#include <concepts>
#include <cstdint>
#include <system_error>
#include <type_traits>

#include <goro/detail/notify_list.hpp>

namespace goro {

class context;

template <class L>
class cond {
 public:
  // `lock` must live as long as anybody waits here.
  explicit cond(L& lock) noexcept : lock_(lock) {}
  cond(const cond&) = delete;
  cond& operator=(const cond&) = delete;

  // Waits for a notification.
  //
  // Throws   what the lock throws. If unlock() does, nothing was waited for, and a notification that came
  //          meanwhile goes on to the next; if lock() does, the lock is not held, and the notification used.
  // Waits    without limit; a goroutine parks, a plain thread sleeps; shown as "cond" in a dump.
  // Cost     nothing is allocated.
  // Go       Cond.Wait
  void wait() { list_.wait(detail::user_lock(lock_), detail::never, nullptr); }

  // Waits until stop(), called with the lock held, is true.
  template <std::predicate Pred>
  void wait(Pred stop) {
    list_.wait_until(stop, detail::user_lock(lock_), detail::never);
  }

  // Waits for a notification, for at most so long. False: time was up, and no notification was used.
  // Throws   also std::bad_alloc, when the timer cannot be queued.
  template <class Rep, class Period>
  bool wait_for(const std::chrono::duration<Rep, Period>& d) {
    return wait_deadline(detail::deadline_after(d));
  }

  // Waits until stop() is true, for at most so long in all. Returns the last answer of stop().
  template <class Rep, class Period, std::predicate Pred>
  bool wait_for(const std::chrono::duration<Rep, Period>& d, Pred stop) {
    return list_.wait_until(stop, detail::user_lock(lock_), detail::deadline_after(d));
  }

  // The same two, until `at` on any clock; the clock is read once.
  template <class Clock, class Duration>
  bool wait_until(const std::chrono::time_point<Clock, Duration>& at) {
    return wait_deadline(detail::deadline_at(at));
  }
  template <class Clock, class Duration, std::predicate Pred>
  bool wait_until(const std::chrono::time_point<Clock, Duration>& at, Pred stop) {
    return list_.wait_until(stop, detail::user_lock(lock_), detail::deadline_at(at));
  }

  // Waits for a notification, until `ctx` is done.
  //
  // Returns  no error, or why it gave up; if ctx is done already it gives up at once, the lock held throughout.
  [[nodiscard]] std::error_code wait(const context& ctx) { return list_.wait(detail::user_lock(lock_), ctx); }

  // Waits until stop() is true, until `ctx` is done. No error: stop() was true at last.
  template <std::predicate Pred>
  [[nodiscard]] std::error_code wait(const context& ctx, Pred stop) {
    return list_.wait_until(stop, detail::user_lock(lock_), ctx);
  }

  // Wakes the one that has waited longest, if anybody waits.
  //
  // Cost     one load if nobody waits.
  // Threads  any, with the lock held or not; but what is waited for must be changed with it held.
  // Go       Cond.Signal
  void notify_one() noexcept { list_.notify_one(); }

  // Wakes all who wait now. Go       Cond.Broadcast
  void notify_all() noexcept { list_.notify_all(); }

 private:
  bool wait_deadline(std::int64_t deadline) {
    return list_.wait(detail::user_lock(lock_), deadline, nullptr) == detail::notify_list::ended::notified;
  }

  detail::notify_list list_;
  L& lock_;
};

}  // namespace goro
