// SPDX-License-Identifier: MIT
#include "sched/goroutines.hpp"

#include "base/fault.hpp"
#include "base/spin_lock.hpp"
#include "sched/global_queue.hpp"

#include <algorithm>
#include <new>
#include <sys/mman.h>

namespace goro::detail {

constinit std::atomic<bool> blocks_are_scarce{false};

namespace {

constexpr std::size_t stacks_for_machines = 1024;  // at most one hot stack each, and the caches' slack
constexpr int populate_write = 23;                 // MADV_POPULATE_WRITE

constinit goroutine* blocks = nullptr;
constinit std::size_t reserved = 0;                 // blocks
constinit std::atomic<std::size_t> made{0};         // published with release after construction
constinit std::size_t populated = 0;                // bytes; under lock
constinit spin_lock lock;
constinit std::atomic<std::uint64_t> next_id{1};

// The stock: pointers to free blocks, the last one freed on top; room for all there can be.
constinit goroutine** stock = nullptr;
constinit std::size_t stocked = 0;  // under lock

// Makes one more block at the array's end. Null: the limit. Pages come in bulk, a little ahead.
goroutine* make_block() noexcept {
  const std::size_t n = made.load(std::memory_order_relaxed);
  if (n >= block_limit() || fault("goroutine block")) return nullptr;
  if ((n + 1) * sizeof(goroutine) > populated) {
    const std::size_t step = std::clamp<std::size_t>(populated, 64u << 10, 1u << 20);
    const std::size_t bytes = std::min(step, reserved * sizeof(goroutine) - populated);
    (void)madvise(reinterpret_cast<char*>(blocks) + populated, bytes, populate_write);  // else faults, one by one
    populated += bytes;
  }
  goroutine* const g = new (blocks + n) goroutine;
  made.store(n + 1, std::memory_order_release);
  return g;
}

}  // namespace

constinit const blocks_place the_blocks{&blocks, &made};

bool init_goroutines() noexcept {
  const std::size_t capacity = default_stacks.capacity();
  reserved = capacity > 2 * stacks_for_machines ? capacity - stacks_for_machines : capacity / 2;
  void* const p = mmap(nullptr, reserved * sizeof(goroutine), PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (p == MAP_FAILED) return false;
  blocks = static_cast<goroutine*>(p);
  stock = reserve_pointers(reserved);
  return stock != nullptr && the_global_queue.reserve(reserved);
}

std::size_t block_limit() noexcept {
  const std::size_t capacity = default_stacks.capacity();  // may have shrunk: the guards' budget
  const std::size_t limit = capacity > 2 * stacks_for_machines ? capacity - stacks_for_machines : capacity / 2;
  return std::min(reserved, limit);
}

bool take_blocks(free_blocks& into) noexcept {
  const spin_guard hold(lock);
  std::size_t n = std::min(stocked, block_batch);
  stocked -= n;
  std::copy_n(stock + stocked, n, into.blocks_);
  if (n == 0) {
    while (n < block_batch) {
      goroutine* const g = make_block();
      if (g == nullptr) break;
      into.blocks_[n++] = g;
    }
    std::reverse(into.blocks_, into.blocks_ + n);  // in the order of their addresses
  }
  into.count_ = n;
  return n > 0;
}

void give_blocks(free_blocks& from) noexcept {
  const std::size_t n = from.full() ? block_batch : from.count_;
  {
    const spin_guard hold(lock);
    std::copy_n(from.blocks_, n, stock + stocked);
    stocked += n;
  }
  from.count_ -= n;
  std::copy_n(from.blocks_ + n, from.count_, from.blocks_);
}

goroutine* take_block() noexcept {
  const spin_guard hold(lock);
  return stocked > 0 ? stock[--stocked] : make_block();
}

void give_block(goroutine* g) noexcept {
  const spin_guard hold(lock);
  stock[stocked++] = g;
}

std::size_t block_count() noexcept { return made.load(std::memory_order_acquire); }
goroutine* block_at(std::size_t index) noexcept { return blocks + index; }
std::uint64_t take_ids(std::uint64_t n) noexcept { return next_id.fetch_add(n, std::memory_order_relaxed); }

}  // namespace goro::detail
