// SPDX-License-Identifier: MIT
// A lock that one goroutine or thread has at a time.
//
//   goro::mutex m;
//   int hits = 0;
//   goro::scope workers;
//   for (int i = 0; i != 10; ++i) workers.go([&] { std::lock_guard hold(m); ++hits; });
//   workers.wait();                                     // hits == 10
//
// Go's sync.Mutex, and C++'s TimedLockable: std::lock_guard, unique_lock, scoped_lock and
// condition_variable_any take it. Not recursive. It belongs to nobody: what one goroutine has locked another
// may unlock, and a goroutine may park while it holds the lock.
// Fair as in Go: who comes while the lock is free takes it, though others wait, because a running goroutine
// makes more of it than one that has to be woken; but once somebody has waited for 1 ms the lock is handed on
// in the order of arrival, until nobody waits that long any more.
// All calls may be made from any goroutine and any thread at the same time.
// Order: what happened before unlock() is visible after the lock that follows.
// Lifetime: a constant-initialised global, or anything else. Who got the lock and knows that nobody else
// wants it may unlock and destroy it, even if the unlock before has not returned yet.
#pragma once

#include <cstdint>
#include <system_error>
#include <type_traits>

#include <goro/detail/canceller.hpp>
#include <goro/detail/duration.hpp>
#include <goro/detail/export.hpp>
#include <goro/detail/lock_watch.hpp>

namespace goro {

class context;
class mutex;

namespace detail {

struct waiter;

// lock(ctx) with the context's canceller (null: cannot be done).
GORO_API std::error_code lock_unless_cancelled(mutex& m, canceller* by);

}  // namespace detail

class mutex {
 public:
  constexpr mutex() noexcept = default;
  mutex(const mutex&) = delete;
  mutex& operator=(const mutex&) = delete;

  // Takes the lock; waits while somebody has it.
  //
  // Waits    without limit; a goroutine parks ("mutex" in a dump), a plain thread sleeps. On more than one P
  //          it first spins for a few microseconds, if nothing else could run in its place.
  // Cost     free: one atomic read-modify-write. Else nothing is allocated.
  // Go       Mutex.Lock
  void lock() {
    if (!take_unused()) [[unlikely]] {
      lock_slow();
    } else if (detail::locks_are_watched) [[unlikely]] {  // asked behind the locked instruction, which waits for loads
      tell_got(false);
    }
  }

  // Takes the lock if nobody has it. Never fails for another reason.
  //
  // Go       Mutex.TryLock
  bool try_lock() {
    if (!take_unused()) return false;
    if (detail::locks_are_watched) [[unlikely]]
      tell_got(true);
    return true;
  }

  // Gives the lock back, to be taken by anybody.
  //
  // Throws   std::logic_error ("unlock"): it is not locked. Nothing has changed then.
  // Waits    never; but a goroutine yields after it has handed the lock on, so that the one that got it runs first,
  //          and while one that it woke has not come for more than a millisecond.
  // Cost     nobody waits: one atomic read-modify-write.
  // Go       Mutex.Unlock
  void unlock() {
    std::uint32_t expected = locked;
    if (detail::locks_are_watched ||
        !__atomic_compare_exchange_n(&word_, &expected, 0, false, __ATOMIC_RELEASE, __ATOMIC_RELAXED))
        [[unlikely]]
      unlock_slow();
  }

  // lock() for at most so long. False: time was up, and the lock is not the caller's.
  template <class Rep, class Period>
  bool try_lock_for(const std::chrono::duration<Rep, Period>& d) {
    return try_lock() || lock_within(detail::to_ns(d));
  }

  // lock() until `Clock` shows `at`, at most. False: time was up, and the lock is not the caller's.
  template <class Clock, class Duration>
  bool try_lock_until(const std::chrono::time_point<Clock, Duration>& at) {
    return try_lock() || lock_before(detail::deadline_at(at));
  }

  // lock() until `ctx` is done. Returns no error: the lock is the caller's; else why it gave up. If ctx is done
  // already it gives up at once, even if the lock is free.
  [[nodiscard]] std::error_code lock(const context& ctx) {
    return detail::lock_unless_cancelled(*this, detail::canceller_of(ctx));
  }

 private:
  friend GORO_API std::error_code detail::lock_unless_cancelled(mutex& m, detail::canceller* by);
  struct queued;
  enum class outcome : unsigned char { locked, timed_out, canceled };

  // The bits of the word; the protocol is argued in src/sync/mutex.cpp.
  static constexpr std::uint32_t locked = 1;
  static constexpr std::uint32_t waiting = 2;   // the list is not empty
  static constexpr std::uint32_t woken = 4;     // one of those who waited is on its way
  static constexpr std::uint32_t starving = 8;  // unlock hands over
  static constexpr std::uint32_t tag = ~15u;    // whose lock this is for who watches locks; else 0

  // If it is free, whoever else may be on its way. What it sets is set already if it is not.
  bool take_unused() noexcept { return (__atomic_fetch_or(&word_, locked, __ATOMIC_ACQUIRE) & locked) == 0; }
  GORO_API void lock_slow();
  GORO_API void tell_got(bool limited) noexcept;
  GORO_API void unlock_slow();
  GORO_API bool lock_within(std::int64_t d);
  GORO_API bool lock_before(std::int64_t deadline);

  bool take_free(std::uint32_t and_clear) noexcept;
  outcome wait_for_it(std::int64_t deadline, detail::canceller* cancel);
  outcome compete(std::int64_t deadline, detail::canceller* cancel);
  bool enqueue(queued& self, bool was_woken) noexcept;
  void leave(queued& self) noexcept;
  queued* take_first() noexcept;
  bool pass_on() noexcept;

  std::uint32_t word_ = 0;
  std::uint32_t woken_since_ = 0;    // with `woken`: since when that one has waited, in microseconds or so
  detail::waiter* first_ = nullptr;  // those who wait, under a lock that lies outside
  detail::waiter* last_ = nullptr;
};

static_assert(std::is_trivially_destructible_v<mutex>);

}  // namespace goro
