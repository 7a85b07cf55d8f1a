// SPDX-License-Identifier: MIT
// A heap of deadlines: the earliest on top, any item taken out or moved by its place, which it is told.
// One thread at a time (under a P's timer lock).
//
// Four children a node instead of two: half the levels, and the four that a step down compares are one cache
// line (16 bytes each). The deadline is stored beside the pointer, so that sifting touches no item except to
// tell it its new place.
//
// Invariants
//   I1  entries_[i].item->heap_index == i; an item on no heap has heap_index == heap_none.
//   I2  entries_[i].when >= entries_[(i - 1) / 4].when for i > 0.
// Equal deadlines come off in no particular order. Only push allocates; it throws std::bad_alloc before
// anything has changed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>

#include "base/fatal.hpp"
#include "base/fault.hpp"

namespace goro::detail {

inline constexpr std::uint32_t heap_none = UINT32_MAX;

// T has a member `std::uint32_t heap_index`, heap_none at first, that only the heap writes.
template <class T>
class heap {
 public:
  struct entry {
    std::int64_t when;
    T* item;
  };

  constexpr heap() noexcept = default;
  heap(const heap&) = delete;
  heap& operator=(const heap&) = delete;
  ~heap() { std::free(entries_); }  // items that are still on it keep their index; their owner knows

  [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] std::size_t capacity() const noexcept { return capacity_; }

  // The earliest; the heap is not empty.
  [[nodiscard]] const entry& top() const noexcept {
    GORO_ASSERT(size_ != 0);
    return entries_[0];
  }
  // The entries in heap order, for walking.
  [[nodiscard]] const entry* begin() const noexcept { return entries_; }
  [[nodiscard]] const entry* end() const noexcept { return entries_ + size_; }

  void push(std::int64_t when, T* item) {
    GORO_ASSERT(item->heap_index == heap_none);
    if (size_ == capacity_) grow();
    sift_up(size_++, {when, item});
  }

  // Takes the earliest off; null: empty.
  [[nodiscard]] T* pop_min() noexcept {
    if (size_ == 0) return nullptr;
    T* const item = entries_[0].item;
    erase(item);
    return item;
  }

  void erase(T* item) noexcept {
    const std::uint32_t hole = item->heap_index;
    check_place(item);
    item->heap_index = heap_none;
    const entry last = entries_[--size_];
    if (hole != size_) place(hole, last);
    shrink();
  }

  void update(T* item, std::int64_t when) noexcept {
    check_place(item);
    place(item->heap_index, {when, item});
  }

  // Whether I1 and I2 hold; for tests and debug builds, linear.
  [[nodiscard]] bool valid() const noexcept {
    for (std::uint32_t i = 0; i != size_; ++i) {
      if (entries_[i].item->heap_index != i) return false;
      if (i != 0 && entries_[i].when < entries_[(i - 1) / 4].when) return false;
    }
    return true;
  }

 private:
  static constexpr std::uint32_t min_capacity = 16;
  static constexpr std::uint32_t max_capacity = 1u << 31;

  void check_place([[maybe_unused]] const T* item) const noexcept {
    GORO_ASSERT(item->heap_index < size_ && entries_[item->heap_index].item == item);  // I1
  }

  void put(std::uint32_t i, const entry& e) noexcept {
    entries_[i] = e;
    e.item->heap_index = i;
  }

  // Puts `e` where it belongs, starting from the free place `hole`.
  void place(std::uint32_t hole, const entry& e) noexcept {
    if (hole != 0 && e.when < entries_[(hole - 1) / 4].when)
      sift_up(hole, e);
    else
      sift_down(hole, e);
  }

  void sift_up(std::uint32_t hole, const entry& e) noexcept {
    while (hole != 0) {
      const std::uint32_t parent = (hole - 1) / 4;
      if (entries_[parent].when <= e.when) break;
      put(hole, entries_[parent]);
      hole = parent;
    }
    put(hole, e);
  }

  void sift_down(std::uint32_t hole, const entry& e) noexcept {
    for (;;) {
      const std::uint64_t first = std::uint64_t{hole} * 4 + 1;  // may pass 2^32
      if (first >= size_) break;
      std::uint32_t least = static_cast<std::uint32_t>(first);
      for (std::uint32_t i = 1; i != 4 && first + i < size_; ++i)
        if (entries_[first + i].when < entries_[least].when) least = static_cast<std::uint32_t>(first + i);
      if (entries_[least].when >= e.when) break;
      put(hole, entries_[least]);
      hole = least;
    }
    put(hole, e);
  }

  void grow() {
    if (capacity_ == max_capacity) throw std::bad_alloc();
    const std::uint32_t larger = capacity_ == 0 ? min_capacity : capacity_ * 2;
    void* const storage = fault("realloc") ? nullptr : std::realloc(entries_, larger * sizeof(entry));
    if (storage == nullptr) throw std::bad_alloc();  // the old block is still there, untouched
    entries_ = static_cast<entry*>(storage);
    capacity_ = larger;
  }

  // To half when only a quarter is used, so that a heap that wavers at one size does not reallocate each
  // time. A failure means that it stays large.
  void shrink() noexcept {
    if (capacity_ <= min_capacity || size_ > capacity_ / 4) return;
    void* const storage = fault("realloc") ? nullptr : std::realloc(entries_, capacity_ / 2 * sizeof(entry));
    if (storage == nullptr) return;
    entries_ = static_cast<entry*>(storage);
    capacity_ /= 2;
  }

  entry* entries_ = nullptr;
  std::uint32_t size_ = 0;
  std::uint32_t capacity_ = 0;
};

}  // namespace goro::detail
