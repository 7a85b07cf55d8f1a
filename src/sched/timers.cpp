// SPDX-License-Identifier: MIT
// Arming, disarming and firing; the protocol is in timer_heap.hpp.
#include "sched/timer_heap.hpp"

#include "base/fatal.hpp"
#include "base/spin_lock.hpp"

namespace goro::detail {

using state = timer_node::state;

// The node's heap, locked; null: it is idle.
timer_heap* timer_heap::lock_home(const timer_node& node) noexcept {
  for (;;) {
    timer_heap* const home = node.home.load(std::memory_order_acquire);  // P1
    if (home == nullptr) return nullptr;
    home->lock_.lock();
    if (node.home.load(std::memory_order_relaxed) == home) return home;
    home->lock_.unlock();
  }
}

// Under the lock. The node's state is the caller's to change.
void timer_heap::unlink(timer_node& node) noexcept {
  heap_.erase(&node);
  node.when = never;
  node.home.store(nullptr, std::memory_order_release);  // P1
}

// Under the lock. True: there is a new first time, and it is earlier than the last.
bool timer_heap::note_earliest() noexcept {
  const std::int64_t was = earliest_.load(std::memory_order_relaxed);
  const std::int64_t is = heap_.empty() ? never : heap_.top().when;
  if (is == was) return false;
  earliest_.store(is, std::memory_order_release);  // P3
  return is < was;
}

std::int64_t timer_heap::run_expired(std::int64_t now, int at_most) noexcept {
  if (earliest() > now) return earliest();
  lock_.lock();
  bool rearmed = false;
  while (at_most-- > 0 && !heap_.empty() && heap_.top().when <= now) {
    timer_node& node = *heap_.top().item;
    node.when = never;
    node.now.store(state::firing, std::memory_order_relaxed);
    heap_.update(&node, never);  // H1
    note_earliest();
    lock_.unlock();
    node.fire(node);
    timer_heap* const home = lock_home(node);  // not null: only this function ends `firing`
    const std::int64_t again = node.when;
    if (again == never) {
      home->unlink(node);
      node.now.store(state::idle, std::memory_order_release);  // P2: the last touch
    } else {
      node.now.store(state::armed, std::memory_order_relaxed);
      home->heap_.update(&node, again);
      const bool earlier = home->note_earliest();
      if (home != this && earlier) {
        home->lock_.unlock();
        timer_earlier(*home, again);
        lock_.lock();
        continue;
      }
      rearmed |= earlier;
    }
    if (home != this) {
      home->lock_.unlock();
      lock_.lock();
    }
  }
  note_earliest();
  const std::int64_t first = earliest_.load(std::memory_order_relaxed);
  lock_.unlock();
  if (rearmed) timer_earlier(*this, first);  // the caller may not be the one who sleeps on this heap
  return first;
}

void timer_heap::move_all_to(timer_heap& to) {
  GORO_CHECK(this != &to, "goro: timer_heap::move_all_to: a heap cannot move to itself");
  for (unsigned round = 0;; ++round) {  // two of one rank: the second is only tried
    lock_.lock();
    if (to.lock_.try_lock()) break;
    lock_.unlock();
    spin_wait(round);
  }
  retired_ = true;
  bool earlier = false;
  std::int64_t first = never;
  const auto finish = [&]() noexcept {
    note_earliest();
    earlier = to.note_earliest();
    first = to.earliest_.load(std::memory_order_relaxed);
    to.lock_.unlock();
    lock_.unlock();
    if (earlier) timer_earlier(to, first);
  };
  try {
    while (!heap_.empty()) {
      const auto top = heap_.top();
      heap_.erase(top.item);
      try {
        to.heap_.push(top.when, top.item);
      } catch (...) {
        heap_.push(top.when, top.item);  // there is room: it has just been here
        throw;
      }
      top.item->home.store(&to, std::memory_order_release);  // P1
    }
  } catch (...) {
    finish();
    throw;
  }
  finish();
}

void timer_heap::open() noexcept {
  const spin_guard guard(lock_);
  retired_ = false;
}

std::size_t timer_heap::size() noexcept {
  const spin_guard guard(lock_);
  return heap_.size();
}

void timer_arm(timer_node& node, std::int64_t when) {
  GORO_ASSERT(node.now.load(std::memory_order_relaxed) == state::idle);
  if (when == never) return;
  timer_heap* heap = &current_timer_heap();
  heap->lock_.lock();
  while (heap->retired_) [[unlikely]] {
      heap->lock_.unlock();
      timer_heap* const current = &current_timer_heap();
      current->lock_.lock();
      if (current == heap) heap->retired_ = false;  // its P is in use again
      heap = current;
    }
  node.heap_index = heap_none;
  try {
    heap->heap_.push(when, &node);
  } catch (...) {
    heap->lock_.unlock();
    throw;
  }
  node.when = when;
  node.now.store(state::armed, std::memory_order_relaxed);
  node.home.store(heap, std::memory_order_release);  // P1
  const bool earlier = heap->note_earliest();
  heap->lock_.unlock();
  if (earlier) timer_earlier(*heap, when);
}

bool timer_disarm(timer_node& node) noexcept {
  timer_heap* const home = timer_heap::lock_home(node);
  if (home == nullptr) return false;
  const bool was_armed = node.when != never;  // or fires right now, but was rearmed meanwhile
  node.when = never;
  if (node.now.load(std::memory_order_relaxed) == state::armed) {
    home->unlink(node);
    node.now.store(state::idle, std::memory_order_relaxed);
    home->note_earliest();
  }
  home->lock_.unlock();
  return was_armed;
}

bool timer_disarm_sync(timer_node& node) noexcept {
  const bool was_armed = timer_disarm(node);
  for (unsigned round = 0; node.now.load(std::memory_order_acquire) != state::idle; ++round)  // P2
    spin_wait(round);
  return was_armed;
}

bool timer_move(timer_node& node, std::int64_t when) noexcept {
  if (when == never) return timer_disarm(node);
  timer_heap* const home = timer_heap::lock_home(node);
  if (home == nullptr) return false;
  const bool was_armed = node.when != never;
  bool earlier = false;
  if (was_armed) {
    node.when = when;
    if (node.now.load(std::memory_order_relaxed) == state::armed) {
      home->heap_.update(&node, when);
      earlier = home->note_earliest();
    }
  }
  home->lock_.unlock();
  if (earlier) timer_earlier(*home, when);
  return was_armed;
}

bool timer_rearm(timer_node& node, std::int64_t when) {
  for (;;) {
    if (timer_move(node, when)) return true;
    if (when == never) return false;
    timer_heap* const home = timer_heap::lock_home(node);
    if (home == nullptr) {
      // Idle, but for a last store of run_expired's that is a few instructions away.
      for (unsigned round = 0; node.now.load(std::memory_order_acquire) != state::idle; ++round)  // P2
        spin_wait(round);
      timer_arm(node, when);
      return false;
    }
    // One caller at a time: it cannot have been armed since, so it fires right now.
    node.when = when;
    home->lock_.unlock();
    return false;
  }
}

}  // namespace goro::detail
