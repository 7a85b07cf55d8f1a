// SPDX-License-Identifier: MIT
// What the environment asks for: GORO_MAXPROCS, GORO_STACK_SIZE, GORO_DEBUG. Read once, at first use, then
// constant. A value that means nothing ends the program: a setting that is silently ignored is worse.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

namespace goro::detail {

struct settings {
  int max_procs = 0;                     // GORO_MAXPROCS, 1 to 1024; 0: not set, so the CPU count
  std::size_t stack_size = 256u * 1024;  // GORO_STACK_SIZE in bytes, a power of two
  bool debug_leak = false;               // GORO_DEBUG=leak
  bool debug_deadlock = false;           // GORO_DEBUG=deadlock
  int schedtrace_ms = 0;                 // GORO_DEBUG=schedtrace=N, milliseconds; 0: off
};

inline constexpr int max_max_procs = 1024;
inline constexpr std::size_t min_stack_size = 16u * 1024;
inline constexpr std::size_t max_stack_size = 1024u * 1024 * 1024;

using getenv_like = const char* (*)(const char* name);

// Fills `out` from the variables that `lookup` knows; an empty value counts as not set. Returns the text of
// the first error, "goro: GORO_MAXPROCS=banana: not a whole number; allowed: a whole number from 1 to 1024";
// `out` is then as it was.
std::optional<std::string> parse_settings(getenv_like lookup, settings& out);

// The process's settings. The first call reads the environment, and on nonsense prints the error and exits
// with code 2. Any thread.
const settings& the_settings();

}  // namespace goro::detail
