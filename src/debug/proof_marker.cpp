// SPDX-License-Identifier: MIT
#include "debug/proof_marker.hpp"

#include "base/stack_region.hpp"
#include "sched/goroutines.hpp"

#include <algorithm>

namespace goro::detail {

namespace {

constexpr std::uintptr_t no_page = 0;

}  // namespace

// ---- what lies where in the heap

const proof_marker::page* proof_marker::page_of(std::uintptr_t at) const noexcept {
  const std::uintptr_t number = at / page_size;
  for (std::size_t i = number * 0x9e37'79b9'7f4a'7c15u >> 20;; ++i) {
    const page& p = pages_[i & page_mask_];
    if (p.number == number) return &p;
    if (p.number == no_page) return nullptr;
  }
}

void proof_marker::index_page(std::uintptr_t number, std::uint32_t piece) noexcept {
  for (std::size_t i = number * 0x9e37'79b9'7f4a'7c15u >> 20;; ++i) {
    page& p = pages_[i & page_mask_];
    if (p.number == number) return;  // an earlier piece
    if (p.number != no_page) continue;
    p = {number, piece};
    return;
  }
}

// Which object or closure this address lies in, not past its end.
std::uint32_t proof_marker::object_at(std::uintptr_t at) const noexcept {
  const page* const p = at - heap_first_ < heap_span_ ? page_of(at) : nullptr;
  if (p == nullptr) return no_entity;
  for (const piece* each = pieces_ + p->piece; each != pieces_ + piece_count_ && each->first <= at; ++each)
    if (at < each->last) return each->entity;
  return no_entity;
}

bool proof_marker::prepare(scratch& memory) noexcept {
  const std::uint32_t units = waits_.unit_count();
  first_block_ = units + waits_.object_count();
  if (blocks_.size() >= no_entity - first_block_) return false;
  const std::size_t entities = first_block_ + blocks_.size();
  pieces_ = memory.take_array<piece>(first_block_ + 1);
  marked_ = memory.take_array<unsigned char>(entities + 1);
  marked_by_ = memory.take_array<const std::uint64_t*>(entities + 1);
  live_ = memory.take_array<unsigned char>(units + 1);
  to_read_ = memory.take_array<std::uint32_t>(entities + 1);
  first_sleeper_ = memory.take_array<std::uint32_t>(entities + 1);
  if (first_sleeper_ == nullptr) return false;

  for (std::uint32_t i = 0; i != waits_.object_count(); ++i) {
    const object& o = waits_.objects()[i];
    pieces_[piece_count_++] = {o.first, o.last, o.end, units + i};
  }
  std::size_t wakers = 0;
  for (std::uint32_t u = 0; u != units; ++u) {
    const unit& each = waits_.units()[u];
    if (each.closure_first != 0)
      pieces_[piece_count_++] = {each.closure_first, each.closure_last, each.closure_last + 1, u};
    if (each.is == verdict::waiting) waits_.for_each_waker(each, [&wakers](std::uintptr_t) { ++wakers; });
  }
  std::sort(pieces_, pieces_ + piece_count_,
            [](const piece& a, const piece& b) { return a.first < b.first; });
  const piece* next = pieces_;
  blocks_.drop_if([this, &next](const heap_block& b) {
    while (next != pieces_ + piece_count_ && std::max(next->last, next->end) <= b.first) ++next;
    return next != pieces_ + piece_count_ && next->first < b.last;
  });
  if (!blocks_.index()) return false;
  blocks_first_ = blocks_.first();
  blocks_span_ = blocks_.last() - blocks_first_;
  std::size_t pages = 0;
  for (std::size_t i = 0; i != piece_count_; ++i)
    pages += std::max(pieces_[i].last, pieces_[i].end) / page_size - pieces_[i].first / page_size + 1;
  std::size_t room = 64;
  while (room < 2 * pages) room *= 2;
  pages_ = memory.take_array<page>(room);
  sleepers_ = memory.take_array<sleeper>(wakers + 1);
  if (pages_ == nullptr || sleepers_ == nullptr) return false;
  page_mask_ = room - 1;
  for (std::size_t i = 0; i != piece_count_; ++i)
    for (std::uintptr_t n = pieces_[i].first / page_size;
         n <= std::max(pieces_[i].last, pieces_[i].end) / page_size; ++n)
      index_page(n, static_cast<std::uint32_t>(i));
  if (piece_count_ != 0) {
    heap_first_ = pieces_[0].first;
    heap_span_ = std::max(pieces_[piece_count_ - 1].last, pieces_[piece_count_ - 1].end) - heap_first_;
  }

  std::uintptr_t lowest = reinterpret_cast<std::uintptr_t>(block_at(0));
  std::uintptr_t highest = reinterpret_cast<std::uintptr_t>(block_at(block_count()));
  const stack_region* regions[most_stack_regions];
  for (std::size_t i = 0, n = stack_regions(regions); i != n; ++i) {
    lowest = std::min(lowest, regions[i]->first());
    highest = std::max(highest, regions[i]->last());
  }
  stacks_first_ = lowest;
  stacks_span_ = highest - lowest;

  for (std::uint32_t u = 0; u != units; ++u)
    if (const unit& each = waits_.units()[u]; each.is == verdict::waiting)
      waits_.for_each_waker(each, [this, u](std::uintptr_t at) { add_sleeper(u, at); });
  for (std::uint32_t u = 0; u != units; ++u)  // when all sleepers are known
    if (waits_.units()[u].is == verdict::live) make_live(u);
  return true;
}

// `u` can be woken by who reaches the memory at `waker`.
void proof_marker::add_sleeper(std::uint32_t u, std::uintptr_t waker) noexcept {
  std::uint32_t entity = waits_.unit_at(waker);
  if (entity == no_entity) entity = object_at(waker);
  if (entity == no_entity)
    if (const std::size_t b = blocks_.containing(waker); b != blocks_.none)
      entity = first_block_ + static_cast<std::uint32_t>(b);
  if (entity == no_entity) {
    waits_.units()[u].is = verdict::live;  // it lies in open memory
    return;
  }
  sleepers_[sleeper_count_] = {u, first_sleeper_[entity]};
  first_sleeper_[entity] = static_cast<std::uint32_t>(++sleeper_count_);
}

// ---- marking

void proof_marker::mark(std::uint32_t entity) noexcept {
  if (marked_[entity] != 0) return;
  marked_[entity] = 1;
  marked_by_[entity] = at_;
  ++marked_count_;
  to_read_[to_read_count_++] = entity;
  for (std::uint32_t s = first_sleeper_[entity]; s != 0; s = sleepers_[s - 1].next)
    make_live(sleepers_[s - 1].who);
}

void proof_marker::make_live(std::uint32_t u) noexcept {
  if (live_[u] != 0) return;
  live_[u] = 1;
  mark(u);
}

void proof_marker::look_up_in_heap(std::uintptr_t at) noexcept {
  const page* const p = page_of(at);
  if (p == nullptr) return;
  for (const piece* each = pieces_ + p->piece; each != pieces_ + piece_count_ && each->first <= at; ++each)
    if (at < each->end) mark(each->entity);
}

GORO_BARE void proof_marker::words(const std::uint64_t* first, const std::uint64_t* last) noexcept {
  words_read_ += static_cast<std::size_t>(last - first);
  const std::uintptr_t heap_first = heap_first_;
  const std::uintptr_t heap_span = heap_span_;
  const std::uintptr_t stacks_first = stacks_first_;
  const std::uintptr_t stacks_span = stacks_span_;
  const std::uintptr_t blocks_first = blocks_first_;
  const std::uintptr_t blocks_span = blocks_span_;
  for (; first != last; ++first) {
    at_ = first;
    const std::uintptr_t w = *first;
    if (w - heap_first < heap_span) look_up_in_heap(w);
    if (w - blocks_first < blocks_span)
      blocks_.for_each_referred_to(
          w, [this](std::size_t b) { mark(first_block_ + static_cast<std::uint32_t>(b)); });
    if (w - stacks_first < stacks_span)
      if (const std::uint32_t u = waits_.unit_referred_to(w); u != no_entity) mark(u);
  }
}

void proof_marker::read_entity(std::uint32_t entity) noexcept {
  const auto read = [this](std::uintptr_t first, std::uintptr_t last) {
    words(reinterpret_cast<const std::uint64_t*>((first + 7) & ~std::uintptr_t{7}),
          reinterpret_cast<const std::uint64_t*>(last & ~std::uintptr_t{7}));
  };
  const std::uint32_t units = waits_.unit_count();
  if (entity >= first_block_) {
    const heap_block& b = blocks_[entity - first_block_];
    if (b.last - b.first < page_size)
      read(b.first, b.last);
    else
      map_.scan(b.first, b.last, *this);  // some of its pages may never have been touched, or be protected
    return;
  }
  if (entity >= units) {
    const object& o = waits_.objects()[entity - units];
    read(o.first, o.last);
    return;
  }
  const unit& u = waits_.units()[entity];
  read(u.first, u.last);
  if (u.closure_first != 0) read(u.closure_first, u.closure_last);
  const auto closure = reinterpret_cast<std::uintptr_t>(u.g->closure);
  read(closure, closure + inline_closure_size);
  const auto extra = reinterpret_cast<std::uintptr_t>(&u.g->extra);  // its goroutine-local values
  read(extra, extra + sizeof u.g->extra);
}

void proof_marker::run() noexcept {
  while (to_read_count_ != 0) read_entity(to_read_[--to_read_count_]);
}

}  // namespace goro::detail
