// SPDX-License-Identifier: MIT
#include "sched/hooks.hpp"

namespace goro::detail {

constinit scheduler_hooks hooks;
constinit bool locks_are_watched = false;
constinit bool unlock_by_store = false;

void tell_counted(const void* count) noexcept { hooks.locks->counted(count); }
void tell_uncounted(const void* count) noexcept { hooks.locks->uncounted(count); }
void tell_made(const void* count) noexcept {
  if (hooks.locks->made != nullptr) hooks.locks->made(count);
}
void tell_destroyed(const void* count) noexcept {
  if (hooks.locks->destroyed != nullptr) hooks.locks->destroyed(count);
}
void tell_used(const void* count, const char* call) noexcept {
  if (hooks.locks->used != nullptr) hooks.locks->used(count, call);
}

// No hook: the room was not linked, since nobody makes contexts; this one is default-made.
canceller* canceller_of(const context& ctx) noexcept {
  return hooks.canceller_of == nullptr ? nullptr : hooks.canceller_of(ctx);
}

}  // namespace goro::detail
