// SPDX-License-Identifier: MIT
// The queue for all: goroutines that no P has. Those made by plain threads, those that spill from a full
// ring, those that lost their P. First in, first out, under one lock; moved in batches.
//
// Every P looks here first at each 61st scheduling round, so a goroutine here runs although the local ones
// re-spawn for ever.
#pragma once

#include "base/intrusive_list.hpp"
#include "base/spin_lock.hpp"
#include "sched/goroutine.hpp"

#include <atomic>
#include <cstddef>

namespace goro::detail {

using goroutine_queue = queue<goroutine, &goroutine::link>;

class global_queue {
 public:
  void push(goroutine* g) noexcept {
    const spin_guard hold(lock_);
    queue_.push_back(g);
    size_.store(size_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  }

  void push_all(goroutine_queue& batch, std::size_t n) noexcept {
    const spin_guard hold(lock_);
    queue_.splice(batch);
    size_.store(size_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }

  // Up to `most`, oldest first; returns how many are now in `into`.
  std::size_t pop(goroutine_queue& into, std::size_t most) noexcept {
    if (size() == 0) return 0;
    const spin_guard hold(lock_);
    std::size_t n = 0;
    while (n < most) {
      goroutine* const g = queue_.pop_front();
      if (g == nullptr) break;
      into.push_back(g);
      ++n;
    }
    size_.store(size_.load(std::memory_order_relaxed) - n, std::memory_order_relaxed);
    return n;
  }

  // Without the lock: a moment's answer. Who relies on it for sleeping pairs it with fences (wake.hpp).
  std::size_t size() const noexcept { return size_.load(std::memory_order_relaxed); }

 private:
  spin_lock lock_;
  std::atomic<std::size_t> size_{0};  // written under lock_
  goroutine_queue queue_;
};

extern constinit global_queue the_global_queue;

}  // namespace goro::detail
