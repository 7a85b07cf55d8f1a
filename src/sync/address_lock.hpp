// SPDX-License-Identifier: MIT
// The locks under the lists of those who wait in this room: one table for all objects, by address.
//
// A lock of this kind is not part of the object that it guards. So the object can be a constant-initialised
// global without a destructor, and may be destroyed by whoever was let through, while the one who let it
// through still holds the lock or is about to release it: its last touch of the object lies before that.
// Two objects that share a lock cost each other a few nanoseconds; no section holds two of them.
#pragma once

#include "base/lock_rank.hpp"

#include <cstddef>
#include <cstdint>

namespace goro::detail {

using wait_list_lock = ranked_spin_lock<lock_rank::wait_list>;

struct alignas(64) padded_wait_list_lock {
  wait_list_lock lock;
};
inline constexpr std::size_t wait_list_lock_count = 64;
extern constinit padded_wait_list_lock wait_list_locks[wait_list_lock_count];

inline std::size_t lock_index(const void* object) noexcept {
  const std::uint64_t spread = reinterpret_cast<std::uintptr_t>(object) * 0x9e37'79b9'7f4a'7c15;
  return spread >> 58;
}
inline wait_list_lock& lock_of(const void* object) noexcept {
  return wait_list_locks[lock_index(object)].lock;
}

}  // namespace goro::detail
