// SPDX-License-Identifier: MIT
#include "base/deadline_clock.hpp"

#include "base/clock.hpp"
#include "base/fault.hpp"

#include <goro/detail/duration.hpp>

#include <atomic>
#include <cerrno>
#include <cstring>

#if defined(__x86_64__)
#include <fcntl.h>
#include <unistd.h>

#include <x86intrin.h>
#endif

namespace goro::detail {

#if defined(__x86_64__)
namespace {

constexpr std::int64_t base_line = 20'000'000;  // ns between the readings that the factor is made of
constexpr std::uint64_t longest_reading =
    2'000;                 // counts; some 0.7 us: an interrupt or the hypervisor came between
constexpr int scale = 32;  // the factor's binary places

struct reading {
  std::uint64_t count = 0;
  std::int64_t ns = 0;
};

// ns per count << scale; 0: not known, yet or again.
constinit std::atomic<std::uint64_t> factor{0};
// Counts that one reading is good for, a millisecond. Written before factor (release, met by deadline_now).
constinit std::atomic<std::uint64_t> good_for{0};
// Where the base line starts: its count; 0: nobody has begun. The ns that go with it.
constinit std::atomic<std::uint64_t> first_count{0};
constinit std::atomic<std::int64_t> first_ns{0};

// Not used across a park: everything that touches it is in this file, is not inlined elsewhere and does not park.
thread_local reading mine __attribute__((tls_model("initial-exec")));

// Whether the kernel's clock runs on the counter. Asked once; errno stays as it is.
bool is_trusted() noexcept {
  static const bool answer = [] {
    const int saved = errno;
    char name[8] = {};
    const int file =
        fault("clocksource")
            ? -1
            : open("/sys/devices/system/clocksource/clocksource0/current_clocksource", O_RDONLY | O_CLOEXEC);
    if (file >= 0) {
      (void)!read(file, name, sizeof name - 1);
      close(file);
    }
    errno = saved;
    return std::strcmp(name, "tsc\n") == 0;
  }();
  return answer;
}

// Both clocks at one moment, the counter first: so what is counted from there is late rather than early. False:
// something came between, and they do not belong together.
bool read_both(reading& r) noexcept {
  r.count = __rdtsc();
  r.ns = monotonic_ns();
  return __rdtsc() - r.count <= longest_reading;
}

std::int64_t to_ns_since(std::uint64_t counts, std::uint64_t by) noexcept {
  __extension__ using wide = unsigned __int128;
  return static_cast<std::int64_t>(static_cast<wide>(counts) * by >> scale);
}

void measure(const reading& now) noexcept {
  std::uint64_t begun = first_count.load(std::memory_order_acquire);
  if (begun == 0) {
    // One thread begins: 1 says so to the others, who wait for nothing.
    if (!first_count.compare_exchange_strong(begun, 1, std::memory_order_relaxed)) return;
    first_ns.store(now.ns, std::memory_order_release);  // continues the exchange, for the second look below
    first_count.store(now.count, std::memory_order_release);
    return;
  }
  const std::int64_t ns = now.ns - first_ns.load(std::memory_order_acquire);
  if (begun == 1 || ns < base_line || now.count <= begun) return;
  if (first_count.load(std::memory_order_relaxed) != begun)
    return;  // another line was begun: not of one pair
  __extension__ using wide = unsigned __int128;
  const wide per_count = (static_cast<wide>(ns) << scale) / (now.count - begun);
  if (per_count == 0 || per_count >> 40 != 0) return;  // slower than 4 MHz: not what was trusted
  good_for.store(static_cast<std::uint64_t>((wide{1'000'000} << scale) / per_count),
                 std::memory_order_relaxed);
  factor.store(static_cast<std::uint64_t>(per_count), std::memory_order_release);
}

// Reads both clocks, and checks the one by the other.
[[gnu::noinline]] std::int64_t read_anew() noexcept {
  if (!is_trusted()) return monotonic_ns();
  const reading before = mine;
  const bool together = read_both(mine);
  const reading now = mine;
  if (!together) {
    mine = {};
    return now.ns;
  }
  const std::uint64_t by = factor.load(std::memory_order_relaxed);
  if (by == 0) {
    measure(now);
  } else if (const std::uint64_t age = now.count - before.count;
             before.count != 0 && age <= 2 * good_for.load(std::memory_order_relaxed)) {
    const std::int64_t error = before.ns + to_ns_since(age, by) - now.ns;
    if (error > deadline_allowance || error < -deadline_allowance / 2) {
      factor.store(0, std::memory_order_relaxed);
      first_count.store(0, std::memory_order_relaxed);
    }
  }
  return now.ns;
}

}  // namespace

[[gnu::noinline]] std::int64_t deadline_now() noexcept {
  if (const clock_source source = current_clock.load(std::memory_order_relaxed); source != &monotonic_ns)
      [[unlikely]]
    return source();
  const std::uint64_t by = factor.load(std::memory_order_acquire);
  const std::uint64_t age = __rdtsc() - mine.count;
  if (by == 0 || age > good_for.load(std::memory_order_relaxed)) [[unlikely]]
    return read_anew();
  return mine.ns + to_ns_since(age, by) + deadline_allowance;
}

bool deadline_clock_counts() noexcept { return factor.load(std::memory_order_relaxed) != 0; }

#else

std::int64_t deadline_now() noexcept { return now_ns(); }
bool deadline_clock_counts() noexcept { return false; }

#endif

}  // namespace goro::detail
