// SPDX-License-Identifier: MIT
// What is known of a goroutine, as the uncaught handler gets it.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include <goro/clock.hpp>

namespace goro {

struct stack_frame {
  std::uintptr_t pc = 0;
  std::string function;
  std::string file;
  int line = 0;
};

struct goroutine_info {
  std::uint64_t id = 0;
  std::string name;
  std::string state;                  // "running", "chan receive", "sleep", ...
  duration waiting{};                 // how long it has been in that state; zero: not known
  const void* waits_on = nullptr;
  std::uint64_t created_by = 0;       // id of the creator; 0: a plain thread
  stack_frame created_at;             // the line that called go
  std::vector<stack_frame> stack;     // innermost first; empty: not asked for
};

}  // namespace goro
