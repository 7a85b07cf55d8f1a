// SPDX-License-Identifier: MIT
// The seam between goro::locks, which sees the C library's locks taken and given back, and GORO_DEBUG=deadlock, which
// reports a goroutine that parks while it holds one: src/debug/held_locks.hpp. All of it may be called in any thread,
// inside any lock operation of the program: nothing here allocates or takes a lock of the C library.
#pragma once

#include <cstddef>
#include <cstdint>

#include <goro/detail/export.hpp>

namespace goro::detail {

// Where somebody is about to take a lock. Of a plain thread nothing is kept.
struct taking {
  static constexpr std::size_t most_frames = 16;

  std::uint64_t goroutine = 0;  // 0: none, and the rest means nothing
  std::size_t depth = 0;
  std::uintptr_t pcs[most_frames];
};

enum class held_kind : unsigned char { mutex, reader, writer };

// Static initialisation of the library that sees locks; `unavailable`: why it does not, or null. True: it is to tell
// from now on of each lock that it sees.
GORO_API bool watch_held_locks(const char* unavailable) noexcept;

// Before a lock is asked for: notes who does so, and from where. `caller`: a return address, for want of a stack.
GORO_API void note_taking(taking& at, const void* lock, const void* caller) noexcept;
// `at`'s goroutine, which calls, has it now.
GORO_API void note_taken(const taking& at, const void* lock, held_kind how) noexcept;
// Before it is given back, by anybody.
GORO_API void note_given_back(const void* lock) noexcept;
// The same before the caller waits for a condition with it, and where it was taken.
GORO_API void note_lent(taking& at, const void* lock) noexcept;

}  // namespace goro::detail
