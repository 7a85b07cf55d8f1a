// SPDX-License-Identifier: MIT
// Blocking calls that were not announced, and cost a P: see pins.cpp.
#pragma once

#include "debug/dump.hpp"

namespace goro::detail {

// As lines of a dump; nothing if there were none. May throw std::bad_alloc.
void write_pins(text_sink sink);

// Naming it brings the file into a program that is linked with the static library.
extern const char pins_are_linked;

}  // namespace goro::detail
