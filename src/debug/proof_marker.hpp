// SPDX-License-Identifier: MIT
// The second half of a proof: what can be reached. Words come in, first of all open memory; each that is an
// address inside an entity (a unit, an object, a block of the heap with known bounds) marks it; what is marked is read in its turn, and whoever sleeps on something in it is
// live from then on. When nothing is left to read, those that are not live are stuck.
//
// Each entity is read once and each sleeper is looked at once for each thing that it waits on: the work is the
// words plus the waits, however long a chain of goroutines that hold each other may be.
//
// What counts as "inside": of a stack, from the saved stack pointer to its end; of a closure, also one past its
// end, since that is what the end of an array in it is. (What lies last in an object is goro's own, and goro keeps
// no such addresses; the allocator does: to it that is where the next block begins.) The address of a goroutine's block is no
// reference: only the runtime has it, in its queues and free lists, and in waiters; user code cannot get at a
// goroutine by it. (Who is about to make one ready by it has taken it off its queue: proof_waits.hpp.)
#pragma once

#include "debug/memory_map.hpp"
#include "debug/proof_blocks.hpp"
#include "debug/proof_waits.hpp"

#include <cstddef>
#include <cstdint>

namespace goro::detail {

class proof_marker final : public word_sink {
 public:
  proof_marker(const proof_waits& waits, proof_blocks& blocks, memory_map& map) noexcept
      : waits_(waits), blocks_(blocks), map_(map) {}
  proof_marker(const proof_marker&) = delete;
  proof_marker& operator=(const proof_marker&) = delete;

  // False: no memory.
  bool prepare(scratch& memory) noexcept;

  // Open memory, and registers.
  void words(const std::uint64_t* first, const std::uint64_t* last) noexcept;
  void words(const std::uint64_t* first, const std::uint64_t* last, std::uintptr_t) noexcept override {
    words(first, last);
  }
  void word(std::uint64_t w) noexcept { words(&w, &w + 1); }
  // Reads what is marked until nothing is.
  void run() noexcept;

  bool is_stuck(std::uint32_t u) const noexcept {
    return waits_.units()[u].is == verdict::waiting && !live_[u];
  }
  const std::uint64_t* marked_by(std::uint32_t entity) const noexcept { return marked_by_[entity]; }
  std::size_t words_read() const noexcept { return words_read_; }
  std::size_t marked_count() const noexcept { return marked_count_; }

  struct piece {
    std::uintptr_t first;
    std::uintptr_t last;
    std::uintptr_t end;  // addresses below it count: of a closure also `last`
    std::uint32_t entity;
  };
  const piece* pieces() const noexcept { return pieces_; }
  std::size_t piece_count() const noexcept { return piece_count_; }

 private:
  struct page {
    std::uintptr_t number;  // 0: free
    std::uint32_t piece;    // the first that reaches into it
  };

  void mark(std::uint32_t entity) noexcept;
  void make_live(std::uint32_t u) noexcept;
  void read_entity(std::uint32_t entity) noexcept;
  void look_up_in_heap(std::uintptr_t at) noexcept;
  void add_sleeper(std::uint32_t u, std::uintptr_t waker) noexcept;
  std::uint32_t object_at(std::uintptr_t at) const noexcept;
  void index_page(std::uintptr_t number, std::uint32_t piece) noexcept;
  const page* page_of(std::uintptr_t at) const noexcept;

  const proof_waits& waits_;
  proof_blocks& blocks_;
  memory_map& map_;
  std::uint32_t first_block_ = 0;  // the entity that block 0 is
  std::uintptr_t blocks_first_ = 0;
  std::uintptr_t blocks_span_ = 0;
  piece* pieces_ = nullptr;
  std::size_t piece_count_ = 0;
  std::uintptr_t heap_first_ = 0;
  std::uintptr_t heap_span_ = 0;  // of all pieces
  page* pages_ = nullptr;
  std::size_t page_mask_ = 0;
  unsigned char* marked_ = nullptr;            // by entity
  const std::uint64_t** marked_by_ = nullptr;  // by entity: the word that marked it
  const std::uint64_t* at_ = nullptr;          // that is being read
  unsigned char* live_ = nullptr;              // by unit
  std::uint32_t* to_read_ = nullptr;
  std::size_t to_read_count_ = 0;
  std::uint32_t* first_sleeper_ = nullptr;  // by entity, number plus 1
  sleeper* sleepers_ = nullptr;
  std::size_t sleeper_count_ = 0;
  std::uintptr_t stacks_first_ =
      0;  // of all stacks and blocks of goroutines, to look no closer at other words
  std::uintptr_t stacks_span_ = 0;
  std::size_t words_read_ = 0;
  std::size_t marked_count_ = 0;
};

}  // namespace goro::detail
