// SPDX-License-Identifier: MIT
#include "sched/global_queue.hpp"

#include <algorithm>
#include <bit>
#include <sys/mman.h>

namespace goro::detail {

constinit global_queue the_global_queue;

namespace {

constexpr std::size_t first_capacity = 4096;

}  // namespace

goroutine** reserve_pointers(std::size_t n) noexcept {
  void* const p = mmap(nullptr, n * sizeof(goroutine*), PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return p == MAP_FAILED ? nullptr : static_cast<goroutine**>(p);
}

bool global_queue::reserve(std::size_t most) noexcept {
  ring_ = reserve_pointers(std::max(std::bit_ceil(most), first_capacity));
  capacity_ = first_capacity;
  return ring_ != nullptr;
}

// Twice the room. Of a ring that wraps around, the part from the head on moves to the new end.
void global_queue::grow() noexcept {
  const std::size_t upper = capacity_ - head_;
  if (head_ != 0) {
    std::copy_backward(ring_ + head_, ring_ + capacity_, ring_ + 2 * capacity_);
    head_ = 2 * capacity_ - upper;
  }
  capacity_ *= 2;
}

void global_queue::push_all(goroutine* const* batch, std::size_t n) noexcept {
  const spin_guard hold(lock_);
  const std::size_t waiting = size_.load(std::memory_order_relaxed);
  while (waiting + n > capacity_) grow();
  const std::size_t tail = (head_ + waiting) & (capacity_ - 1);
  const std::size_t before_end = std::min(n, capacity_ - tail);
  std::copy_n(batch, before_end, ring_ + tail);
  std::copy_n(batch + before_end, n - before_end, ring_);
  size_.store(waiting + n, std::memory_order_relaxed);
}

std::size_t global_queue::pop(goroutine** into, std::size_t most) noexcept {
  if (size() == 0) return 0;
  const spin_guard hold(lock_);
  const std::size_t waiting = size_.load(std::memory_order_relaxed);
  const std::size_t n = std::min(waiting, most);
  const std::size_t before_end = std::min(n, capacity_ - head_);
  std::copy_n(ring_ + head_, before_end, into);
  std::copy_n(ring_, n - before_end, into + before_end);
  head_ = waiting == n ? 0 : (head_ + n) & (capacity_ - 1);  // empty: the low pages again, which are there
  size_.store(waiting - n, std::memory_order_relaxed);
  return n;
}

}  // namespace goro::detail
