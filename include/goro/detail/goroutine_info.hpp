// SPDX-License-Identifier: MIT
// What is known of a goroutine, as goroutines() and the uncaught handler give it.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include <goro/clock.hpp>
#include <goro/detail/hidden_address.hpp>

namespace goro {

struct stack_frame {
  std::uintptr_t pc = 0;
  std::string function;  // empty: unknown
  std::string file;      // empty: unknown
  int line = 0;
};

struct goroutine_info {
  std::uint64_t id = 0;
  std::string name;
  std::string state;   // "running", "chan receive", "sleep", ...
  duration waiting{};  // parked for about so long (10 ms too long at most); zero: not parked, not known
  // The channel, lock, ... ; the first channel of a select. A const void*, in a form that is no reference for
  // leak::proven: who keeps this record keeps nothing alive.
  detail::hidden_address waits_on;
  std::uint64_t created_by = 0;    // id of the creator; 0: a plain thread
  stack_frame created_at;          // the line that called go
  std::vector<stack_frame> stack;  // innermost first, without goro's own inner functions; empty: not known
  // Who has the lock that it waits for: ids; 0 for a plain thread. Known with GORO_DEBUG=deadlock only.
  std::vector<std::uint64_t> held_by;
};

}  // namespace goro
