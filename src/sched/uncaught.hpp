// SPDX-License-Identifier: MIT
// Exceptions that leave a goroutine, or that nobody collected.
#pragma once

#include "sched/throw_site.hpp"

#include <exception>

namespace goro::detail {

struct goroutine;

// On the goroutine's stack, outside the runtime. Calls the handler; with the default one it does not return.
void report_uncaught(goroutine* g, std::exception_ptr e, const throw_site& site) noexcept;

// For what the calling goroutine has just caught: blames it, and takes its throw site.
void report_uncaught(std::exception_ptr e) noexcept;

// For the failure of a scope or the like that nobody collected: blames the calling goroutine.
void report_uncaught(std::exception_ptr e, const throw_site& site) noexcept;

// For a failure that ends less than the program: report_survived of goro/go.hpp.

}  // namespace goro::detail
