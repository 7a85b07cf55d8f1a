// SPDX-License-Identifier: MIT
// The slab of G blocks: one array in one reservation, grown at its end and never given back, so that a
// pointer to a G is always a pointer to a G, and all of them can be walked by number without a lock.
//
// Free blocks are cached by each P (processor.hpp) and exchanged with the shared stock in whole batches. Both
// are arrays of pointers rather than lists through the blocks: an exchange copies eight cache lines and touches
// no block, and who takes blocks knows which ones come next, and fetches them before they are needed (a block
// that another CPU has freed costs a hundred nanoseconds otherwise).
//
// There are never more blocks than stacks that can be had (less a reserve for the stacks that the Ms
// themselves hold): so a goroutine that exists can always be given a stack, and running out is an error of
// go(), where it can be thrown, not of the scheduler.
#pragma once

#include "sched/goroutine.hpp"

#include <cstddef>
#include <cstdint>

namespace goro::detail {

inline constexpr std::size_t block_batch = 64;

// A stack of free blocks, the last one freed on top.
class free_blocks {
 public:
  std::size_t count() const noexcept { return count_; }
  bool full() const noexcept { return count_ == 2 * block_batch; }

  void push(goroutine* g) noexcept { blocks_[count_++] = g; }  // not full
  goroutine* pop() noexcept {                                   // not empty
    goroutine* const g = blocks_[--count_];
    if (count_ >= look_ahead) prefetch(blocks_[count_ - look_ahead]);
    return g;
  }

 private:
  friend bool take_blocks(free_blocks& into) noexcept;
  friend void give_blocks(free_blocks& from) noexcept;
  static constexpr std::size_t look_ahead = 3;

  static void prefetch(goroutine* g) noexcept {
    __builtin_prefetch(g, 1);
    __builtin_prefetch(reinterpret_cast<std::byte*>(g) + 64, 1);
  }

  std::size_t count_ = 0;
  goroutine* blocks_[2 * block_batch];
};

// Set when a go() was refused: from then on no P keeps free blocks to itself.
extern constinit std::atomic<bool> blocks_are_scarce;

// Reserves the address space. False: there is none.
bool init_goroutines() noexcept;

// Fills `into`, which is empty, with up to block_batch blocks (at least one, or false: the limit is reached).
bool take_blocks(free_blocks& into) noexcept;
// Takes the colder half of a full `from`, or all of one that is not.
void give_blocks(free_blocks& from) noexcept;

// For callers without a P: one at a time, under the lock. Null: the limit is reached.
goroutine* take_block() noexcept;
void give_block(goroutine* g) noexcept;

// The walk: every block that ever was, dead ones included.
std::size_t block_count() noexcept;
goroutine* block_at(std::size_t index) noexcept;
std::size_t block_limit() noexcept;

// Where the array and the number of its blocks are kept: for gdb.
struct blocks_place {
  goroutine* const* first;
  const std::atomic<std::size_t>* made;
};
extern const blocks_place the_blocks;

// Ids: batches for the Ps, so that numbering costs no shared line. Returns the first of `n`.
std::uint64_t take_ids(std::uint64_t n) noexcept;

}  // namespace goro::detail
