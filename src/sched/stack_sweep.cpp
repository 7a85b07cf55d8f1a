// SPDX-License-Identifier: MIT
#include "sched/stack_sweep.hpp"

#include "base/fence.hpp"
#include "sched/goroutines.hpp"
#include "sched/hold.hpp"

#include <sys/mman.h>
#include <algorithm>

namespace goro::detail {

namespace {

constexpr std::uint8_t off = 1;
constexpr std::uint8_t swept = 3;
constexpr std::uint8_t seen = 5;

constexpr std::size_t batch = 16;             // a waker may have to wait for so many
constexpr std::size_t blocks_a_round = 4096;  // 0.1 ms
constexpr std::size_t stacks_a_round = 64;    // likewise
constexpr std::uintptr_t red_zone = 512;      // bytes; 128 on x86-64

bool waits_for_io(const goroutine* g) noexcept {
  return g->state.load(std::memory_order_relaxed) == goroutine_state::parked &&
         g->why.load(std::memory_order_relaxed) == wait_reason::io_wait;
}

// Of a goroutine that is held.
void give_back(const goroutine* g) noexcept {
  const auto sp = reinterpret_cast<std::uintptr_t>(g->context->sp);
  const stack_region* const region = region_of(sp);
  if (region == nullptr) return;
  const std::uintptr_t bottom = region->slot_start(sp) + stack_guard_size;
  const std::uintptr_t end = (sp - red_zone) & ~(page_size - 1);
  if (end > bottom) (void)madvise(reinterpret_cast<void*>(bottom), end - bottom, MADV_DONTNEED);
}

// Those that are to be swept. Under walk_lock.
class held_few {
 public:
  bool full() const noexcept { return count_ == batch; }
  void add(goroutine* g) noexcept { all_[count_++] = g; }
  void sweep() noexcept {
    if (count_ == 0) return;
    goroutine** const end = std::remove_if(all_, all_ + count_, [](goroutine* g) { return !begin_hold(g); });
    heavy_fence();  // F1b of hold.hpp
    for (goroutine** g = all_; g != end; ++g) {
      if (!confirm_hold(*g)) continue;
      give_back(*g);
      (*g)->off_stack.store(swept, std::memory_order_release);  // I1; P3 of hold.hpp
    }
    count_ = 0;
  }

 private:
  std::size_t count_ = 0;
  goroutine* all_[batch];
};

// For a walk_lock that others hold for long: they may be about to stop this thread.
class walk_try {
 public:
  walk_try() noexcept : got_(walk_lock.try_lock()) {}
  ~walk_try() {
    if (got_) walk_lock.unlock();
  }
  walk_try(const walk_try&) = delete;
  walk_try& operator=(const walk_try&) = delete;
  explicit operator bool() const noexcept { return got_; }

 private:
  const bool got_;
};

}  // namespace

void stack_sweep::begin_lap() noexcept {
  if (next_ != end_) return;
  next_ = 0;
  end_ = block_count();
}

void stack_sweep::go_on() noexcept {
  if (next_ == end_) return;
  const walk_try hold;
  if (!hold) return;
  held_few few;
  std::size_t stacks = 0;
  const std::size_t end = std::min(end_, next_ + blocks_a_round);
  for (; next_ != end && stacks != stacks_a_round; ++next_) {
    goroutine* const g = block_at(next_);
    std::uint8_t note = g->off_stack.load(std::memory_order_relaxed);
    if ((note != off && note != seen) || !waits_for_io(g)) continue;
    if (note == off) {
      (void)g->off_stack.compare_exchange_strong(note, seen, std::memory_order_relaxed);  // I1
      continue;
    }
    few.add(g);
    ++stacks;
    if (few.full()) few.sweep();
  }
  few.sweep();
}

void sweep_stacks_while(bool (*idle)() noexcept) noexcept {
  for (std::size_t next = 0, end = block_count(); next != end && idle();) {
    const walk_try hold;
    if (!hold) return;
    held_few few;
    for (; next != end && !few.full(); ++next) {
      goroutine* const g = block_at(next);
      const std::uint8_t note = g->off_stack.load(std::memory_order_relaxed);
      if ((note == off || note == seen) && waits_for_io(g)) few.add(g);
    }
    few.sweep();
  }
}

}  // namespace goro::detail
