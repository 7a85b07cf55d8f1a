// SPDX-License-Identifier: MIT
// What a thread keeps for the code that it runs and a goroutine must take along: the C++ exception globals
// (exceptions being handled, number of uncaught ones) and errno.
//
// The rule: whenever an M is not inside a goroutine's own code, its exception globals are zero. So park
// saves them only when they are not, and a goroutine that starts finds zero whoever started it, also when
// its creator unwinds (std::uncaught_exceptions() == 0). Both addresses are constant for a thread's life;
// the M keeps them, because asking for them costs a call each time and, worse, a compiler may keep an
// address from before a switch.
#pragma once

#include <cerrno>
#include <cxxabi.h>

namespace goro::detail {

// The layout that the Itanium C++ ABI fixes for __cxa_eh_globals (section 2.2.2).
struct exception_globals {
  void* caught = nullptr;
  unsigned int uncaught = 0;
};

struct thread_state {
  exception_globals* exceptions = nullptr;
  int* error = nullptr;
};

[[gnu::noinline]] inline thread_state this_thread_state() noexcept {
  return {reinterpret_cast<exception_globals*>(abi::__cxa_get_globals()), &errno};
}

}  // namespace goro::detail
