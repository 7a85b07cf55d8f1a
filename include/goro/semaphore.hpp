// SPDX-License-Identifier: MIT
// A weighted semaphore: bounds how much of something is in use at a time.
//
//   goro::semaphore room(64 << 20);                     // bytes
//   room.acquire(size);                                 // waits until so many are free
//   load(size);
//   room.release(size);
//   if (room.try_acquire(1000)) room.release(1000);     // only if it need not wait
//
// Go's golang.org/x/sync/semaphore. Tokens are given strictly in the order of the calls: one who waits for
// many holds up those behind it who wait for few, so that nobody starves. Only an acquire of more than the
// whole size, which can never succeed, waits aside and holds up nobody.
// All calls may be made from any goroutine and any thread at the same time; who releases need not be who has
// acquired. A semaphore may be a constant-initialised global.
// Order: what happened before release() is visible after an acquire() that comes later or waited for it.
// Lifetime: whoever has acquired the tokens that a release gave back may destroy the semaphore, even if that
// release has not returned yet, provided that no other call is under way.
#pragma once

#include <cstdint>
#include <system_error>
#include <type_traits>

#include <goro/detail/canceller.hpp>
#include <goro/detail/duration.hpp>
#include <goro/detail/export.hpp>

namespace goro {

class context;

namespace detail {

struct waiter;

// Throws std::invalid_argument: `call` was given a negative number.
[[noreturn]] GORO_API void throw_negative_tokens(const char* call);

// The tokens and those who wait for them. The protocol is argued in src/sync/semaphore.cpp. Built-ins instead
// of std::atomic: that header alone is 24,000 lines.
class tokens {
 public:
  enum class ended { acquired, timed_out, canceled };

  constexpr explicit tokens(std::int64_t size) noexcept : size_(static_cast<std::uint64_t>(size)) {}
  tokens(const tokens&) = delete;
  tokens& operator=(const tokens&) = delete;

  // Takes n if they are free and nobody waits. False also if n is negative.
  bool take(std::int64_t n) noexcept {
    std::uint64_t word = __atomic_load_n(&word_, __ATOMIC_RELAXED);
    while (fits(n, word)) {
      if (exchange(word, word + static_cast<std::uint64_t>(n), __ATOMIC_ACQUIRE)) return true;  // P1
    }
    return false;
  }

  // Gives n back if so many are in use and nobody waits. False also if n is negative.
  bool give(std::int64_t n) noexcept {
    std::uint64_t word = __atomic_load_n(&word_, __ATOMIC_RELAXED);
    while ((word & waiting) == 0 && static_cast<std::uint64_t>(n) <= word) {
      if (exchange(word, word - static_cast<std::uint64_t>(n), __ATOMIC_RELEASE)) return true;  // P1
    }
    return false;
  }

  // For what take and give could not do. n is not negative; deadline and cancel (may be null) as in chan.
  ended wait(std::int64_t n, std::int64_t deadline, canceller* cancel);
  // False, with nothing changed: fewer than n are in use.
  bool give_slow(std::int64_t n) noexcept;

 private:
  static constexpr std::uint64_t waiting = std::uint64_t{1} << 63;

  // With the flag set, or a negative n, the comparison is with more than any size.
  bool fits(std::int64_t n, std::uint64_t word) const noexcept {
    return word <= size_ && static_cast<std::uint64_t>(n) <= size_ - word;
  }
  bool exchange(std::uint64_t& expected, std::uint64_t desired, int order) noexcept {
    return __atomic_compare_exchange_n(&word_, &expected, desired, false, order, __ATOMIC_RELAXED);
  }
  bool enter(waiter& w) noexcept;
  void leave(waiter& w) noexcept;
  waiter* grant(std::uint64_t in_use) noexcept;

  const std::uint64_t size_;
  std::uint64_t word_ = 0;   // low 63 bits: how many are in use; highest bit: somebody waits
  waiter* first_ = nullptr;  // those who wait, under a lock that lies outside
  waiter* last_ = nullptr;
};

}  // namespace detail

class semaphore {
 public:
  // Throws   std::invalid_argument: n is negative.
  constexpr explicit semaphore(std::int64_t n) : tokens_(n) {
    if (n < 0) detail::throw_negative_tokens("semaphore");
  }
  semaphore(const semaphore&) = delete;
  semaphore& operator=(const semaphore&) = delete;

  // Takes n tokens; waits until it is this call's turn and so many are free. None (n == 0) are had at once
  // unless somebody waits; then these, too, wait for their turn.
  //
  // Throws   std::invalid_argument: n is negative.
  // Waits    without limit, and for ever if n is more than the whole size; shown as "semaphore" in a dump.
  // Cost     free, and nobody waits: one compare-and-swap. Else nothing is allocated.
  // Go       Weighted.Acquire with context.Background()
  void acquire(std::int64_t n = 1) {
    if (!tokens_.take(n)) [[unlikely]]
      acquire_slow(n);
  }

  // Takes n tokens if they are free now and nobody waits; says whether it did.
  //
  // Throws   std::invalid_argument: n is negative.
  // Go       Weighted.TryAcquire
  bool try_acquire(std::int64_t n = 1) {
    if (tokens_.take(n)) return true;
    if (n < 0) [[unlikely]]
      detail::throw_negative_tokens("semaphore::try_acquire");
    return false;
  }

  // As acquire, until `ctx` is done. Returns no error, and the tokens are the caller's; or why it gave up, and
  // none is. If ctx is done already it gives up at once, even if the tokens are free.
  //
  // Go       Weighted.Acquire
  [[nodiscard]] std::error_code acquire(const context& ctx, std::int64_t n = 1) {
    return acquire_until_done(detail::canceller_of(ctx), n);
  }

  // As acquire, for at most so long. False: time was up, and no token was taken. With no time to wait it is
  // try_acquire.
  template <class Rep, class Period>
  bool acquire_for(const std::chrono::duration<Rep, Period>& d, std::int64_t n = 1) {
    return tokens_.take(n) || acquire_ns(detail::to_ns(d), n);
  }

  // The same, until a moment on any clock.
  template <class Clock, class Duration>
  bool acquire_until(const std::chrono::time_point<Clock, Duration>& at, std::int64_t n = 1) {
    return tokens_.take(n) || acquire_at(detail::deadline_at(at), n);
  }

  // Gives n tokens back, and lets those go on, in their order, whose turn it is and for whom there are enough.
  //
  // Throws   std::logic_error, with nothing given back: fewer than n are in use ("released more than held").
  //          std::invalid_argument: n is negative.
  // Cost     nobody waits: one compare-and-swap.
  // Go       Weighted.Release
  void release(std::int64_t n = 1) {
    if (!tokens_.give(n)) [[unlikely]]
      release_slow(n);
  }

 private:
  GORO_API void acquire_slow(std::int64_t n);
  GORO_API bool acquire_ns(std::int64_t d, std::int64_t n);
  GORO_API bool acquire_at(std::int64_t deadline, std::int64_t n);
  GORO_API std::error_code acquire_until_done(detail::canceller* by, std::int64_t n);
  GORO_API void release_slow(std::int64_t n);

  detail::tokens tokens_;
};

static_assert(std::is_trivially_destructible_v<semaphore>);

}  // namespace goro
