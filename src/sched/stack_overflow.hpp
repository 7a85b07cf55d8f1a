// SPDX-License-Identifier: MIT
// A goroutine that runs out of its stack hits the guard: the SIGSEGV is answered on an alternate stack with
// who it is, where it was created and its frames, and the process aborts. Any other SIGSEGV goes on to the
// handler that was there before ours.
#pragma once

namespace goro::detail {

void install_overflow_handler() noexcept;
// The alternate stack of an M's thread. Null: none could be had.
void* install_signal_stack() noexcept;
void remove_signal_stack(void* stack) noexcept;

}  // namespace goro::detail
