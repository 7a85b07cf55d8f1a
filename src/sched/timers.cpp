// SPDX-License-Identifier: MIT
// Arming, disarming and firing; the protocol is in timer_heap.hpp.
#include "sched/timer_heap.hpp"

#include "base/fatal.hpp"
#include "base/spin_lock.hpp"

namespace goro::detail {

using state = timer_node::state;

// The node's heap, locked; null: it was never armed.
timer_heap* timer_heap::lock_home(const timer_node& node) noexcept {
  for (;;) {
    timer_heap* const home = node.home.load(std::memory_order_acquire);  // P1
    if (home == nullptr) return nullptr;
    home->lock_.lock();
    if (node.home.load(std::memory_order_relaxed) == home) return home;
    home->lock_.unlock();
  }
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
  constexpr int batch_size = 32;
  timer_node* batch[batch_size];
  std::uint32_t fired = 0;  // of the batch before: the room that was kept for them
  for (;;) {
    int n = 0;
    lock_.lock();
    if (fired != 0) heap_.give_up_room(fired);
    while (n < batch_size && n < at_most && !heap_.empty() && heap_.top().when <= now) {
      batch[n] = heap_.pop_min();
      __builtin_prefetch(batch[n++], 1);  // on a sleeper's stack, cold as a rule
    }
    if (n != 0) heap_.prefetch_first();  // on their sleepers' stacks; needed at the next call, some microseconds on
    for (int i = 0; i != n; ++i) {
      batch[i]->when = never;
      batch[i]->now.store(state::firing, std::memory_order_relaxed);
    }
    heap_.keep_room(static_cast<std::uint32_t>(n));  // H1
    note_earliest();
    const std::int64_t first = earliest_.load(std::memory_order_relaxed);
    lock_.unlock();
    if (n == 0) return first;
    for (int i = 0; i != n; ++i) __builtin_prefetch(batch[i]->touches, 1);  // the nodes are here by now
    at_most -= n;
    fired = static_cast<std::uint32_t>(n);
    for (int i = 0; i != n; ++i) {
      timer_node& node = *batch[i];
      node.fire(node);
      state expected = state::firing;
      if (!node.now.compare_exchange_strong(expected, state::idle, std::memory_order_release,  // P2
                                            std::memory_order_acquire)) {                      // P4
        put_back(node);
        --fired;
      }
    }
  }
}

// A node that was given a new time, or none, while it fired. `this` keeps room for it.
void timer_heap::put_back(timer_node& node) noexcept {
  for (unsigned round = 0;; ++round) {
    lock_.lock();
    if (node.when == never) {
      heap_.give_up_room(1);
      node.now.store(state::idle, std::memory_order_release);  // P2
      lock_.unlock();
      return;
    }
    const std::int64_t when = node.when;
    if (!retired_) {
      heap_.push_kept(when, &node);
      node.now.store(state::armed, std::memory_order_relaxed);
      const bool earlier = note_earliest();
      lock_.unlock();
      if (earlier) timer_earlier(*this, when);  // the caller may not be the one who sleeps on this heap
      return;
    }
    // Nobody looks here any more. Two locks of one rank: the second is only tried.
    timer_heap& to = *heir_;
    if (to.lock_.try_lock()) {
      bool fits = true;
      try {
        to.heap_.push(when, &node);
      } catch (...) {
        fits = false;  // no memory now: it is late, not lost
      }
      if (fits) {
        heap_.give_up_room(1);
        node.now.store(state::armed, std::memory_order_relaxed);
        node.home.store(&to, std::memory_order_release);  // P1
      }
      const bool earlier = fits && to.note_earliest();
      to.lock_.unlock();
      lock_.unlock();
      if (earlier) timer_earlier(to, when);
      if (fits) return;
    } else {
      lock_.unlock();
    }
    spin_wait(round);
  }
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
  heir_ = &to;
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
      (void)heap_.pop_min();
      heap_.keep_room(1);
      try {
        to.heap_.push(top.when, top.item);
      } catch (...) {
        heap_.push_kept(top.when, top.item);
        throw;
      }
      heap_.give_up_room(1);
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
  if (node.now.load(std::memory_order_acquire) == state::idle) return false;  // P2; ours to say: it is our node
  timer_heap* const home = timer_heap::lock_home(node);
  if (home == nullptr) return false;
  bool was_armed = false;
  switch (node.now.load(std::memory_order_relaxed)) {
    case state::armed:
      was_armed = true;
      home->heap_.erase(&node);
      node.when = never;
      node.now.store(state::idle, std::memory_order_relaxed);
      home->note_earliest();
      break;
    case state::moved:  // fires right now, and was to fire again
      was_armed = node.when != never;
      node.when = never;
      break;
    case state::firing:
    case state::idle: break;
  }
  home->lock_.unlock();
  return was_armed;
}

void timer_wait_idle(const timer_node& node) noexcept {
  for (unsigned round = 0; node.now.load(std::memory_order_acquire) != state::idle; ++round)  // P2
    spin_wait(round);
}

bool timer_disarm_sync(timer_node& node) noexcept {
  const bool was_armed = timer_disarm(node);
  timer_wait_idle(node);
  return was_armed;
}

bool timer_move(timer_node& node, std::int64_t when) noexcept {
  if (when == never) return timer_disarm(node);
  timer_heap* const home = timer_heap::lock_home(node);
  if (home == nullptr) return false;
  bool was_armed = false;
  bool earlier = false;
  const state now = node.now.load(std::memory_order_relaxed);
  if (now == state::armed) {
    was_armed = true;
    node.when = when;
    home->heap_.update(&node, when);
    earlier = home->note_earliest();
  } else if (now == state::moved && node.when != never) {
    was_armed = true;
    node.when = when;
  }
  home->lock_.unlock();
  if (earlier) timer_earlier(*home, when);
  return was_armed;
}

bool timer_rearm(timer_node& node, std::int64_t when) {
  if (timer_move(node, when)) return true;
  if (when == never) return false;
  if (timer_heap* const home = timer_heap::lock_home(node)) {
    // One caller at a time, so it cannot have been armed since. Does it fire right now?
    state seen = node.now.load(std::memory_order_acquire);
    if (seen == state::moved ||
        (seen == state::firing &&
         node.now.compare_exchange_strong(seen, state::moved, std::memory_order_acq_rel))) {  // P4
      node.when = when;  // whoever fires it takes the lock before he looks
      home->lock_.unlock();
      return false;
    }
    home->lock_.unlock();
  }
  timer_arm(node, when);
  return false;
}

}  // namespace goro::detail
