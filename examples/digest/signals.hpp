// SPDX-License-Identifier: MIT
// SIGINT and SIGTERM as values on a channel.
#pragma once

#include <goro/goro.hpp>

namespace digest {

// In the plain main, before any goroutine runs: threads inherit the mask, so no thread is interrupted.
void block_signals();

// Starts a daemon goroutine that waits for signals and sends their numbers. At the second one it ends the
// process, should the first not have been enough.
goro::recv_chan<int> watch_signals();

}  // namespace digest
