// SPDX-License-Identifier: MIT
// Lists whose links live inside the items: putting something on a list allocates nothing and cannot fail. The
// lists own nothing. One thread at a time (under some lock): these are plain data structures.
//
//   queue  first in, first out, singly linked: one pointer an item, two the queue; splices in one step.
//   list   doubly linked: two pointers an item, one the list; any item leaves in one step.
//
// Neither counts its items. Debug builds notice an item that is put on twice.
#pragma once

#include "base/fatal.hpp"

namespace goro::detail {

// Invariants
//   I1  An item that is on no queue has a null link.
//   I2  head_ is null exactly if tail_ is; the last item's link is null.
template <class T, T* T::*Link>
class queue {
 public:
  constexpr queue() noexcept = default;
  queue(const queue&) = delete;
  queue& operator=(const queue&) = delete;
  queue(queue&& other) noexcept { splice(other); }
  queue& operator=(queue&& other) noexcept {
    GORO_ASSERT(empty() && this != &other);
    splice(other);
    return *this;
  }

  [[nodiscard]] bool empty() const noexcept { return head_ == nullptr; }
  [[nodiscard]] T* front() const noexcept { return head_; }
  [[nodiscard]] T* back() const noexcept { return tail_; }
  // The item after `item`, or null; for walking a queue that stays as it is.
  [[nodiscard]] static T* next(const T* item) noexcept { return item->*Link; }

  void push_back(T* item) noexcept {
    GORO_ASSERT(item->*Link == nullptr && item != tail_);  // I1
    if (tail_ == nullptr)
      head_ = item;
    else
      tail_->*Link = item;
    tail_ = item;
  }

  void push_front(T* item) noexcept {
    GORO_ASSERT(item->*Link == nullptr && item != tail_);  // I1
    item->*Link = head_;
    head_ = item;
    if (tail_ == nullptr) tail_ = item;
  }

  // The oldest item, off the queue; null: empty.
  [[nodiscard]] T* pop_front() noexcept {
    T* const item = head_;
    if (item == nullptr) return nullptr;
    head_ = item->*Link;
    if (head_ == nullptr) tail_ = nullptr;
    item->*Link = nullptr;
    return item;
  }

  // Moves all of `other` behind our last item, in its order; `other` is empty afterwards.
  void splice(queue& other) noexcept {
    GORO_ASSERT(this != &other);
    if (other.head_ == nullptr) return;
    if (tail_ == nullptr)
      head_ = other.head_;
    else
      tail_->*Link = other.head_;
    tail_ = other.tail_;
    other.head_ = other.tail_ = nullptr;
  }

 private:
  T* head_ = nullptr;
  T* tail_ = nullptr;
};

// What an item of a list contains.
template <class T>
struct list_link {
  T* next = nullptr;
  T* prev = nullptr;
};

// Invariants
//   I1  An item that is on no list has null links.
//   I2  The links form a circle: the last item's next is the first, the first's prev the last. So I1 holds
//       the other way round too, and an item knows whether it is on a list.
template <class T, list_link<T> T::*Link>
class list {
 public:
  constexpr list() noexcept = default;
  list(const list&) = delete;
  list& operator=(const list&) = delete;

  [[nodiscard]] bool empty() const noexcept { return head_ == nullptr; }
  [[nodiscard]] T* front() const noexcept { return head_; }
  [[nodiscard]] T* back() const noexcept { return head_ == nullptr ? nullptr : link(head_).prev; }
  [[nodiscard]] static bool linked(const T* item) noexcept { return (item->*Link).next != nullptr; }
  // The item after `item` on this list, or null.
  [[nodiscard]] T* next(const T* item) const noexcept {
    T* const after = (item->*Link).next;
    return after == head_ ? nullptr : after;
  }

  void push_back(T* item) noexcept {
    GORO_ASSERT(!linked(item));
    if (head_ == nullptr) {
      head_ = item;
      link(item) = {item, item};
      return;
    }
    T* const last = link(head_).prev;
    link(item) = {head_, last};
    link(last).next = item;
    link(head_).prev = item;
  }

  // In a circle the place before the first is the place after the last; only the beginning moves.
  void push_front(T* item) noexcept {
    push_back(item);
    head_ = item;
  }

  // `item` must be on this list, which only its caller can know.
  void erase(T* item) noexcept {
    GORO_ASSERT(linked(item) && head_ != nullptr);
    T* const after = link(item).next;
    T* const before = link(item).prev;
    GORO_ASSERT(link(after).prev == item && link(before).next == item);
    if (after == item) {
      GORO_ASSERT(head_ == item);
      head_ = nullptr;
    } else {
      link(before).next = after;
      link(after).prev = before;
      if (head_ == item) head_ = after;
    }
    link(item) = {};
  }

  [[nodiscard]] T* pop_front() noexcept {
    T* const item = head_;
    if (item != nullptr) erase(item);
    return item;
  }

 private:
  static list_link<T>& link(T* item) noexcept { return item->*Link; }

  T* head_ = nullptr;
};

}  // namespace goro::detail
