// SPDX-License-Identifier: MIT
// The end of the program because an object is used that is none any more. What would follow is undefined, so nothing is
// thrown: the report says who, and from where, and stands before the damage.
#pragma once

#include <goro/detail/lock_watch.hpp>

namespace goro::detail {

// "goro: <what> <object> <is> (<call>)", who calls, made by whom, its stack, those of all others; and abort().
[[noreturn]] void end_for_misuse(const void* object, const char* what, const char* is, const char* call) noexcept;

}  // namespace goro::detail
