// SPDX-License-Identifier: MIT
// Where higher rooms plug in: the scheduler must report, but knows nobody above it. One table; an empty
// entry means the plain text or the plain behaviour, and costs one predictable branch at a rare place.
// Set before the program uses goro, or by static initialisation of the room that fills it.
#pragma once

#include <goro/detail/canceller.hpp>

namespace goro::detail {

struct scheduler_hooks {
  // Appends the stacks of all goroutines to a report that ends the process.
  void (*dump_all)() noexcept = nullptr;
  // What breaks waits for a context. Filled by the room that makes contexts, before it makes the first.
  canceller* (*canceller_of)(const context&) noexcept = nullptr;
};
extern constinit scheduler_hooks hooks;

}  // namespace goro::detail
