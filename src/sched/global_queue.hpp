// SPDX-License-Identifier: MIT
// The queue for all: goroutines that no P has. Those made by plain threads, those that spill from a full
// ring, those that lost their P. First in, first out, under one lock; moved in batches.
//
// It is a ring of pointers, not a list through the blocks: who takes a hundred goroutines copies a few cache
// lines under the lock, instead of waiting for each block to say where the next one is. The ring lies in a
// reservation with room for every block there can be, so that pushing never fails; what is used of it starts
// small and doubles.
//
// Every P looks here first at each 61st scheduling round, so a goroutine here runs although the local ones
// re-spawn for ever.
#pragma once

#include "base/spin_lock.hpp"

#include <atomic>
#include <cstddef>

namespace goro::detail {

struct goroutine;

// Address space for n pointers, which are null. Null: there is none.
goroutine** reserve_pointers(std::size_t n) noexcept;

class global_queue {
 public:
  // Once, before the first push: room for `most` goroutines. False: no address space.
  bool reserve(std::size_t most) noexcept;

  void push(goroutine* g) noexcept { push_all(&g, 1); }
  void push_all(goroutine* const* batch, std::size_t n) noexcept;

  // Up to `most`, oldest first; returns how many are now in `into`.
  std::size_t pop(goroutine** into, std::size_t most) noexcept;

  // Without the lock: a moment's answer. Who relies on it for sleeping pairs it with fences (wake.hpp).
  std::size_t size() const noexcept { return size_.load(std::memory_order_relaxed); }

 private:
  void grow() noexcept;

  spin_lock lock_;
  std::atomic<std::size_t> size_{0};  // written under lock_
  goroutine** ring_ = nullptr;        // the rest is under lock_
  std::size_t capacity_ = 0;          // a power of two
  std::size_t head_ = 0;              // of the oldest, below capacity_
};

extern constinit global_queue the_global_queue;

}  // namespace goro::detail
