// SPDX-License-Identifier: MIT
// The switch from one stack to another. One file for each CPU, chosen here and nowhere else.
//
// What a switch promises
//   - switch_stacks(from, to) saves the caller in *from and goes on in *to; it returns when somebody
//     switches to *from, perhaps on another thread. *from lies on the stack that it describes and is dead
//     once it has been switched to.
//   - It orders memory for the compiler, not for the CPU: who hands a saved_context to another thread
//     publishes it by a release store of its own.
//   - It does not keep what belongs to the thread: errno, the C++ exception globals (exception_state.hpp),
//     floating-point modes, thread_local addresses. Code that runs after a switch reads those afresh.
//   - The sanitizers are told by the caller (sanitizer.hpp).
#pragma once

#if defined(__x86_64__)
#include "base/arch/switch_x86_64.hpp"
#elif defined(__aarch64__)
#include "base/arch/switch_aarch64.hpp"
#else
#error "goro: this CPU has no stack switch: add base/arch/switch_<cpu>.hpp and its entry in switch_entry.cpp"
#endif

#include <cstddef>

namespace goro::detail {

// The address of a local, for keeping in an object that outlives this call but not this stack: the compiler,
// which knows only one stack, would warn.
inline saved_context* on_this_stack(saved_context* c) noexcept {
  asm("" : "+r"(c));
  return c;
}

static_assert(offsetof(saved_context, sp) == 0 && offsetof(saved_context, fp) == 8);
static_assert(offsetof(saved_context, base_register) == 16 && offsetof(saved_context, resume_at) == 24);

}  // namespace goro::detail
