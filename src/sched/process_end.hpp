// SPDX-License-Identifier: MIT
// The end of the process: exit() calls handlers and destructors of statics, in the reverse order of their registration.
// The one that goro registers when it starts stops the goroutines, because what they use may be destroyed by those that
// follow. A wait in one of those can still be ended by a plain thread, a limit of time or a descriptor, for which the
// monitor stays awake; one for a goroutine would last for ever, so it ends the process with words.
#pragma once

#include "base/parker.hpp"
#include "sched/wait_reason.hpp"

namespace goro::detail {

struct goroutine;

// Goroutines that are alive stop at their next scheduling point. Once, in the thread that called exit().
void stop_goroutines_at_exit() noexcept;

// The same for any thread, as fast as it gets: may it be that goroutines have stopped?
bool goroutines_have_stopped() noexcept;

// Called exit(), and goes on without a P: for it nobody would make room.
bool ends_the_process(const goroutine* g) noexcept;

// A plain thread's wait after that. Returns when it has been ended.
void park_while_process_ends(parker& until, wait_reason why, const void* on) noexcept;

// The goroutine that ends the process waits: nobody would ever take it up again.
[[noreturn]] void goroutine_waits_while_process_ends(wait_reason why, const void* on) noexcept;

}  // namespace goro::detail
