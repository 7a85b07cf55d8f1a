// SPDX-License-Identifier: MIT
// A heap of deadlines: the earliest on top, any item taken out or moved by its handle, which it is told once.
// One thread at a time (under a P's timer lock).
//
// Four children a node instead of two: half the levels, and the four that a step down compares are one cache
// line (16 bytes each). An entry has the deadline and the item's handle; where a handle's entry is, and which
// item it stands for, is in two dense arrays. So sifting touches no item at all: items lie on the stacks of
// sleeping goroutines, a page and a TLB entry each, and telling each its new place was most of the cost.
//
// Invariants
//   I1  entries_[place_[h]].handle == h and item_[h]->heap_index == h for each handle h in use; an item on no
//       heap has heap_index == heap_none. A handle does not change while its item is on the heap.
//   I2  entries_[i].when >= entries_[(i - 1) / 4].when for i > 0.
//   I3  The handles not in use are entries_[size_ ... capacity_ - 1].handle, each once.
// Equal deadlines come off in no particular order. Only push allocates; it throws std::bad_alloc before
// anything has changed. keep_room(n) makes n further pushes that cannot fail.
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
  struct deadline {
    std::int64_t when;
    T* item;
  };

  constexpr heap() noexcept = default;
  heap(const heap&) = delete;
  heap& operator=(const heap&) = delete;
  ~heap() {  // items that are still on it keep their index; their owner knows
    std::free(entries_);
    std::free(place_);
    std::free(item_);
  }

  [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] std::size_t capacity() const noexcept { return capacity_; }

  // The earliest; the heap is not empty.
  [[nodiscard]] deadline top() const noexcept { return at(0); }
  // The i-th in heap order, for walking.
  [[nodiscard]] deadline at(std::size_t i) const noexcept {
    GORO_ASSERT(i < size_);
    return {entries_[i].when, item_[entries_[i].handle]};
  }

  [[nodiscard]] std::uint32_t kept_room() const noexcept { return kept_; }
  // Shows each array that it has: for who must know what is stale in them.
  template <class F>
  void each_array(F&& show) const noexcept {
    show(static_cast<const void*>(entries_), capacity_ * sizeof(entry));
    show(static_cast<const void*>(item_), capacity_ * sizeof(T*));
  }

  void push(std::int64_t when, T* item) {
    GORO_ASSERT(item->heap_index == heap_none);
    if (size_ + kept_ >= capacity_) grow();
    insert(when, item);
  }

  // n of the places that have just come free stay free, for pushes that must not fail.
  void keep_room(std::uint32_t n) noexcept {
    kept_ += n;
    GORO_ASSERT(size_ + kept_ <= capacity_);
  }
  void give_up_room(std::uint32_t n) noexcept {
    GORO_ASSERT(n <= kept_);
    kept_ -= n;
    shrink();
  }
  // A push into the room that was kept, which becomes one less.
  void push_kept(std::int64_t when, T* item) noexcept {
    GORO_ASSERT(kept_ > 0 && item->heap_index == heap_none);
    --kept_;
    insert(when, item);
  }

  // Takes the earliest off; null: empty. Does not shrink: see give_up_room. The item is written, not read, so
  // that nobody waits for its cache line.
  [[nodiscard]] T* pop_min() noexcept {
    if (size_ == 0) return nullptr;
    const std::uint32_t handle = entries_[0].handle;
    T* const item = item_[handle];
    vacate(0, handle);
    item->heap_index = heap_none;
    return item;
  }

  // Fetches the items that come off next, as a rule: those of the uppermost three levels.
  void prefetch_first() const noexcept {
    for (std::uint32_t i = 0; i != 1 + 4 + 16 && i < size_; ++i) __builtin_prefetch(item_[entries_[i].handle], 1);
  }

  void erase(T* item) noexcept {
    take_out(item);
    shrink();
  }

  void update(T* item, std::int64_t when) noexcept {
    check_place(item);
    place(place_[item->heap_index], {when, item->heap_index, 0});
  }

  // Whether I1, I2 and I3 hold; for tests and debug builds, linear but for I3's count.
  [[nodiscard]] bool valid() const noexcept {
    for (std::uint32_t i = 0; i != size_; ++i) {
      const std::uint32_t h = entries_[i].handle;
      if (place_[h] != i || item_[h]->heap_index != h) return false;
      if (i != 0 && entries_[i].when < entries_[(i - 1) / 4].when) return false;
    }
    for (std::uint32_t i = size_; i != capacity_; ++i)
      if (entries_[i].handle >= capacity_) return false;
    return size_ + kept_ <= capacity_;
  }

 private:
  struct entry {
    std::int64_t when;
    std::uint32_t handle;
    std::uint32_t unused;
  };
  static_assert(sizeof(entry) == 16);

  static constexpr std::uint32_t min_capacity = 16;
  static constexpr std::uint32_t max_capacity = 1u << 31;

  void check_place([[maybe_unused]] const T* item) const noexcept {
    GORO_ASSERT(item->heap_index < capacity_ && item_[item->heap_index] == item);  // I1
  }

  void insert(std::int64_t when, T* item) noexcept {
    const std::uint32_t handle = entries_[size_].handle;  // I3
    item_[handle] = item;
    item->heap_index = handle;
    sift_up(size_++, {when, handle, 0});
  }

  void take_out(T* item) noexcept {
    check_place(item);
    const std::uint32_t handle = item->heap_index;
    item->heap_index = heap_none;
    vacate(place_[handle], handle);
  }

  void vacate(std::uint32_t hole, std::uint32_t handle) noexcept {
    const entry last = entries_[--size_];
    entries_[size_].handle = handle;  // I3
    if (hole != size_) place(hole, last);
  }

  void put(std::uint32_t i, const entry& e) noexcept {
    entries_[i] = e;
    place_[e.handle] = i;
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

  // Handles beyond the new capacity must not be in use when it falls, so arrays of another size are made
  // anew and everything is numbered again. False: no memory; nothing has changed.
  bool resize(std::uint32_t to) noexcept {
    if (fault("realloc")) return false;
    auto* const entries = static_cast<entry*>(std::malloc(to * sizeof(entry)));
    auto* const places = static_cast<std::uint32_t*>(std::malloc(to * sizeof(std::uint32_t)));
    auto* const items = static_cast<T**>(std::malloc(to * sizeof(T*)));
    if (entries == nullptr || places == nullptr || items == nullptr) {
      std::free(entries);
      std::free(places);
      std::free(items);
      return false;
    }
    for (std::uint32_t i = 0; i != to; ++i) {
      entries[i] = {i < size_ ? entries_[i].when : 0, i, 0};
      if (i >= size_) continue;
      places[i] = i;
      items[i] = item_[entries_[i].handle];
      items[i]->heap_index = i;
    }
    std::free(entries_);
    std::free(place_);
    std::free(item_);
    entries_ = entries;
    place_ = places;
    item_ = items;
    capacity_ = to;
    return true;
  }

  void grow() {
    if (capacity_ == max_capacity) throw std::bad_alloc();
    if (!resize(capacity_ == 0 ? min_capacity : capacity_ * 2)) throw std::bad_alloc();
  }

  // To half when only a quarter is used, so that a heap that wavers at one size does not reallocate each
  // time. A failure means that it stays large.
  void shrink() noexcept {
    if (capacity_ <= min_capacity || size_ + kept_ > capacity_ / 4) return;
    (void)resize(capacity_ / 2);
  }

  entry* entries_ = nullptr;         // in heap order
  std::uint32_t* place_ = nullptr;   // by handle
  T** item_ = nullptr;               // by handle
  std::uint32_t size_ = 0;
  std::uint32_t capacity_ = 0;
  std::uint32_t kept_ = 0;
};

}  // namespace goro::detail
