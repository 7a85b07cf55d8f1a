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
// wants it may unlock and destroy it, even if the unlock before has not returned yet. A call at memory that holds what
// no mutex does (it was destroyed, overwritten, copied as bytes) ends the program with a report, as far as that is seen.
#pragma once

#include <cstddef>
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
struct mutex_peek;  // the tests' way in

// Who waits for a holder that may free its lock by a store, counted by address: src/sync/mutex_seekers.hpp.
inline constexpr std::size_t mutex_seekers_count = 256;
extern GORO_API std::uint32_t mutex_seekers[mutex_seekers_count];
inline std::size_t mutex_seekers_entry(const void* mutex) noexcept {
  return (reinterpret_cast<std::uintptr_t>(mutex) >> 5) % mutex_seekers_count;
}

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
    if (const std::uint32_t before = put_locked(); before != free_now) [[unlikely]] {
      lock_slow(before);
    } else if (detail::locks_are_watched) [[unlikely]] {  // asked behind the locked instruction, which waits for loads
      tell_got(false);
    }
  }

  // Takes the lock if nobody has it. Never fails for another reason.
  //
  // Go       Mutex.TryLock
  bool try_lock() {
    if (const std::uint32_t before = put_locked(); before != free_now) {
      if (before != locked_now) [[unlikely]]
        detail::not_a_lock(this, "mutex", "try_lock");
      return false;
    }
    if (detail::locks_are_watched) [[unlikely]]
      tell_got(true);
    return true;
  }

  // Gives the lock back, to be taken by anybody.
  //
  // Throws   std::logic_error ("unlock"): it is not locked. Nothing has changed then.
  // Waits    never; but a goroutine yields after it has handed the lock on, so that the one that got it runs first,
  //          and while one that it woke has not come for more than a millisecond.
  // Cost     nobody has waited lately: one atomic store, and no locked instruction. Else one read-modify-write.
  // Go       Mutex.Unlock
  void unlock() {
    if (!detail::unlock_by_store || __atomic_load_n(&flags_, __ATOMIC_RELAXED) != 0 ||
        __atomic_load_n(&lock_, __ATOMIC_RELAXED) != locked_now) [[unlikely]] {
      unlock_slow();
      return;
    }
    std::uint32_t& seekers = detail::mutex_seekers[detail::mutex_seekers_entry(this)];
    __atomic_store_n(&lock_, free_now, __ATOMIC_RELEASE);
    // From here on the object may be gone. This is a light fence; the heavy side is who seeks.
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    if (__atomic_load_n(&seekers, __ATOMIC_RELAXED) != 0) [[unlikely]]
      wake_seeker(this);
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
  friend struct detail::mutex_peek;
  friend GORO_API std::error_code detail::lock_unless_cancelled(mutex& m, detail::canceller* by);
  struct queued;
  enum class outcome : unsigned char { locked, timed_out, canceled };
  enum class entry : unsigned char { free, queued, woken };

  // What lock_ may hold, and nothing else. The protocol is argued in src/sync/mutex.cpp.
  static constexpr std::uint32_t free_now = 0;
  static constexpr std::uint32_t locked_now = 1;

  // Both as one word, as all but the fast paths above see them: lock_ below, flags_ above.
  using both = std::uint64_t;
  static constexpr both locked = 1;
  static constexpr both waiting = both{1} << 32;    // the list is not empty
  static constexpr both woken = both{2} << 32;      // one of those who waited is on its way
  static constexpr both starving = both{4} << 32;   // unlock hands over
  static constexpr both contended = both{8} << 32;  // no unlock by a store
  static constexpr both turning = both{16} << 32;   // but the holder of when that was set may still do one
  static constexpr both calm = both{1} << 40;       // unlocks since somebody queued, in 17 bits
  static constexpr both never_set = ~(both{0x1'ffff'1f} << 32 | locked);

  // Takes it if it is free, whoever else may be on its way; else it changes nothing. Returns what was there.
  std::uint32_t put_locked() noexcept { return __atomic_exchange_n(&lock_, locked_now, __ATOMIC_ACQUIRE); }
  GORO_API void lock_slow(std::uint32_t before);
  GORO_API void tell_got(bool limited) noexcept;
  GORO_API void unlock_slow();
  GORO_API static void wake_seeker(mutex* where) noexcept;
  GORO_API bool lock_within(std::int64_t d);
  GORO_API bool lock_before(std::int64_t deadline);

  both now() const noexcept;
  bool replace(both& expected, both desired) noexcept;
  bool take_free(both and_clear) noexcept;
  outcome wait_for_it(std::int64_t deadline, detail::canceller* cancel);
  outcome compete(std::int64_t deadline, detail::canceller* cancel);
  static queued* look_for_seeker(mutex* where) noexcept;
  entry enqueue(queued& self, bool was_woken) noexcept;
  void leave(queued& self) noexcept;
  queued* take_first() noexcept;
  bool pass_on() noexcept;

  alignas(8) std::uint32_t lock_ = free_now;
  std::uint32_t flags_ = 0;
  std::uint32_t woken_since_ = 0;    // with `woken`: since when that one has waited, in microseconds or so
  std::uint32_t tag_ = 0;            // whose lock this is for who watches locks; else 0
  detail::waiter* first_ = nullptr;  // those who wait, under a lock that lies outside
  detail::waiter* last_ = nullptr;
};

static_assert(std::is_trivially_destructible_v<mutex>);

}  // namespace goro
