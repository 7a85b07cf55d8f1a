// SPDX-License-Identifier: MIT
// What a report says of the goroutine that it is about: its name, who has made it, and a stack. Each is written to
// standard error, by means of the rooms above where they are there (hooks.hpp).
#pragma once

#include <goro/detail/goroutine_info.hpp>

#include "base/fatal.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace goro::detail {

struct goroutine;

// goroutine 7 "name"; null is a plain thread.
void append_name(fatal_text& to, const goroutine* g) noexcept;

// A line; none for null.
void write_creation(const goroutine* g) noexcept;

// Of a stack as sched/throw_site.hpp notes it. Empty: not known.
std::vector<stack_frame> frames_of(const std::uintptr_t* pcs, std::size_t n) noexcept;

// A line for each; the first begins with `first`, which is as long as "  thrown by ".
void write_frames(const char* first, const std::uintptr_t* pcs, std::size_t n) noexcept;

}  // namespace goro::detail
