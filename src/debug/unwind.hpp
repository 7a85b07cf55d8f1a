// SPDX-License-Identifier: MIT
// Program counters of a stack: one's own, that of a parked goroutine, and, when the process is about to end,
// that of a goroutine that runs in another thread.
//
// A parked goroutine is unwound by libgcc's own unwinder, standing on the parked stack: the same tables,
// hence the same answers, as for exceptions; code without frame pointers is no obstacle. 3 us for 15 frames.
// To stand there one needs some 5 KiB below its stack pointer, which are dead memory; where the stack is too
// full for that, it is left alone. What the unwinder finds is as good as what leave_stack saved: sp, the
// frame pointer and the base register; the other callee-saved registers hold nonsense, and no rule for a
// frame address uses them.
//
// Rejected: libunwind (it takes over the program's exceptions: 1.1 us a throw become 121 us); walking frame
// pointers (ends at the first frame without one, so in most users' code); unwinding a copy of the stack (an
// interpreter of DWARF rules of our own).
#pragma once

#include <cstddef>
#include <cstdint>

namespace goro::detail {

struct goroutine;

// The caller's own stack, innermost first; return addresses. Returns how many. Async-signal-safe.
std::size_t unwind_here(std::uintptr_t* out, std::size_t most) noexcept;

// Whether there is stack enough left for that. The caller runs on g's stack.
bool can_unwind_here(const goroutine* g) noexcept;

inline constexpr std::size_t no_room = SIZE_MAX;

// That of a goroutine that is held (sched/hold.hpp). no_room: its stack is nearly full. The caller has
// blocked all signals, and stays off the runtime until this returns.
std::size_t unwind_held(const goroutine* g, std::uintptr_t* out, std::size_t most) noexcept;

// That of g, which seems to run in thread `tid` of the runtime, by a signal; waits 100 ms for the answer. 0:
// none came, or another goroutine runs there. It replaces the handler of SIGPROF, the one signal besides
// faults that these threads leave open, and may interrupt system calls: so only on the way to the process's
// end.
std::size_t unwind_running(int tid, const goroutine* g, std::uintptr_t* out, std::size_t most) noexcept;

// All signals but faults blocked, for as long as it lives.
class signals_blocked {
 public:
  signals_blocked() noexcept;
  ~signals_blocked();
  signals_blocked(const signals_blocked&) = delete;
  signals_blocked& operator=(const signals_blocked&) = delete;

 private:
  alignas(8) unsigned char before_[128];  // a sigset_t
};

}  // namespace goro::detail
