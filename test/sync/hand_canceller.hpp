// SPDX-License-Identifier: MIT
// A canceller that tests cancel by hand: what a context is to the rooms below it.
#pragma once

#include <goro/detail/canceller.hpp>
#include <goro/errc.hpp>

#include <mutex>

namespace goro_test {

class hand_canceller final : public goro::detail::canceller {
 public:
  ~hand_canceller() = default;

  void cancel() {
    const std::lock_guard hold(lock_);
    done_ = true;
    while (first_ != nullptr) {
      goro::detail::cancel_node& node = *first_;
      first_ = node.next;
      if (first_ != nullptr) first_->prev = nullptr;
      node.next = node.prev = &node;  // off the list
      node.cancelled(node);           // under the lock, so that remove waits for it
    }
  }

  bool add(goro::detail::cancel_node& node) noexcept override {
    const std::lock_guard hold(lock_);
    if (done_) return false;
    node.prev = nullptr;
    node.next = first_;
    if (first_ != nullptr) first_->prev = &node;
    first_ = &node;
    return true;
  }
  void remove(goro::detail::cancel_node& node) noexcept override {
    const std::lock_guard hold(lock_);
    if (node.next == &node) return;
    (node.prev != nullptr ? node.prev->next : first_) = node.next;
    if (node.next != nullptr) node.next->prev = node.prev;
  }
  bool is_cancelled() const noexcept override {
    const std::lock_guard hold(lock_);
    return done_;
  }
  goro::errc reason() const noexcept override { return goro::errc::canceled; }

 private:
  mutable std::mutex lock_;  // held for a few instructions
  goro::detail::cancel_node* first_ = nullptr;
  bool done_ = false;
};

}  // namespace goro_test
