// SPDX-License-Identifier: MIT
#include "sync/escape.hpp"

namespace goro::detail {

// goexit() unwinds without a C++ exception, so a handler for all that it enters has no current one.
std::exception_ptr escaped_exception() {
  std::exception_ptr error = std::current_exception();
  if (!error) throw;
  return error;
}

}  // namespace goro::detail
