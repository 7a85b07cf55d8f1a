// SPDX-License-Identifier: MIT
// A lock that many readers hold at once, or one writer alone.
//
//   constinit goro::rw_mutex guard;                      // a global needs no start-up code
//   std::map<std::string, int> table;
//   int look_up(const std::string& k) { const std::shared_lock lock(guard); return table.at(k); }
//   void store(const std::string& k, int v) { const std::scoped_lock lock(guard); table[k] = v; }
//
// Go's sync.RWMutex, and std's SharedTimedMutex: std::unique_lock, shared_lock and scoped_lock take it. A waiting
// writer stops new readers, and after a writer all waiting readers enter, so neither kind starves; if no other writer
// waits, one that runs may be quicker than they, once. Writers come in the order of their calls. Hence a reader must
// not read-lock again what it holds: with a writer in between, all wait for ever. Not recursive. A lock may be unlocked by
// another goroutine or thread than the one that took it. If nobody writes for many reads, each CPU counts its
// readers apart, so that they do not slow each other down; the next write is dearer for it, by 1 to 14 us.
// All calls may be made from any goroutine and any thread at the same time.
// Order: what happened before unlock() or unlock_shared() is visible after the lock() that comes next, what
// happened before unlock() also after each lock_shared().
// Lifetime: whoever holds the lock as the last, for writing, may destroy it after unlocking it, even if an
// earlier unlock has not returned yet. A debug build (without NDEBUG) ends the program with a report when it sees by
// the lock's bits that it is none any more: destroyed, overwritten, copied as bytes.
#pragma once

#include <cstdint>
#include <system_error>
#include <type_traits>

#include <goro/detail/canceller.hpp>
#include <goro/detail/duration.hpp>
#include <goro/detail/export.hpp>
#include <goro/detail/lock_watch.hpp>
#include <goro/detail/reader_section.hpp>

namespace goro {

namespace detail {
struct waiter;
struct rw_mutex_peek;  // the tests' way in
}  // namespace detail

class rw_mutex {
 public:
  class reader_view;

  constexpr rw_mutex() noexcept = default;
  rw_mutex(const rw_mutex&) = delete;
  rw_mutex& operator=(const rw_mutex&) = delete;

  // Locks for writing. Stops new readers, and waits for those inside and the writers before it.
  //
  // Waits    without limit, as "rw_mutex write"; a goroutine parks, a plain thread sleeps.
  // Cost     free: one atomic read-modify-write. Nothing is allocated.
  // Go       RWMutex.Lock
  void lock() {
    check("lock");
    std::uint64_t before = __atomic_load_n(&word_, __ATOMIC_RELAXED);
    if (detail::locks_are_watched || (before & ~ticks) != 0 ||
        !__atomic_compare_exchange_n(&word_, &before, held, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
        [[unlikely]]
      lock_slow();
  }

  // The same if it is free. False: somebody holds it, or waits for it.
  GORO_API bool try_lock();

  // The same, for at most so long, or until then. False: time was up. Who gives up lets the readers go on that
  // it had stopped.
  //
  // Throws   std::bad_alloc, without the lock, if the timer cannot be queued.
  template <class Rep, class Period>
  bool try_lock_for(const std::chrono::duration<Rep, Period>& d) {
    return lock_for_ns(detail::to_ns(d));
  }
  template <class Clock, class Duration>
  bool try_lock_until(const std::chrono::time_point<Clock, Duration>& at) {
    return lock_by(detail::deadline_at(at));
  }

  // The same, until `ctx` is done. Returns no error and has the lock, or says why it gave up; if ctx is done
  // already it gives up at once, even if the lock is free.
  [[nodiscard]] std::error_code lock(const context& ctx) { return lock_unless(detail::canceller_of(ctx)); }

  // Gives the lock back: all waiting readers enter (see above), or, if there are none, the first waiting writer.
  //
  // Throws   std::logic_error if it is not locked for writing.
  // Go       RWMutex.Unlock
  void unlock() {
    check("unlock");
    std::uint64_t before = __atomic_load_n(&word_, __ATOMIC_RELAXED);
    if (detail::locks_are_watched || (before & (held | waiting)) != held ||
        !__atomic_compare_exchange_n(&word_, &before, before - held, false, __ATOMIC_RELEASE,
                                     __ATOMIC_RELAXED)) [[unlikely]]
      unlock_slow();
  }

  // Locks for reading, beside other readers. Waits while a writer holds the lock or waits for it.
  //
  // Throws   std::system_error (resource_unavailable_try_again) if there are 2^30 readers already.
  // Waits    without limit, as "rw_mutex read".
  // Cost     no writer about: one atomic read-modify-write, or none if the lock is read all the time. Nothing is
  //          allocated.
  // Go       RWMutex.RLock
  void lock_shared() {
    check("lock_shared");
    const std::uint64_t ticket = __atomic_load_n(&slots_, __ATOMIC_ACQUIRE);
    if (ticket == 0) [[likely]] {
      const std::uint64_t after = __atomic_add_fetch(&word_, reader + tick, __ATOMIC_ACQUIRE);
      if ((after & (held | waiting | ticks_full | readers_full)) != 0 || detail::locks_are_watched) [[unlikely]]
        lock_shared_rest(after);
    } else if (!detail::enter_section(ticket)) {
      if (detail::locks_are_watched || !detail::enter_slot(ticket)) lock_shared_slow();
    }
  }

  // As try_lock, try_lock_for, try_lock_until and lock(ctx), for reading. False from try_lock_shared: a writer
  // holds the lock, or waits for it.
  GORO_API bool try_lock_shared();
  template <class Rep, class Period>
  bool try_lock_shared_for(const std::chrono::duration<Rep, Period>& d) {
    return lock_shared_for_ns(detail::to_ns(d));
  }
  template <class Clock, class Duration>
  bool try_lock_shared_until(const std::chrono::time_point<Clock, Duration>& at) {
    return lock_shared_by(detail::deadline_at(at));
  }
  [[nodiscard]] std::error_code lock_shared(const context& ctx) {
    return lock_shared_unless(detail::canceller_of(ctx));
  }

  // Gives back one lock_shared. The last reader lets the first waiting writer in.
  //
  // Throws   std::logic_error if nobody has locked it for reading.
  // Cost     no writer about: one atomic read-modify-write, or none.
  // Go       RWMutex.RUnlock
  void unlock_shared() {
    check("unlock_shared");
    const std::uint64_t ticket = __atomic_load_n(&slots_, __ATOMIC_ACQUIRE);
    if (ticket == 0 && !detail::locks_are_watched) [[likely]] {
      const std::uint64_t after = __atomic_sub_fetch(&word_, reader, __ATOMIC_RELEASE);
      if ((after & (held | waiting | negative)) != 0) [[unlikely]]
        unlock_shared_rest(after);  // the lock may be gone by now: see there
    } else if (!detail::leave_section(ticket)) {
      if (detail::locks_are_watched || !detail::leave_slot(ticket)) unlock_shared_slow();
    }
  }

  // This lock as one whose lock() and unlock() are for reading: for std::lock_guard, and for cond.
  //
  // Go       RWMutex.RLocker
  constexpr reader_view shared() noexcept;

 private:
  friend struct detail::rw_mutex_peek;
  struct inside;  // the slow paths: src/sync/rw_mutex.cpp

  // The parts of word_; what they say, and who changes which, is argued in src/sync/rw_mutex.cpp.
  static constexpr std::uint64_t tick = 1;
  static constexpr std::uint64_t ticks = (1 << 24) - 1;
  static constexpr std::uint64_t ticks_full = ticks & ~std::uint64_t{(1 << 12) - 1};
  static constexpr std::uint64_t held = 1 << 28;
  static constexpr std::uint64_t waiting = 1 << 29;
  static constexpr std::uint64_t in_slots = 1 << 30;
  static constexpr std::uint64_t reader = std::uint64_t{1} << 32;
  static constexpr std::uint64_t readers_full = std::uint64_t{1} << 62;
  static constexpr std::uint64_t negative = std::uint64_t{1} << 63;
  static constexpr std::uint64_t never_set = std::uint64_t{15} << 24 | std::uint64_t{1} << 31;
  static constexpr std::uint32_t point = 1u << 24;    // in sampled_: points for slots,
  static constexpr std::uint32_t closed = 1u << 20;   // how often a writer has closed them, up to 3,
  static constexpr std::uint32_t places = closed - 1;  // and a place
  static constexpr std::uint32_t points_to_claim = 16;

  // In debug builds: is it a lock? free(), for one, writes over its first words. (A watcher finds more, and goes on.)
  [[gnu::always_inline]] void check([[maybe_unused]] const char* call) const noexcept {
#ifndef NDEBUG
    if ((__atomic_load_n(&word_, __ATOMIC_RELAXED) & never_set) != 0 && !detail::locks_are_watched) [[unlikely]]
      detail::not_a_lock(this, "rw_mutex", call);
#endif
  }

  GORO_API void lock_slow();
  GORO_API bool lock_for_ns(std::int64_t d);
  GORO_API bool lock_by(std::int64_t deadline);
  GORO_API std::error_code lock_unless(detail::canceller* by);
  GORO_API void unlock_slow();
  GORO_API void lock_shared_slow();
  GORO_API void lock_shared_rest(std::uint64_t after);
  GORO_API bool lock_shared_for_ns(std::int64_t d);
  GORO_API bool lock_shared_by(std::int64_t deadline);
  GORO_API std::error_code lock_shared_unless(detail::canceller* by);
  GORO_API void unlock_shared_slow();
  GORO_API void unlock_shared_rest(std::uint64_t after);

  std::uint64_t word_ = 0;
  std::uint64_t slots_ = 0;                 // where readers are counted apart; 0: nowhere
  detail::waiter* first_reader_ = nullptr;  // those who wait, and sampled_, under a lock that lies outside
  detail::waiter* last_reader_ = nullptr;
  detail::waiter* first_writer_ = nullptr;
  detail::waiter* last_writer_ = nullptr;
  std::uintptr_t next_drain_ = 0;  // in the list of drains: complement of its address; 0: in no list
  std::uint32_t sampled_ = 0;      // where a reader came from lately (0: not known), and what speaks for slots
  std::uint32_t tag_ = 0;          // whose lock this is for who watches locks
};

// Refers to the lock and may be copied; the lock must outlive it.
class rw_mutex::reader_view {
 public:
  constexpr explicit reader_view(rw_mutex& of) noexcept : of_(&of) {}

  void lock() { of_->lock_shared(); }
  bool try_lock() { return of_->try_lock_shared(); }
  void unlock() { of_->unlock_shared(); }
  template <class Rep, class Period>
  bool try_lock_for(const std::chrono::duration<Rep, Period>& d) {
    return of_->try_lock_shared_for(d);
  }
  template <class Clock, class Duration>
  bool try_lock_until(const std::chrono::time_point<Clock, Duration>& at) {
    return of_->try_lock_shared_until(at);
  }
  [[nodiscard]] std::error_code lock(const context& ctx) { return of_->lock_shared(ctx); }

 private:
  rw_mutex* of_;
};

constexpr rw_mutex::reader_view rw_mutex::shared() noexcept { return reader_view(*this); }

using shared_mutex = rw_mutex;

static_assert(std::is_trivially_destructible_v<rw_mutex>);
static_assert(sizeof(rw_mutex) <= 64);

}  // namespace goro
