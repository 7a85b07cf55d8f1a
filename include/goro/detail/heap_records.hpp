// SPDX-License-Identifier: MIT
// The seam between goro::leak, which records where the heap's blocks begin and end, and proofs, which ask for it.
#pragma once

#include <cstddef>
#include <cstdint>

#include <goro/detail/export.hpp>

namespace goro::detail {

struct heap_records {
  using shower = void (*)(void* to, std::uintptr_t first, std::size_t bytes) noexcept;

  // Why nothing is recorded though it was asked for; null: it is, or was not asked for.
  const char* unavailable;
  // Both while no other thread runs. They take no lock and allocate nothing; a thread may stand in the midst of any
  // call of new or delete. Blocks: in no order, each once, not empty, each with the bounds that its owner knows.
  void (*show_blocks)(shower show, void* to) noexcept;
  void (*show_own_memory)(shower show, void* to) noexcept;
};

// Static initialisation of the library that records. `records` lives for ever.
GORO_API void set_heap_records(const heap_records* records) noexcept;

}  // namespace goro::detail
