// SPDX-License-Identifier: MIT
#include "sched/hooks.hpp"

namespace goro::detail {

constinit scheduler_hooks hooks;
constinit bool locks_are_watched = false;

canceller* canceller_of(const context& ctx) noexcept { return hooks.canceller_of(ctx); }

}  // namespace goro::detail
