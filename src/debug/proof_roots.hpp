// SPDX-License-Identifier: MIT
// Where a proof begins: everything that somebody who is awake can read. That is all memory there is, except
//
//   units and objects       what is to be proved (proof_graph.hpp)
//   recorded blocks         of the heap, whose bounds goro::leak knows (proof_blocks.hpp), and its records
//   stacks of goroutines    of those awake, the live part is shown; the rest, and what nobody uses, is dead
//   blocks of goroutines    of those awake, closure and locals are shown; the rest is the runtime's
//   dead parts of stacks    below the stack pointer: of the main thread, the caller and the runtime's threads, whose
//                           bounds are known; other threads' stacks count as a whole
//   the runtime's own       what a thread of the runtime has on its own stack while it runs a goroutine or is idle,
//                           and in its registers while it is idle: no user's code is under way there
//   timers' heaps           hold stale items: those that are armed are shown
//   the proof's own memory
//
// and in addition the registers of all threads and the words that the kernel keeps.
#pragma once

#include "debug/proof_marker.hpp"

#include <cstdint>

namespace goro::detail {

class proof_roots {
 public:
  // `sp`: the caller's frames are above; `own`: bounds of the caller's stack, where it is a thread's.
  proof_roots(scratch& memory, memory_map& map, const stopped_world& world, const proof_waits& waits,
              const proof_blocks& blocks, std::uintptr_t sp, address_range own) noexcept
      : memory_(memory), map_(map), world_(world), waits_(waits), blocks_(blocks), sp_(sp), own_(own) {}
  proof_roots(const proof_roots&) = delete;
  proof_roots& operator=(const proof_roots&) = delete;

  // Shows all of it. False: see why().
  bool show(proof_marker& to) noexcept;
  const char* why() const noexcept { return why_; }

 private:
  void show_threads(proof_marker& to) noexcept;
  void show_stack(std::uintptr_t sp, proof_marker& to) noexcept;
  void show_goroutines(proof_marker& to) noexcept;
  bool find_holes(const proof_marker& pieces) noexcept;
  void add_hole(std::uintptr_t first, std::uintptr_t last) noexcept {
    if (first < last) holes_[hole_count_++] = {first, last};
  }
  void add_dead_stacks() noexcept;
  std::uintptr_t sp_of(int tid) const noexcept;
  bool is_idle(const stopped_thread& t) const noexcept;
  bool show_open_memory(proof_marker& to) noexcept;

  scratch& memory_;
  memory_map& map_;
  const stopped_world& world_;
  const proof_waits& waits_;
  const proof_blocks& blocks_;
  const std::uintptr_t sp_;
  const address_range own_;
  address_range* holes_ = nullptr;
  std::size_t hole_count_ = 0;
  const char* why_ = nullptr;
};

}  // namespace goro::detail
