// SPDX-License-Identifier: MIT
#include "base/spin_lock.hpp"

#include <sched.h>

#include <cerrno>
#include <ctime>

namespace goro::detail {
namespace {

constexpr unsigned spin_rounds = 100;   // of 1, 2, 4, 8, then 16 pauses: some 20 to 70 us, by processor
constexpr unsigned yield_rounds = 8;
constexpr unsigned most_pauses = 16;
constexpr long first_sleep_ns = 20'000;
constexpr long longest_sleep_ns = 200'000;

void pause() noexcept {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("isb" ::: "memory");  // yield is a no-op on most cores; isb takes about as long as x86's pause
#else
  asm volatile("" ::: "memory");
#endif
}

}  // namespace

void spin_wait(unsigned round) noexcept {
  if (round < spin_rounds) {
    const unsigned pauses = round < 4 ? 1u << round : most_pauses;
    for (unsigned i = 0; i != pauses; ++i) pause();
    return;
  }
  const int saved = errno;
  if (round < spin_rounds + yield_rounds) {
    sched_yield();
  } else {
    const unsigned sleeps = round - spin_rounds - yield_rounds;
    const long doubled = sleeps < 4 ? first_sleep_ns << sleeps : longest_sleep_ns;
    const timespec length{0, doubled};
    nanosleep(&length, nullptr);
  }
  errno = saved;
}

}  // namespace goro::detail
