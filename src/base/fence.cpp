// SPDX-License-Identifier: MIT
#include "base/fence.hpp"

#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "base/fatal.hpp"
#include "base/fault.hpp"

namespace goro::detail {

constinit std::atomic<bool> fence_registered{false};

#ifdef GORO_FENCE_BY_RMW

constinit std::atomic<unsigned> fence_word{0};

void init_fences() noexcept {}
bool has_section_fence() noexcept { return false; }
void section_fence() noexcept {}
void heavy_fence() noexcept { fence_word.fetch_add(1, std::memory_order_seq_cst); }  // F1

#else

namespace {

bool membarrier(int command) noexcept { return syscall(SYS_membarrier, command, 0, 0) == 0; }

// The one decision: is there a membarrier? Static initialisation makes it once and shows it to every caller.
bool available() noexcept {
  static const bool answer = [] {
    const int saved = errno;
    const bool taken = !fault("membarrier") && membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED) &&
                       membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED);
    errno = saved;
    if (taken) fence_registered.store(true, std::memory_order_relaxed);  // F2
    return taken;
  }();
  return answer;
}

}  // namespace

bool has_section_fence() noexcept {
  static const bool answer = [] {
    const int saved = errno;
    const bool taken = !fault("membarrier for sections") &&
                       membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ) &&
                       membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ);
    errno = saved;
    return taken;
  }();
  return answer;
}

// Both while there are few threads: the kernel waits for all CPUs if there are more.
void init_fences() noexcept {
  (void)available();
  (void)has_section_fence();
}

void section_fence() noexcept {
  const int saved = errno;
  if (!membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ))
    fatal("section_fence", "the membarrier system call, which worked at the start, now fails",
          "install seccomp filters before the first goroutine starts, or allow membarrier in them");
  errno = saved;
}

void heavy_fence() noexcept {
  if (!available()) {                                      // F2
    std::atomic_thread_fence(std::memory_order_seq_cst);   // F1
    return;
  }
  const int saved = errno;
  if (!membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED))       // F1
    // It worked once, and light sides rely on it; no other way to reach them is left.
    fatal("heavy_fence", "the membarrier system call, which worked at the start, now fails",
          "install seccomp filters before the first goroutine starts, or allow membarrier in them");
  errno = saved;
}

#endif

}  // namespace goro::detail
