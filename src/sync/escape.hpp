// SPDX-License-Identifier: MIT
// What to do with an exception that reaches the end of a goroutine's function.
#pragma once

#include <goro/detail/export.hpp>

#include <exception>

namespace goro::detail {

// Called in a handler: the exception that it handles, unless that is a goexit(), which goes on.
GORO_API std::exception_ptr escaped_exception();

}  // namespace goro::detail
