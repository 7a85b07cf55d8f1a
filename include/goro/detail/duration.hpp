// SPDX-License-Identifier: MIT
// Any std::chrono duration or time point as nanoseconds in 64 bits: the one form in which the library's
// compiled part takes time limits.
//
// All functions saturate: what does not fit becomes the largest or smallest std::int64_t, and the largest,
// `never`, is a deadline that does not come. Fractions of a nanosecond round up, since a wait may last longer
// than it was asked to, but not less. A floating-point duration that is not a number counts as 0: a limit
// computed from nonsense ends a wait at once instead of hanging it.
#pragma once

#include <chrono>
#include <cstdint>
#include <limits>
#include <ratio>
#include <type_traits>

#include <goro/clock.hpp>
#include <goro/detail/export.hpp>

namespace goro::detail {

inline constexpr std::int64_t never = std::numeric_limits<std::int64_t>::max();

constexpr std::int64_t saturating_add(std::int64_t a, std::int64_t b) noexcept {
  std::int64_t sum = 0;
  if (!__builtin_add_overflow(a, b, &sum)) return sum;
  return a < 0 ? std::numeric_limits<std::int64_t>::min() : never;
}

constexpr std::int64_t saturating_sub(std::int64_t a, std::int64_t b) noexcept {
  std::int64_t difference = 0;
  if (!__builtin_sub_overflow(a, b, &difference)) return difference;
  return a < 0 ? std::numeric_limits<std::int64_t>::min() : never;
}

// goro::clock's now in nanoseconds, or up to 2 us later: cheaper, and good for deadlines, which may come late
// but not early (src/base/deadline_clock.hpp).
GORO_API std::int64_t deadline_now() noexcept;

// `d` in nanoseconds, rounded up, saturated.
template <class Rep, class Period>
constexpr std::int64_t to_ns(const std::chrono::duration<Rep, Period>& d) noexcept {
  constexpr std::int64_t lowest = std::numeric_limits<std::int64_t>::min();
  if constexpr (std::is_integral_v<Rep>) {
    // In 128 bits: num * 10^9 fits always; where the product with the count does not, the quotient is beyond
    // 64 bits whatever the denominator, which has 63 bits at most.
    __extension__ using wide = __int128;
    constexpr wide factor = wide{Period::num} * 1'000'000'000;
    constexpr wide divisor = wide{Period::den};
    wide product = 0;
    if (__builtin_mul_overflow(static_cast<wide>(d.count()), factor, &product))
      return d.count() < Rep{0} ? lowest : never;
    wide ns = product / divisor;
    if (product > 0 && product % divisor != 0) ++ns;  // for negatives, division already rounds up
    return ns > never ? never : ns < lowest ? lowest : static_cast<std::int64_t>(ns);
  } else {
    const long double ns = static_cast<long double>(d.count()) * static_cast<long double>(Period::num) *
                           (1e9L / static_cast<long double>(Period::den));
    if (ns != ns) return 0;
    if (ns >= 0x1p63L) return never;
    if (ns <= -0x1p63L) return lowest;
    const std::int64_t whole = static_cast<std::int64_t>(ns);  // towards zero
    return static_cast<long double>(whole) < ns ? saturating_add(whole, 1) : whole;
  }
}

// The deadline that lies `d` from now, on goro::clock; `never` if that is beyond its end.
template <class Rep, class Period>
std::int64_t deadline_after(const std::chrono::duration<Rep, Period>& d) noexcept {
  const std::int64_t ns = to_ns(d);
  if (ns == never) return never;  // spares the clock
  // deadline_now() is a little late: what is over at once must be so for who asks the clock next.
  return saturating_add(ns > 0 ? deadline_now() : clock::now().time_since_epoch().count(), ns);
}

// The deadline, on goro::clock, at which `Clock` will show `at`. A clock other than ours is read once, here:
// if it is set afterwards, the deadline stays where it is.
template <class Clock, class Duration>
std::int64_t deadline_at(const std::chrono::time_point<Clock, Duration>& at) noexcept {
  const std::int64_t ns = to_ns(at.time_since_epoch());
  if constexpr (std::is_same_v<Clock, clock>) {
    return ns;
  } else {
    if (ns == never) return never;
    const std::int64_t left = saturating_sub(ns, to_ns(Clock::now().time_since_epoch()));
    return saturating_add(deadline_now(), left);
  }
}

}  // namespace goro::detail
