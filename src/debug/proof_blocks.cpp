// SPDX-License-Identifier: MIT
#include "debug/proof_blocks.hpp"

#include "base/stack_region.hpp"

namespace goro::detail {

namespace {

struct counter {
  std::size_t n = 0;
  static void add(void* self, std::uintptr_t, std::size_t) noexcept { ++static_cast<counter*>(self)->n; }
};

struct filler {
  heap_block* to;
  static void add(void* self, std::uintptr_t first, std::size_t bytes) noexcept {
    *static_cast<filler*>(self)->to++ = {first, first + bytes};
  }
};

bool by_address(const heap_block& a, const heap_block& b) noexcept { return a.first < b.first; }

std::size_t hash(std::uintptr_t number) noexcept { return number * 0x9e37'79b9'7f4a'7c15u >> 20; }

}  // namespace

bool proof_blocks::collect(const heap_records* records, memory_map& map) noexcept {
  if (records == nullptr) return true;
  counter blocks;
  counter own;
  records->show_blocks(&counter::add, &blocks);
  records->show_own_memory(&counter::add, &own);
  blocks_ = memory_.take_array<heap_block>(blocks.n + 1);
  own_ = memory_.take_array<heap_block>(own.n + 1);
  if (blocks_ == nullptr || own_ == nullptr) return false;
  filler to{blocks_};
  records->show_blocks(&filler::add, &to);
  count_ = blocks.n;
  to.to = own_;
  records->show_own_memory(&filler::add, &to);
  own_count_ = own.n;
  std::sort(blocks_, blocks_ + count_, &by_address);
  const mapping* m = map.begin();
  drop_if([&](const heap_block& b) {
    while (m != map.end() && m->last <= b.first) ++m;
    return m == map.end() || b.first < m->first || b.last > m->last || !map.is_plain(*m, b.first);
  });
  return true;
}

bool proof_blocks::index() noexcept {
  chunks_ = memory_.take_array<std::uint64_t>((std::size_t{1} << (address_bits - chunk_bits)) / 64);
  std::size_t room = 64;
  while (room < 2 * count_) room *= 2;
  pages_ = memory_.take_array<page>(room);
  if (chunks_ == nullptr || pages_ == nullptr) return false;
  page_mask_ = room - 1;
  for (std::size_t i = 0; i != count_; ++i) {
    const heap_block& b = blocks_[i];
    for (std::uintptr_t c = b.first >> chunk_bits; c <= b.last >> chunk_bits; ++c)
      chunks_[c / 64] |= std::uint64_t{1} << (c % 64);
    const std::uintptr_t number = b.first / page_size;
    if (i != 0 && blocks_[i - 1].first / page_size == number) continue;
    std::size_t at = hash(number);
    while (pages_[at & page_mask_].number != 0) ++at;
    pages_[at & page_mask_] = {number, static_cast<std::uint32_t>(i)};
  }
  if (count_ != 0) {
    first_ = blocks_[0].first;
    last_ = blocks_[count_ - 1].last + 1;
  }
  return true;
}

std::size_t proof_blocks::first_beyond(std::uintptr_t at) const noexcept {
  constexpr std::size_t most_of_page = page_size / 16;
  const heap_block* first = blocks_;
  const heap_block* last = blocks_ + count_;
  const std::uintptr_t number = at / page_size;
  for (std::size_t i = hash(number);; ++i) {
    const page& p = pages_[i & page_mask_];
    if (p.number == number) {
      first += p.block;
      last = std::min(last, first + most_of_page);
    }
    if (p.number == number || p.number == 0) break;
  }
  return static_cast<std::size_t>(
      std::upper_bound(first, last, at, [](std::uintptr_t a, const heap_block& b) { return a < b.first; }) -
      blocks_);
}

std::size_t proof_blocks::containing(std::uintptr_t at) const noexcept {
  if (at - first_ >= last_ - first_ || !may_be_at(at)) return none;
  const std::size_t after = first_beyond(at);
  return after != 0 && at < blocks_[after - 1].last ? after - 1 : none;
}

}  // namespace goro::detail
