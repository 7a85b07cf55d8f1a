// SPDX-License-Identifier: MIT
// Signals of the operating system as the end of a context: a program that is asked to stop stops in good order.
//
//   int main() {
//     auto [ctx, stop] = goro::notify_context(goro::background(), {SIGINT, SIGTERM});
//     return goro::run([ctx = ctx] { serve(ctx); });
//   }
//
// Go's signal.NotifyContext. From then on the signals that it named no longer do what they did before; that comes
// back when the function of the last context that named them is called, or the last such context is gone. So call
// it once the first signal has come, if a second Ctrl-C is to kill a program that does not come to its end.
// May be called from any goroutine and any thread. A child of fork gets its signals itself, as by default.
#pragma once

#include <initializer_list>
#include <stdexcept>
#include <utility>

#include <goro/context.hpp>
#include <goro/detail/export.hpp>

namespace goro {

// The cause of a context that a signal ended.
class GORO_API signal_error : public std::runtime_error {
 public:
  // The text has the signal's name, as in "goro: signal: Terminated".
  explicit signal_error(int signal);
  int signal() const noexcept { return signal_; }

 private:
  int signal_;
};

// A context that is done, with errc::canceled, when the first of `signals` arrives, when its function is called,
// or when its parent is done. Its cause() is then a signal_error.
//
// Throws   std::invalid_argument for a number that is no signal, or one that cannot be caught (SIGKILL, SIGSTOP)
//          or that says that the program is at fault (SIGSEGV, SIGBUS, SIGFPE, SIGILL); std::logic_error if the
//          parent is empty; std::system_error if the kernel gives no descriptor or no thread; std::bad_alloc.
// Cost     the first one starts a thread, which sleeps until a signal arrives.
// Go       signal.NotifyContext
GORO_API std::pair<context, cancel_func> notify_context(const context& parent,
                                                        std::initializer_list<int> signals);

}  // namespace goro
