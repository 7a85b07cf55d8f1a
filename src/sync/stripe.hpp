// SPDX-License-Identifier: MIT
// Which of several copies of something a caller had best use, so that callers on different CPUs do not meet.
#pragma once

#include "sched/machine.hpp"

#include <cstdint>

namespace goro::detail {

// The number of the P that the caller runs on, below 1,024; of a plain thread, one below 8 that stays the same. A hint: the
// monitor may take the P away in the next moment, and then two callers have one number. So whatever it leads
// to must be safe for any number of callers. It needs no section in the runtime: an M's p is written by its
// own thread, which is ours until we park, and the Ps themselves are never freed.
inline std::uint32_t stripe_hint() noexcept {
  if (const machine* const m = current_machine()) {
    const processor* const p = m->p;
    return p == nullptr ? 0 : static_cast<std::uint32_t>(p->index);
  }
  const auto thread = reinterpret_cast<std::uintptr_t>(__builtin_thread_pointer());
  return static_cast<std::uint32_t>((thread * 0x9e37'79b9'7f4a'7c15) >> 61);
}

}  // namespace goro::detail
