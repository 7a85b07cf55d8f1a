// SPDX-License-Identifier: MIT
// What little of a CPU's particulars is needed beside the switch.
#pragma once

namespace goro::detail {

[[gnu::always_inline]] inline void cpu_pause() noexcept {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#else
  asm volatile("isb" ::: "memory");
#endif
}

}  // namespace goro::detail
