// SPDX-License-Identifier: MIT
// Exceptions that leave a goroutine, or that nobody collected.
#pragma once

#include <goro/detail/export.hpp>

#include <exception>

namespace goro::detail {

struct goroutine;

// On the goroutine's stack, outside the runtime. Calls the handler; with the default one it does not return.
void report_uncaught(goroutine* g, std::exception_ptr e) noexcept;

// For the failure of a scope or the like that nobody collected: blames the calling goroutine.
void report_uncaught(std::exception_ptr e) noexcept;

// For a failure that ends less than the program, in the calling goroutine: without a handler it is printed, and all
// goes on. `head` stands in front of "goroutine 7".
GORO_API void report_survived(const char* head, std::exception_ptr e) noexcept;

}  // namespace goro::detail
