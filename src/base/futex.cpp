// SPDX-License-Identifier: MIT
#include "base/futex.hpp"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <ctime>

#include "base/fatal.hpp"

namespace goro::detail {

// The kernel reads the word and the timespec in these layouts.
static_assert(sizeof(std::atomic<std::uint32_t>) == 4 && std::atomic<std::uint32_t>::is_always_lock_free);
static_assert(sizeof(timespec) == 16, "SYS_futex takes 64-bit times on 64-bit machines only");

bool futex_wait(const std::atomic<std::uint32_t>& word, std::uint32_t expected,
                std::int64_t deadline_ns) noexcept {
  timespec at{};
  if (deadline_ns > 0) {  // else: the start of the clock, which has passed
    at.tv_sec = deadline_ns / 1'000'000'000;
    at.tv_nsec = deadline_ns % 1'000'000'000;
  }
  const int saved = errno;
  // WAIT_BITSET rather than WAIT: its time is absolute, on CLOCK_MONOTONIC. Private: no other process looks.
  const long result = syscall(SYS_futex, &word, FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG, expected,
                              deadline_ns == never ? nullptr : &at, nullptr, FUTEX_BITSET_MATCH_ANY);
  if (result == 0) return true;
  const int error = errno;
  errno = saved;
  if (error == ETIMEDOUT) return false;
  if (error != EAGAIN && error != EINTR) {
    // Going on would turn every sleep into a busy loop.
    fatal_text text;
    text << "the kernel refused to sleep (errno " << error << ')' << '\0';
    fatal("futex_wait", text.data(), "allow the futex system call (a seccomp filter?)");
  }
  return true;
}

int futex_wake(const std::atomic<std::uint32_t>& word, int n) noexcept {
  const int saved = errno;
  const long woken = syscall(SYS_futex, &word, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, n, nullptr, nullptr, 0);
  errno = saved;
  return woken < 0 ? 0 : static_cast<int>(woken);  // below 0: the address is gone, and nobody sleeps there
}

}  // namespace goro::detail
