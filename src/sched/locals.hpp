// SPDX-License-Identifier: MIT
// Where goroutine-local values are kept: a small table hangs from one pointer in the goroutine, or from a
// thread_local of a plain thread. The public side is goro/local.hpp.
#pragma once

#include <goro/local.hpp>

namespace goro::detail {

// The caller's pointer. Defined with the goroutine block: a goroutine's own, or thread_locals_slot() for a
// plain thread. The reference stays good while that goroutine or thread lives.
void*& current_locals() noexcept;

// The pointer of this thread, whatever runs on it. Never inline, so that no compiler keeps the address across
// a switch to another thread. The values are destroyed when the thread ends.
void*& thread_locals_slot() noexcept;

// Destroys all values of the ending goroutine, the newest first, and those that their destructors make anew.
// `locals` is what current_locals() holds, not null. Called on the goroutine's own stack while it is still
// current, after its function and arguments are gone: destructors may park and use other locals. The pointer
// is null afterwards.
void destroy_locals(void* locals) noexcept;

}  // namespace goro::detail
