// SPDX-License-Identifier: MIT
// The asymmetric fence: a full fence that costs the frequent side nothing and the rare side a system call.
//
//   frequent side:  x = 1; light_fence(); read y;        rare side:  y = 1; heavy_fence(); read x;
//
// Either the frequent side sees y == 1 or the rare side sees x == 1 (or both), as if each had executed a
// sequentially consistent fence in between. heavy_fence interrupts every core that runs a thread of this
// process, and each executes a full fence there: stores before that point are out, loads after it are fresh.
// So at the light side it suffices that the compiler keeps the order.
//
// Pairs
//   F1  light_fence with heavy_fence, heavy_fence with heavy_fence. NOT light_fence with light_fence: between
//       two frequent sides nothing is ordered.
//   F2  fence_registered is set only after the kernel took the registration -> a light side that sees it
//       relies on membarrier. The heavy side does not read it, since it might see it too late: it asks the
//       same once-initialised decision that set it, and makes that decision if nobody has.
//
// section_fence does more: whoever is inside a restartable sequence (rseq) at that moment is sent to its abort. So
// of each such section either the last store is out when it returns, or the section begins afterwards, and sees
// what was written before the fence. Not all kernels and C libraries have it: ask first.
//
// Where the kernel has no membarrier, both sides execute a sequentially consistent fence. ThreadSanitizer
// does not understand fences, so under it both are a read-modify-write of one common word, which it does.
// F1 is argued, not tested: no tool lets a load slip past an earlier store on demand, and stress does not
// show it reliably. Tests of the rest: test/base/fence_{test,stress_test}.cpp.
#pragma once

#include <atomic>

#if defined(__SANITIZE_THREAD__)
#define GORO_FENCE_BY_RMW 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define GORO_FENCE_BY_RMW 1
#endif
#endif

namespace goro::detail {

extern constinit std::atomic<bool> fence_registered;  // F2: false at first, then perhaps true, for good

// Asks the kernel for expedited membarriers, once. Any thread, any number of times; before it, and if the
// kernel has none, light_fence is a real fence.
void init_fences() noexcept;

#ifdef GORO_FENCE_BY_RMW
extern constinit std::atomic<unsigned> fence_word;

inline void light_fence() noexcept { fence_word.fetch_add(1, std::memory_order_seq_cst); }  // F1
#else
inline void light_fence() noexcept {  // F1
  if (fence_registered.load(std::memory_order_relaxed)) [[likely]]
    std::atomic_signal_fence(std::memory_order_seq_cst);
  else
    std::atomic_thread_fence(std::memory_order_seq_cst);
}
#endif

// 3 to 14 us. Does not return before every thread of the process has passed a full fence.
void heavy_fence() noexcept;

// The fence for restartable sequences, 1 to 14 us: to be called only where it is there, an answer that never changes.
bool has_section_fence() noexcept;
void section_fence() noexcept;

}  // namespace goro::detail
