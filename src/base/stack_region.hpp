// SPDX-License-Identifier: MIT
// The stacks of goroutines: one reservation of address space for each stack size, cut into equal slots that
// are aligned to their size. So the slot of a stack pointer, and with it the goroutine that runs there, is
// arithmetic: no thread_local, and nothing that a compiler could keep from before a switch.
//
//     slot (256 KiB)  | guard 16 KiB | ............ frames grow down <- | header 64 B | colour |
//                     ^ slot start                                      ^ stack top            ^ slot end
//
// The colour moves header and frames down by (slot number % 32) * 64 bytes: without it the hot lines of
// all stacks would share one set of the first-level cache.
//
// Invariants
//   I1  base, span and shift of a region are set once, before the first slot is handed out; span last.
//   I2  A slot is in exactly one place: handed out (or in a P's cache), in the hot pool (its pages are
//       still there), in the cold pool (pages given back), or never used yet (number >= fresh_).
//   I3  A slot's guard is installed before it is handed out for the first time, and stays.
//   hot_, cold_, fresh_ are touched under lock_.
// Pair
//   P1  reserve: span release -> contains: span acquire. Who finds an address inside sees base and shift.
// Out of slots, of address space or of vm.max_map_count: take() returns fewer than asked; capacity() tells
// beforehand how many can ever be had, so that go() can refuse in words (goroutine_slab.hpp).
#pragma once

#include "base/spin_lock.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace goro::detail {

struct goroutine;

struct alignas(64) stack_header {
  goroutine* owner = nullptr;        // who runs here
  void* fake_stack = nullptr;        // AddressSanitizer's
  const void* bottom = nullptr;      // lowest usable address
  std::size_t size = 0;              // bytes from bottom to the header
  void* fiber = nullptr;             // ThreadSanitizer's
};

inline constexpr std::size_t stack_guard_size = 16u * 1024;
inline constexpr std::size_t page_size = 4096;

class stack_region {
 public:
  constexpr stack_region() noexcept = default;

  // Reserves up to `slots` slots of 2^shift bytes, halving until the kernel agrees. False: not even 64.
  bool reserve(unsigned shift, std::size_t slots) noexcept;

  // Any thread, at any time, also while another one reserves.
  bool contains(std::uintptr_t sp) const noexcept {
    const std::uintptr_t span = span_.load(std::memory_order_acquire);  // P1
    return sp - base_.load(std::memory_order_relaxed) < span;
  }
  stack_header* header_at(std::uintptr_t sp) const noexcept {
    const std::uintptr_t end = (sp | ((std::uintptr_t{1} << shift_) - 1)) + 1;
    return reinterpret_cast<stack_header*>(end - sizeof(stack_header) - ((sp >> shift_) & 31) * 64);
  }
  std::uintptr_t slot_start(std::uintptr_t sp) const noexcept { return sp & ~((std::uintptr_t{1} << shift_) - 1); }
  unsigned shift() const noexcept { return shift_; }
  std::uintptr_t first() const noexcept { return base(); }
  std::uintptr_t last() const noexcept { return base() + span_.load(std::memory_order_acquire); }  // P1
  bool reserved() const noexcept { return span_.load(std::memory_order_relaxed) != 0; }

  // Up to n stacks, the warmest first; returns how many.
  std::size_t take(stack_header** out, std::size_t n) noexcept;
  void give(stack_header* const* in, std::size_t n) noexcept;

  // Gives the pages of pooled stacks back to the kernel, all but `keep` of them. Returns how many stacks.
  std::size_t trim(std::size_t keep) noexcept;
  // The smallest size of the hot pool since the last call: what was idle all the time.
  std::size_t idle_low_water() noexcept;

  std::size_t capacity() const noexcept { return capacity_; }

 private:
  std::size_t take_fresh(std::size_t n) noexcept;
  stack_header* make_header(std::size_t slot) const noexcept;
  std::uintptr_t base() const noexcept { return base_.load(std::memory_order_relaxed); }
  bool guard(std::size_t first, std::size_t n) noexcept;
  void populate(std::size_t first, std::size_t n) noexcept;
  void put_in_cores(std::size_t slots) noexcept;
  stack_header* header_of(std::size_t slot) const noexcept { return header_at(base() + (slot << shift_)); }
  std::size_t slot_of(const stack_header* h) const noexcept {
    return (reinterpret_cast<std::uintptr_t>(h) - base()) >> shift_;
  }

  std::atomic<std::uintptr_t> base_{0};
  std::atomic<std::uintptr_t> span_{0};  // 0: not reserved; then contains() is false for every address
  unsigned shift_ = 18;
  std::size_t capacity_ = 0;
  std::uint32_t* hot_ = nullptr;   // slot numbers, last in first out
  std::uint32_t* cold_ = nullptr;
  std::size_t hot_count_ = 0;
  std::size_t cold_count_ = 0;
  std::size_t fresh_ = 0;
  std::size_t in_cores_ = 0;       // slots; under lock_
  std::size_t low_water_ = 0;
  spin_lock lock_;
};

// The region of the default size: what current_goroutine() looks at first.
extern constinit stack_region default_stacks;

// The other sizes, 2^14 to 2^30, reserved when first asked for. Null: no address space.
stack_region* stacks_of_size(std::size_t bytes) noexcept;
// The region that holds `sp`, the default one included. Null: a thread's own stack.
stack_region* region_of(std::uintptr_t sp) noexcept;

// All regions that are reserved, the default one first; `out` has room for most_stack_regions. Returns how many.
inline constexpr std::size_t most_stack_regions = 18;
std::size_t stack_regions(const stack_region** out) noexcept;

// The highest address that a stack may use: frames start here and grow down.
inline void* stack_top(stack_header* h) noexcept { return h; }

// Many ranges, one kernel call where it is allowed: process_madvise on oneself (Linux 6.13+).
bool advise_many(std::uintptr_t first, std::size_t stride, std::size_t n, std::size_t length, int advice) noexcept;

}  // namespace goro::detail
