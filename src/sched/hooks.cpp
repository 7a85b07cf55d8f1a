// SPDX-License-Identifier: MIT
#include "sched/hooks.hpp"

namespace goro::detail {

constinit scheduler_hooks hooks;
constinit bool locks_are_watched = false;

void tell_counted(const void* count) noexcept { hooks.locks->counted(count); }
void tell_uncounted(const void* count) noexcept { hooks.locks->uncounted(count); }

// No hook: the room was not linked, since nobody makes contexts; this one is default-made.
canceller* canceller_of(const context& ctx) noexcept {
  return hooks.canceller_of == nullptr ? nullptr : hooks.canceller_of(ctx);
}

}  // namespace goro::detail
