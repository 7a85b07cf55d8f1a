// SPDX-License-Identifier: MIT
// Who holds which lock and who wants which: asked for by GORO_DEBUG=deadlock, and nothing but one predicted
// branch otherwise. The fast paths of mutex and rw_mutex are inline, so they look at one byte; while it is set
// they go through the compiled paths, which tell the watcher (sched/hooks.hpp).
#pragma once

#include <goro/detail/export.hpp>

namespace goro::detail {

// Set before the program takes its first lock, by static initialisation, and never changed after that.
extern GORO_API bool locks_are_watched;

enum class lock_kind : unsigned char { exclusive, shared };

}  // namespace goro::detail
