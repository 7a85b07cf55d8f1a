// SPDX-License-Identifier: MIT
// Where an exception that leaves a goroutine was thrown.
//
// When a handler has it, its stack is gone. But the unwinder makes two passes: it looks for a handler first, frame by
// frame, and only then unwinds. A frame below the handler of last resort, with a personality routine of our own, is
// asked in the first pass exactly if nobody else wants the exception, and the whole stack still stands. There the
// program counters are written down. It costs a call for each goroutine, and nothing for an exception that is caught.
// Who catches farther in, to report what escapes in another way (wait_group::go, errgroup, worker_pool, handlers of HTTP),
// has such a frame of its own: goro/detail/throw_site.hpp.
//
// Who rethrows elsewhere what it has kept (future::get, scope::wait, errgroup::wait) names the first place while it
// does so: what is noted then begins with that, and goes on, after a 0, with the stack that throws again.
//
// They are kept in a few places, since memory may be what is missing; of more than that many goroutines which are
// unwound at once, the first lose theirs.
#pragma once

#include <goro/detail/throw_site.hpp>

#include <cstdint>
#include <exception>

namespace goro::detail {

// Calls run(closure). An exception that leaves it is noted for the calling goroutine, on its way out.
extern "C" void goro_detail_watched_call(void (*run)(void*), void* closure);

// The caller's own stack, as far as there is room.
void append_stack_here(throw_site& to) noexcept;

// Of the goroutine with this id, once.
throw_site take_throw_site(std::uint64_t id) noexcept;

// A copy on the heap; null: the place is not known, or there is no memory for it.
throw_site* keep_throw_site(const throw_site& site) noexcept;

// Throws `error`, which was thrown first at `origin` (null: not known), which lasts until the caller's frame is left.
[[noreturn]] void rethrow_from(const throw_site* origin, std::exception_ptr error);

}  // namespace goro::detail
