// SPDX-License-Identifier: MIT
// Dumps to standard error when the process ends, or by SIGQUIT.
#pragma once

#include "debug/dump.hpp"

namespace goro::detail {

// The text to file descriptor 2. Without memory it ends early, and says so.
void write_to_stderr(walk_kind kind, bool daemons, const dump_limits& limits) noexcept;

// What pins() knows, to file descriptor 2.
void write_pins_to_stderr() noexcept;

}  // namespace goro::detail
