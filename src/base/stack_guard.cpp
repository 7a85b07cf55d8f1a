// SPDX-License-Identifier: MIT
// Guards below the stacks, and pages populated in bulk: the part of stack_region that asks the kernel.
//
// MADV_GUARD_INSTALL (Linux 6.13+) marks pages as faulting without splitting the mapping: a million guarded
// stacks are a handful of memory areas. Older kernels get PROT_NONE pages, each of which splits its area in
// two; vm.max_map_count (65,530 by default) bounds them, and half of it is our budget.
//
// Measured on Linux 6.18, 2-core Xeon virtual machine, 256 KiB slots, per stack: guard by one madvise each
// 0.5 to 0.65 us, by process_madvise over 64 the same; first touch of the top page 1.9 us, populated by
// process_madvise over 64 1.24 us.
#include "base/stack_region.hpp"

#include "base/fault.hpp"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

namespace goro::detail {

namespace {

constexpr int guard_install = 102;   // MADV_GUARD_INSTALL, newer than Debian 12's headers
constexpr int populate_write = 23;   // MADV_POPULATE_WRITE

enum class answer : int { unknown, yes, no };
constinit std::atomic<answer> batched{answer::unknown};   // does process_madvise take our advice on ourselves
constinit std::atomic<answer> guards{answer::unknown};    // is MADV_GUARD_INSTALL known
constinit std::atomic<int> self{-1};                      // a pidfd of this process

int self_descriptor() noexcept {
  int fd = self.load(std::memory_order_acquire);
  if (fd >= 0) return fd;
  fd = static_cast<int>(syscall(SYS_pidfd_open, getpid(), 0));
  int expected = -1;
  if (fd >= 0 && !self.compare_exchange_strong(expected, fd, std::memory_order_acq_rel)) {
    close(fd);
    fd = expected;
  }
  return fd;
}

std::size_t map_budget() noexcept {
  static const std::size_t budget = [] {
    unsigned long limit = 65530;
    if (FILE* const f = std::fopen("/proc/sys/vm/max_map_count", "re")) {
      if (std::fscanf(f, "%lu", &limit) != 1) limit = 65530;
      std::fclose(f);
    }
    return static_cast<std::size_t>(limit / 4);  // two areas a guard, half of the limit
  }();
  return budget;
}

}  // namespace

bool advise_many(std::uintptr_t first, std::size_t stride, std::size_t n, std::size_t length, int advice) noexcept {
  const int saved = errno;
  std::size_t done = 0;
  if (n > 1 && batched.load(std::memory_order_relaxed) != answer::no) {
    const int fd = self_descriptor();
    while (fd >= 0 && done < n) {
      iovec ranges[64];
      const std::size_t count = std::min(n - done, std::size(ranges));
      for (std::size_t i = 0; i != count; ++i)
        ranges[i] = {reinterpret_cast<void*>(first + (done + i) * stride), length};
      const long advised = syscall(SYS_process_madvise, fd, ranges, count, advice, 0);
      if (advised != static_cast<long>(count * length)) {
        if (done == 0) batched.store(answer::no, std::memory_order_relaxed);
        break;
      }
      done += count;
    }
  }
  bool all = true;
  for (; done < n && all; ++done)
    all = madvise(reinterpret_cast<void*>(first + done * stride), length, advice) == 0;
  errno = saved;
  return all;
}

bool stack_region::guard(std::size_t first, std::size_t n) noexcept {
  const std::uintptr_t start = base() + (first << shift_);
  const std::size_t stride = std::size_t{1} << shift_;
  if (fault("guard")) return false;
  if (guards.load(std::memory_order_relaxed) != answer::no) {
    if (advise_many(start, stride, n, stack_guard_size, guard_install)) return true;
    guards.store(answer::no, std::memory_order_relaxed);
    capacity_ = std::min(capacity_, first + map_budget());
  }
  if (first + n > capacity_) return false;
  for (std::size_t i = 0; i != n; ++i)
    if (mprotect(reinterpret_cast<void*>(start + i * stride), stack_guard_size, PROT_NONE) != 0) return false;
  return true;
}

void stack_region::populate(std::size_t first, std::size_t n) noexcept {
  if (n < 2) return;  // one page: the fault costs no more
  // The page with the headers; colours keep it within the slot's last page.
  const std::uintptr_t page = base() + ((first + 1) << shift_) - page_size;
  (void)advise_many(page, std::size_t{1} << shift_, n, page_size, populate_write);
}

}  // namespace goro::detail
