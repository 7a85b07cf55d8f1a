// SPDX-License-Identifier: MIT
// Who holds which lock and who wants which: asked for by GORO_DEBUG=deadlock, and nothing but one predicted
// branch otherwise. The fast paths of mutex, rw_mutex and wait_group are inline, so they look at one byte; while
// it is set they go through the compiled paths, which tell the watcher (sched/hooks.hpp).
#pragma once

#include <goro/detail/export.hpp>

namespace goro::detail {

// Set before the program takes its first lock, by static initialisation, and never changed after that.
extern GORO_API bool locks_are_watched;

// Whether a mutex that nobody has waited for lately may be unlocked by a plain store: there are asymmetric fences, and
// nobody watches. False until the runtime has found that out; both ways of unlocking go together at any time.
extern GORO_API bool unlock_by_store;

enum class lock_kind : unsigned char { exclusive, shared };

// Told by the goroutine that a wait_group or scope has started: it is counted from here to its end.
GORO_API void tell_counted(const void* count) noexcept;
GORO_API void tell_uncounted(const void* count) noexcept;

// The life of a count: it is constructed; a wait_group's ends; a wait_group's is about to be used, by the call's name.
GORO_API void tell_made(const void* count) noexcept;
GORO_API void tell_destroyed(const void* count) noexcept;
GORO_API void tell_used(const void* count, const char* call) noexcept;

// For a lock that looks at itself (mutex, and rw_mutex in debug builds): there is none at `object`, but the memory of a
// destroyed one, say. Reports that, with `what` it is not ("mutex"), the `call`, the goroutine, where that was created,
// and stacks; and aborts.
[[noreturn, gnu::cold]] GORO_API void not_a_lock(const void* object, const char* what, const char* call) noexcept;

}  // namespace goro::detail
