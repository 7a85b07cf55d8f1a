// SPDX-License-Identifier: MIT
// A channel's memory: making and ending it, the ring, and the segments of an unbounded channel.
#include <algorithm>
#include <cstdint>
#include <new>
#include <stdexcept>
#include <string>

#include "chan/hchan.hpp"

namespace goro::detail {

// A part of an unbounded buffer; its elements lie behind it. Segments double in length from 64 elements to
// 1024, so that a channel with little in it stays small.
struct segment {
  segment* next;
  std::size_t capacity;
  unsigned char* elements;
};

namespace {

constexpr std::size_t smallest_segment = 64;
constexpr std::size_t largest_segment = 1024;
constexpr std::size_t most = std::size_t{1} << 47;  // a process's whole address space
constexpr std::size_t default_align = __STDCPP_DEFAULT_NEW_ALIGNMENT__;

void* allocate(std::size_t bytes, std::size_t align) {
  return align <= default_align ? ::operator new(bytes) : ::operator new(bytes, std::align_val_t(align));
}

void deallocate(void* block, std::size_t align) noexcept {
  if (align <= default_align)
    ::operator delete(block);
  else
    ::operator delete(block, std::align_val_t(align));
}

constexpr std::size_t round_up(std::size_t n, std::size_t align) noexcept {
  return (n + align - 1) / align * align;
}

transfer transfer_of(const element_type& element) noexcept {
  if (!element.bitwise) return transfer::table;
  switch (element.size) {
    case 0: return transfer::nothing;
    case 1: return transfer::bytes1;
    case 2: return transfer::bytes2;
    case 4: return transfer::bytes4;
    case 8: return transfer::bytes8;
    default: return transfer::bytes16;
  }
}

std::size_t block_align(const hchan* c) noexcept { return std::max(alignof(hchan), c->element->align); }

// Header, `extra` bytes, then the buffer, in one block.
hchan* make(const element_type& element, std::size_t capacity, std::size_t extra) {
  const std::size_t align = std::max(alignof(hchan), element.align);
  const std::size_t front = round_up(sizeof(hchan) + round_up(extra, alignof(hchan)), align);
  std::size_t bytes = 0;
  if (capacity > most || __builtin_mul_overflow(capacity, element.size, &bytes) || bytes > most - front)
    throw std::length_error("goro: make_chan: no memory could hold a capacity of " +
                            std::to_string(capacity) + " elements of " + std::to_string(element.size) +
                            " bytes; ask for less, or for goro::unbounded, which grows as needed");
  // A little more behind elements that users' code may have addresses of: what the allocator keeps of where the
  // block ends is then in none of them (debug/proof_waits.cpp).
  void* const block = allocate(front + bytes + (element.bitwise ? 0 : 16), align);
  hchan* const c = ::new (block) hchan;
  c->capacity = capacity;
  c->buffer = static_cast<unsigned char*>(block) + front;
  c->element = &element;
  c->how = transfer_of(element);
  c->ring_of_bytes = element.bitwise;
  return c;
}

segment* make_segment(const hchan* c, std::size_t capacity) {
  const std::size_t align = std::max(alignof(segment), c->element->align);
  const std::size_t front = round_up(sizeof(segment), align);
  void* const block = allocate(front + capacity * c->element->size, align);
  return ::new (block) segment{nullptr, capacity, static_cast<unsigned char*>(block) + front};
}

void free_segment(const hchan* c, segment* s) noexcept {
  if (s != nullptr) deallocate(s, std::max(alignof(segment), c->element->align));
}

void* slot_in(const hchan* c, const segment* s, std::size_t index) noexcept {
  return s->elements + index * c->element->size;
}

// A segment with room at `tail`. Throws std::bad_alloc, with nothing changed.
void make_room(hchan* c) {
  segment_list& list = c->segments;
  if (list.last != nullptr && c->tail < list.last->capacity) return;
  segment* fresh = list.spare;
  list.spare = nullptr;
  if (fresh == nullptr)
    fresh = make_segment(
        c, list.last == nullptr ? smallest_segment : std::min(list.last->capacity * 2, largest_segment));
  fresh->next = nullptr;
  if (list.last == nullptr) {
    list.first = fresh;
    c->head = 0;
  } else {
    list.last->next = fresh;
  }
  list.last = fresh;
  c->tail = 0;
}

// The oldest segment is used up: the larger of it and the spare one is kept.
void drop_first(hchan* c) noexcept {
  segment_list& list = c->segments;
  segment* used = list.first;
  list.first = used->next;
  if (list.first == nullptr) list.last = nullptr;
  c->head = 0;
  if (list.spare == nullptr || list.spare->capacity < used->capacity) std::swap(list.spare, used);
  free_segment(c, used);
}

// The next free place, and the oldest value.
void* back_place(hchan* c) {
  if (!c->unbounded) return ring_slot(c, c->tail);
  make_room(c);
  return slot_in(c, c->segments.last, c->tail);
}

void* front_place(hchan* c) noexcept {
  return c->unbounded ? slot_in(c, c->segments.first, c->head) : ring_slot(c, c->head);
}

void step_head(hchan* c) noexcept {
  c->length.store(c->length.load(std::memory_order_relaxed) - 1, std::memory_order_release);
  if (!c->unbounded) {
    c->head = ring_next(c, c->head);
    return;
  }
  ++c->head;
  const segment* const s = c->segments.first;
  if (c->head == s->capacity || (s == c->segments.last && c->head == c->tail)) drop_first(c);
}

void step_tail(hchan* c) noexcept {
  c->tail = c->unbounded ? c->tail + 1 : ring_next(c, c->tail);
  c->length.store(c->length.load(std::memory_order_relaxed) + 1, std::memory_order_release);
}

}  // namespace

void put(hchan* c, void* slot, const element_type* source) {
  void* const place = back_place(c);
  if (c->how == transfer::table)
    source->put(place, slot);
  else
    copy_bytes(place, slot, c->how);
  step_tail(c);
}

void get(hchan* c, void* out) {
  void* const place = front_place(c);
  if (c->how == transfer::table) {
    c->element->take(out, place);
    if (c->element->destroy != nullptr) c->element->destroy(place);
  } else {
    copy_bytes(out, place, c->how);
  }
  step_head(c);
}

void destroy_buffer(hchan* c) noexcept {
  while (c->length.load(std::memory_order_relaxed) != 0) {
    if (c->element->destroy == nullptr && !c->unbounded) break;
    if (c->element->destroy != nullptr) c->element->destroy(front_place(c));
    step_head(c);
  }
  free_segment(c, c->segments.first);  // an empty one, after a send whose move threw
  free_segment(c, c->segments.spare);
}

hchan* make_channel(const element_type& element, std::size_t capacity) { return make(element, capacity, 0); }

hchan* make_unbounded_channel(const element_type& element) {
  hchan* const c = make(element, 0, 0);
  c->capacity = SIZE_MAX;
  c->unbounded = element.size != 0;  // of an empty type only the number is kept: a ring does that
  c->ring_of_bytes = element.size == 0;
  return c;
}

hchan* make_timer_channel(const element_type& element, const chan_hooks* hooks, std::size_t extra_bytes) {
  hchan* const c = make(element, 1, extra_bytes);
  c->hooks = hooks;
  c->ring_of_bytes = false;
  std::memset(timer_extra(c), 0, extra_bytes);
  return c;
}

void* timer_extra(hchan* c) noexcept { return c + 1; }

void destroy_chan(hchan* c) noexcept {
  if (c->hooks != nullptr) c->hooks->destroy(c);
  destroy_buffer(c);
  const std::size_t align = block_align(c);
  c->~hchan();
  deallocate(c, align);
}

std::size_t channel_length(const hchan* c) noexcept {
  return c == nullptr || c->hooks != nullptr ? 0 : c->length.load(std::memory_order_relaxed);
}

std::size_t channel_capacity(const hchan* c) noexcept {
  return c == nullptr || c->hooks != nullptr ? 0 : c->capacity;
}

}  // namespace goro::detail
