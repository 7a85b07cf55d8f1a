// SPDX-License-Identifier: MIT
// Where in the program an address is: module, function, and, where a helper program can tell, file and line.
// The plain means of the scheduler's own reports; a room above may do it better (hooks.hpp).
#pragma once

#include <cstdint>
#include <string>

namespace goro::detail {

struct place {
  std::string function;  // demangled; empty: unknown
  std::string file;      // empty: unknown
  int line = 0;
  std::string module;
  std::uintptr_t offset = 0;
};

// Module, offset and the function of the dynamic symbol table; no helper program. May allocate.
place locate(std::uintptr_t pc);

// Whether a file is one of goro's own headers, whose frames are inlined into the user's function: not what he
// looks for.
bool is_goro_header(const std::string& file) noexcept;

// May allocate, and start a process (addr2line, if it is installed) to learn file and line: once for each address.
place find_place(std::uintptr_t pc);

// One frame of a stack: function, module and offset, without a helper program. Async-signal-safe, but for the
// demangler's memory if names are to be `plain`.
void write_frame(std::uintptr_t pc, bool plain = true) noexcept;

// "  created by goroutine 7 at function (file:line)" to stderr. For reports that end the process.
void write_place(const char* what, std::uintptr_t pc, std::uint64_t by) noexcept;

}  // namespace goro::detail
