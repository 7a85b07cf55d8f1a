// SPDX-License-Identifier: MIT
// The slab of G blocks: one array in one reservation, grown at its end and never given back, so that a
// pointer to a G is always a pointer to a G, and all of them can be walked by number without a lock.
//
// Free blocks are cached by each P (processor.hpp) and exchanged with the shared list in whole batches,
// linked through `link`, so an exchange costs one lock and a few pointers.
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

struct free_list {
  goroutine* first = nullptr;
  std::size_t count = 0;

  void push(goroutine* g) noexcept {
    g->link = first;
    first = g;
    ++count;
  }
  goroutine* pop() noexcept {  // not empty
    goroutine* const g = first;
    first = g->link;
    g->link = nullptr;
    --count;
    return g;
  }
};

// Set when a go() was refused: from then on no P keeps free blocks to itself.
extern constinit std::atomic<bool> blocks_are_scarce;

// Reserves the address space. False: there is none.
bool init_goroutines() noexcept;

// Fills `into` with up to block_batch blocks (at least one, or false: the limit is reached).
bool take_blocks(free_list& into) noexcept;
// Takes block_batch blocks off `from`, which has at least that many.
void give_blocks(free_list& from) noexcept;

// For callers without a P: one at a time, under the lock. Null: the limit is reached.
goroutine* take_block() noexcept;
void give_block(goroutine* g) noexcept;

// The walk: every block that ever was, dead ones included.
std::size_t block_count() noexcept;
goroutine* block_at(std::size_t index) noexcept;
std::size_t block_limit() noexcept;

// Ids: batches for the Ps, so that numbering costs no shared line. Returns the first of `n`.
std::uint64_t take_ids(std::uint64_t n) noexcept;

}  // namespace goro::detail
