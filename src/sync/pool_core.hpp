// SPDX-License-Identifier: MIT
// What lies under a pool: its stripes, and its place in the list of all pools. The protocol is pool.cpp's.
#pragma once

#include "base/lock_rank.hpp"

#include <goro/pool.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace goro::detail {

inline constexpr std::uint32_t first_stripes = 8;
inline constexpr std::uint32_t further_blocks = 7;  // of 8, 16 … 512: 1,024 stripes in all

// The cache of one P. The two heads are written under the lock, and read without it as a hint.
struct alignas(64) pool_stripe {
  ranked_spin_lock<lock_rank::leaf> lock;
  bool closed = false;                     // under lock
  std::atomic<pool_cell*> fresh{nullptr};  // given back since the last trim, the latest first
  std::atomic<pool_cell*> aged{nullptr};   // waiting since before that

  bool looks_empty() const noexcept {
    return fresh.load(std::memory_order_relaxed) == nullptr &&
           aged.load(std::memory_order_relaxed) == nullptr;
  }
};

// In the ring of all pools. A trim walks it with a mark of its own, which is no pool.
struct pool_link {
  pool_core* pool = nullptr;
  pool_link* next = this;
  pool_link* prev = this;
};

struct pool_core {
  explicit pool_core(void (*end)(pool_cell*) noexcept) noexcept : destroy(end) {}
  ~pool_core();
  pool_core(const pool_core&) = delete;
  pool_core& operator=(const pool_core&) = delete;

  void drop() noexcept {  // one count less
    if (counts.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
  }

  // Calls f(stripe) for each stripe there is, from the given one on, until it returns true.
  template <class F>
  bool any_stripe(std::uint32_t from, F f) noexcept;

  void (*const destroy)(pool_cell*) noexcept;
  std::atomic<std::size_t> counts{1};  // the pool, and each object that exists
  pool_link link;                      // under the lock of all pools
  pool_stripe first[first_stripes];
  std::atomic<pool_stripe*> further[further_blocks]{};  // made when a P of such a number first gives back
};

// In place of a block of a closed pool: none is to be made any more.
inline pool_stripe* const no_more_stripes = reinterpret_cast<pool_stripe*>(alignof(pool_stripe));

inline pool_stripe* stripes_of(pool_stripe* block) noexcept {
  return block == no_more_stripes ? nullptr : block;
}

template <class F>
bool pool_core::any_stripe(std::uint32_t from, F f) noexcept {
  for (std::uint32_t i = 0; i != first_stripes; ++i)
    if (f(first[(from + i) % first_stripes])) return true;
  for (std::uint32_t block = 0; block != further_blocks; ++block) {
    const std::uint32_t size = first_stripes << block;
    pool_stripe* const stripes = stripes_of(further[block].load(std::memory_order_acquire));  // P2
    if (stripes == nullptr) continue;
    for (std::uint32_t i = 0; i != size; ++i)
      if (f(stripes[(from + i) % size])) return true;
  }
  return false;
}

// All pools; pool_trim.cpp.
void enter_pool(pool_core& core) noexcept;
void leave_pool(pool_core& core) noexcept;

// Destroys a chain, without any lock.
void destroy_cells(pool_cell* chain) noexcept;

}  // namespace goro::detail
