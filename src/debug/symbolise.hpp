// SPDX-License-Identifier: MIT
// From program counters to functions, files and lines, remembered for the process's life.
//
// A hundred thousand goroutines have a few hundred distinct return addresses, so each is looked up once: all
// new ones of a module in one run of addr2line, which prints what was inlined too and knows static functions.
// Where it cannot be run (not installed, no process to be had), or says nothing, the dynamic symbol table
// gives the function. An address of a library that was unloaded, and is another's now, keeps its old name.
#pragma once

#include <goro/detail/goroutine_info.hpp>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace goro::detail {

struct symbol {
  std::vector<stack_frame> frames;  // innermost first: what was inlined there; never empty
  bool is_inner = false;            // all of them are: see below
  std::string module;               // with `offset`, where there is no file
  std::uintptr_t offset = 0;
};

// Looks up those that are not known yet. Any thread; may block while addr2line runs, 20 s at most a module.
void symbolise(std::span<const std::uintptr_t> pcs);

// While one of these lives nobody waits for addr2line, and who does already stops: for a report that would be late,
// which then has modules and offsets for what is not known yet.
class no_more_asking {
 public:
  no_more_asking() noexcept;
  ~no_more_asking();
  no_more_asking(const no_more_asking&) = delete;
  no_more_asking& operator=(const no_more_asking&) = delete;
};

// One of those. The reference holds for ever.
const symbol& symbol_of(std::uintptr_t pc);

// The line that a user would point at: the first frame that is not in goro's headers.
const stack_frame& user_frame(const symbol& s) noexcept;

// "file:line"; "module+offset" where no names are known; or the address. Of an address that has been symbolised.
std::string where(const stack_frame& f);

// A function of goro's inside, or of the C++ library between goro and a closure: left out of stacks.
bool is_inner(const stack_frame& f) noexcept;

}  // namespace goro::detail
