// SPDX-License-Identifier: MIT
// A canceller that a test works by hand, and a context that stands for it.
#pragma once

#include "sched/hooks.hpp"

#include <goro/detail/canceller.hpp>
#include <goro/errc.hpp>

#include <cstddef>
#include <mutex>

namespace goro_test {

class cancel_by_hand : public goro::detail::canceller {
 public:
  bool add(goro::detail::cancel_node& node) noexcept override {
    const std::lock_guard lock(lock_);
    if (cancelled_) return false;
    node.prev = nullptr;
    node.next = first_;
    if (first_ != nullptr) first_->prev = &node;
    first_ = &node;
    ++size_;
    return true;
  }
  void remove(goro::detail::cancel_node& node) noexcept override {
    const std::lock_guard lock(lock_);  // calls are made under it, so none is under way
    if (node.next != nullptr) node.next->prev = node.prev;
    (node.prev != nullptr ? node.prev->next : first_) = node.next;
    --size_;
  }
  bool is_cancelled() const noexcept override {
    const std::lock_guard lock(lock_);
    return cancelled_;
  }
  goro::errc reason() const noexcept override { return goro::errc::canceled; }

  void cancel() {
    const std::lock_guard lock(lock_);
    cancelled_ = true;
    for (goro::detail::cancel_node* n = first_; n != nullptr; n = n->next) n->cancelled(*n);
  }
  // How many waits it would break.
  std::size_t size() const {
    const std::lock_guard lock(lock_);
    return size_;
  }

 private:
  mutable std::mutex lock_;
  bool cancelled_ = false;
  std::size_t size_ = 0;
  goro::detail::cancel_node* first_ = nullptr;
};

// While it lives, every context is done when its canceller is: for tests of code that lies below the room
// which makes contexts. Nothing may look into the context.
class contexts_by_hand {
 public:
  contexts_by_hand() : before_(goro::detail::hooks.canceller_of) {
    current_ = &canceller_;
    goro::detail::hooks.canceller_of = [](const goro::context&) noexcept -> goro::detail::canceller* {
      return current_;
    };
  }
  ~contexts_by_hand() { goro::detail::hooks.canceller_of = before_; }
  contexts_by_hand(const contexts_by_hand&) = delete;
  contexts_by_hand& operator=(const contexts_by_hand&) = delete;

  const goro::context& context() const noexcept { return reinterpret_cast<const goro::context&>(place_); }
  cancel_by_hand& canceller() noexcept { return canceller_; }

 private:
  static inline cancel_by_hand* current_ = nullptr;
  cancel_by_hand canceller_;
  goro::detail::canceller* (*const before_)(const goro::context&) noexcept;
  const void* place_ = nullptr;
};

}  // namespace goro_test
