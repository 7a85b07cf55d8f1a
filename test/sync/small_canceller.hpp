// SPDX-License-Identifier: MIT
// A canceller in its simplest form, for tests below the room that makes contexts. The lock is held while a
// node is called, so remove() waits for a call that is under way.
#pragma once

#include <goro/detail/canceller.hpp>
#include <goro/errc.hpp>

#include <mutex>

namespace goro_test {

class small_canceller final : public goro::detail::canceller {
 public:
  bool add(goro::detail::cancel_node& node) noexcept override {
    const std::lock_guard hold(m_);
    if (cancelled_) return false;
    node.prev = nullptr;
    node.next = first_;
    if (first_ != nullptr) first_->prev = &node;
    first_ = &node;
    return true;
  }
  void remove(goro::detail::cancel_node& node) noexcept override {
    const std::lock_guard hold(m_);
    if (cancelled_) return;  // all have been called and let go of
    if (node.prev != nullptr)
      node.prev->next = node.next;
    else
      first_ = node.next;
    if (node.next != nullptr) node.next->prev = node.prev;
  }
  bool is_cancelled() const noexcept override {
    const std::lock_guard hold(m_);
    return cancelled_;
  }
  goro::errc reason() const noexcept override { return goro::errc::canceled; }

  void cancel() {
    const std::lock_guard hold(m_);
    cancelled_ = true;
    while (first_ != nullptr) {
      goro::detail::cancel_node& node = *first_;
      first_ = node.next;
      node.cancelled(node);
    }
  }

 private:
  mutable std::mutex m_;
  goro::detail::cancel_node* first_ = nullptr;
  bool cancelled_ = false;
};

}  // namespace goro_test
