// SPDX-License-Identifier: MIT
#include "sched/blame.hpp"

#include "sched/goroutine.hpp"
#include "sched/hooks.hpp"
#include "sched/place.hpp"

namespace goro::detail {

namespace {

// write_place, remembered. False: no memory for that.
bool write_remembered(const goroutine* g) noexcept {
  try {
    const stack_frame at = hooks.creation_frame(g->created_at);
    if (at.file.empty()) return false;
    fatal_text text;
    text << "  created";
    if (g->created_by != 0) text << " by goroutine " << static_cast<unsigned long>(g->created_by);
    text << " at " << at.file.c_str() << ':' << static_cast<unsigned long>(at.line) << " in "
         << at.function.c_str() << '\n';
    text.write();
    return true;
  } catch (...) {
    return false;
  }
}

// For want of a line: addr2line is not there, or says nothing.
void append_module(fatal_text& to, std::uintptr_t pc) noexcept {
  try {
    const place at = locate(pc);
    if (!at.module.empty()) to << " at " << at.module.c_str() << '+' << hex(at.offset);
  } catch (...) {  // no memory: then without
  }
}

}  // namespace

void append_name(fatal_text& to, const goroutine* g) noexcept {
  if (g == nullptr) {
    to << "a plain thread";
    return;
  }
  to << "goroutine " << static_cast<unsigned long>(g->id);
  if (g->extra != nullptr && g->extra->name != nullptr) to << " \"" << g->extra->name << '"';
}

void write_creation(const goroutine* g) noexcept {
  if (g != nullptr && (hooks.creation_frame == nullptr || !write_remembered(g)))
    write_place("  created", g->created_at, g->created_by);
}

std::vector<stack_frame> frames_of(const std::uintptr_t* pcs, std::size_t n) noexcept {
  std::vector<stack_frame> stack;
  if (n == 0 || hooks.stack_of_throw == nullptr) return stack;
  try {
    hooks.stack_of_throw(pcs, n, stack);
  } catch (...) {  // no memory: then without
  }
  return stack;
}

void write_frames(const char* first, const std::uintptr_t* pcs, std::size_t n) noexcept {
  for (const stack_frame& f : frames_of(pcs, n)) {
    fatal_text line;
    line << first << (f.function.empty() ? "?" : f.function.c_str());
    if (!f.file.empty())
      line << " at " << f.file.c_str() << ':' << static_cast<unsigned long>(f.line);
    else
      append_module(line, f.pc);
    line << '\n';
    line.write();
    first = "         in ";
  }
}

}  // namespace goro::detail
