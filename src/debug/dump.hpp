// SPDX-License-Identifier: MIT
// Sightings as records, as text and as JSON.
#pragma once

#include "debug/walk.hpp"

#include <goro/detail/goroutine_info.hpp>

#include <string_view>

namespace goro::detail {

// Where text goes: piece by piece, each some lines.
struct text_sink {
  void (*write)(void* to, std::string_view piece);
  void* to;
};

struct dump_limits {
  std::size_t groups = SIZE_MAX;  // of goroutines with equal state and stack
  std::size_t heads = SIZE_MAX;   // goroutines named in each group
};

// May throw std::bad_alloc.
void write_text(sightings seen, const dump_limits& limits, text_sink sink);
void write_json(const sightings& seen, text_sink sink);

// Goroutines, then failures.
std::vector<goroutine_info> records(const sightings& seen);

// All addresses of all sightings, looked up; and a stack with what was inlined, without goro's inner functions.
void symbolise_all(const sightings& seen);
std::vector<stack_frame> frames_of(std::span<const std::uintptr_t> pcs);
stack_frame creation_frame(std::uintptr_t created_at);  // the user's line, with that pc

// Those addresses of a stack that have something to show; all of them if none has. After symbolise_all.
void drop_inner(sightings& seen);

}  // namespace goro::detail
