// SPDX-License-Identifier: MIT
// Blocks of the heap whose bounds are known (goro::leak records them), sorted, and the way from an address to the
// block that it refers to. All of it is made while the threads stand still, in the proof's own memory.
//
//   reference   an address inside the block or one past its end. Where the allocator leaves nothing between two
//               blocks it can be of both, and counts for both.
//
// From an address to the block takes a look at a bitmap (are there any in these 64 MiB?), one into a hash table of
// the pages in which blocks begin, and a binary search among the at most 256 that begin there. Where none begins it
// is a search among all: it may lie in a large one.
//
// Left out, so open memory as what is not recorded: blocks that do not lie in one private, readable mapping; those
// that overlap with what a unit or an object is known to be, which has bounds of its own.
#pragma once

#include "debug/memory_map.hpp"

#include <goro/detail/heap_records.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace goro::detail {

struct heap_block {
  std::uintptr_t first;
  std::uintptr_t last;
};

class proof_blocks {
 public:
  static constexpr std::size_t none = SIZE_MAX;

  explicit proof_blocks(scratch& memory) noexcept : memory_(memory) {}
  proof_blocks(const proof_blocks&) = delete;
  proof_blocks& operator=(const proof_blocks&) = delete;

  // While the threads stand still. Null: nobody records. False: no memory.
  bool collect(const heap_records* records, memory_map& map) noexcept;
  // Asked in rising order.
  template <class Condition>
  void drop_if(Condition drop) noexcept {
    count_ = static_cast<std::size_t>(std::remove_if(blocks_, blocks_ + count_, drop) - blocks_);
  }
  // When it is known which they are. False: no memory.
  bool index() noexcept;

  std::size_t size() const noexcept { return count_; }
  const heap_block& operator[](std::size_t i) const noexcept { return blocks_[i]; }
  const heap_block* begin() const noexcept { return blocks_; }
  const heap_block* end() const noexcept { return blocks_ + count_; }
  // References lie in [first(), last()).
  std::uintptr_t first() const noexcept { return first_; }
  std::uintptr_t last() const noexcept { return last_; }

  // Which block this byte lies in; none.
  std::size_t containing(std::uintptr_t at) const noexcept;

  // f(number of a block), of each that the address refers to: one, seldom two.
  template <class F>
  void for_each_referred_to(std::uintptr_t w, F&& f) const noexcept {
    if (!may_be_at(w)) return;
    const std::size_t after = first_beyond(w);
    for (std::size_t i = after; i != 0 && after - i != 2; --i)
      if (w <= blocks_[i - 1].last) f(i - 1);
  }

  // What of the recorder's own memory is no open memory.
  const heap_block* own() const noexcept { return own_; }
  std::size_t own_count() const noexcept { return own_count_; }

 private:
  static constexpr unsigned chunk_bits = 26;
  static constexpr unsigned address_bits = 48;
  struct page {
    std::uintptr_t number;  // 0: free
    std::uint32_t block;    // the first that begins in it
  };

  bool may_be_at(std::uintptr_t w) const noexcept {
    const std::uintptr_t chunk = w >> chunk_bits;
    return (chunks_[chunk / 64] >> (chunk % 64) & 1) != 0;
  }
  // How many blocks begin at or before `at`.
  std::size_t first_beyond(std::uintptr_t at) const noexcept;

  scratch& memory_;
  heap_block* blocks_ = nullptr;
  std::size_t count_ = 0;
  heap_block* own_ = nullptr;
  std::size_t own_count_ = 0;
  std::uintptr_t first_ = 0;
  std::uintptr_t last_ = 0;
  std::uint64_t* chunks_ = nullptr;  // a bit for each
  page* pages_ = nullptr;
  std::size_t page_mask_ = 0;
};

}  // namespace goro::detail
