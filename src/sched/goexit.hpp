// SPDX-License-Identifier: MIT
// goexit: the goroutine's stack is unwound by the C++ unwinder's forced mode, the one of pthread_exit, so
// destructors run and `catch (...)` cannot hold it: a handler that ends without rethrowing destroys the
// exception object, whose clean-up starts the unwinding again from there.
#pragma once

namespace goro::detail {

// The forced unwinding has reached the bottom frame, inside its catch block.
void goexit_arrived() noexcept;

// Is the calling goroutine on its way out by goexit?
bool unwinding_by_goexit() noexcept;

}  // namespace goro::detail
