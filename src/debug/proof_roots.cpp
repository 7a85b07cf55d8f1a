// SPDX-License-Identifier: MIT
#include "debug/proof_roots.hpp"

#include "base/sanitizer.hpp"
#include "base/stack_region.hpp"
#include "sched/goroutines.hpp"
#include "sched/machine.hpp"

#include <sys/syscall.h>
#include <algorithm>

#if defined(GORO_ASAN)
extern "C" void __asan_get_shadow_mapping(std::size_t* scale, std::size_t* offset);
#endif

namespace goro::detail {

namespace {

constexpr std::uintptr_t red_zone = 128;                      // below the stack pointer, alive
constexpr std::uintptr_t too_much = std::uintptr_t{1} << 43;  // open address space: 8 TiB
constexpr std::size_t many_machines = 4096;

std::uintptr_t number(const void* p) noexcept { return reinterpret_cast<std::uintptr_t>(p); }

const std::uint64_t* words_at(std::uintptr_t p) noexcept { return reinterpret_cast<const std::uint64_t*>(p); }

// Passes on what lies outside recorded blocks. Shown in rising order.
class between_blocks final : public word_sink {
 public:
  between_blocks(const proof_blocks& blocks, proof_marker& to) noexcept
      : next_(blocks.begin()), end_(blocks.end()), to_(to) {}

  void words(const std::uint64_t* first, const std::uint64_t* last, std::uintptr_t at) noexcept override {
    while (first != last) {
      while (next_ != end_ && next_->last <= at) ++next_;
      const auto left = static_cast<std::uintptr_t>(last - first);
      // A word that a block's end lies in is neither the block's nor anybody else's.
      const std::uintptr_t before = next_ == end_ || next_->first > at ? words_until(at, left) : 0;
      to_.words(first, first + before);
      first += before;
      at += 8 * before;
      if (first == last || next_ == end_) continue;
      const std::uintptr_t inside = std::min((next_->last - at + 7) / 8, left - before);
      first += inside;
      at += 8 * inside;
    }
  }

 private:
  std::uintptr_t words_until(std::uintptr_t at, std::uintptr_t most) const noexcept {
    return next_ == end_ ? most : std::min((next_->first - at) / 8, most);
  }

  const heap_block* next_;
  const heap_block* end_;
  proof_marker& to_;
};

}  // namespace

// The live part of a goroutine's stack that somebody runs on.
void proof_roots::show_stack(std::uintptr_t sp, proof_marker& to) noexcept {
  const stack_region* const region = region_of(sp);
  if (region == nullptr) return;  // open memory
  const std::uintptr_t bottom = region->slot_start(sp) + stack_guard_size;
  map_.scan(std::max(sp - red_zone, bottom), number(region->header_at(sp)), to);
}

void proof_roots::show_threads(proof_marker& to) noexcept {
  for (const stopped_thread& t : world_) {
    if (is_idle(t)) continue;
    to.words(t.registers, t.registers + t.register_words);
    show_stack(t.sp, to);
  }
  show_stack(sp_, to);
  to.word(sp_);  // its stack may be a block of the heap
}

void proof_roots::show_goroutines(proof_marker& to) noexcept {
  for (std::size_t i = 0, n = block_count(); i != n; ++i) {
    goroutine* const g = block_at(i);
    const goroutine_state state = g->state.load(std::memory_order_relaxed);
    if (state == goroutine_state::dead || waits_.unit_of(g) != no_entity) continue;
    to.words(words_at(number(g->closure)), words_at(number(g->closure) + inline_closure_size));
    to.word(number(g->extra));
    const stack_header* const stack = g->stack;
    if (stack == nullptr) continue;
    const std::uintptr_t last = number(stack);
    const std::uintptr_t slot = last - static_cast<std::uintptr_t>(stack->size);
    const auto is_in = [&](std::uintptr_t sp) { return sp >= slot && sp < last; };
    // A thread that runs on it has shown it. One that is in no thread's hands goes on where it says; anything
    // else is rare (in a signal's handler on another stack, on its way from or to its stack), and all counts.
    if (is_in(sp_) ||
        std::any_of(world_.begin(), world_.end(), [&](const stopped_thread& t) { return is_in(t.sp); }))
      continue;
    const saved_context* const context = g->context;
    const bool rests = state == goroutine_state::runnable && context != nullptr && is_in(number(context->sp));
    map_.scan(rests ? number(context->sp) : slot, last, to);
  }
}

std::uintptr_t proof_roots::sp_of(int tid) const noexcept {
  for (const stopped_thread& t : world_)
    if (t.tid == tid) return t.sp;
  return raw_call(SYS_gettid) == tid ? sp_ : 0;
}

// Only where it is certain whose stack it is, and how far down it goes.
void proof_roots::add_dead_stacks() noexcept {
  const auto is_in = [](const mapping& m, std::uintptr_t at) { return at >= m.first && at < m.last; };
  for (const mapping& m : map_) {
    if (!m.main_stack) continue;
    for (const stopped_thread& t : world_)
      if (is_in(m, t.sp)) add_hole(m.first, t.sp - red_zone);
    if (is_in(m, sp_)) add_hole(m.first, sp_);
  }
  if (const mapping* const m = map_.find(sp_); m != nullptr && sp_ >= own_.first && sp_ < own_.last)
    add_hole(std::max(own_.first, m->first), sp_);
  if (world_.count() > many_machines) return;
  for (const machine* m = newest_machine(); m != nullptr; m = m->older) {
    const int tid = m->tid.load(std::memory_order_relaxed);
    const std::uintptr_t sp = tid == 0 ? 0 : sp_of(tid);
    if (sp == 0 || m->own_bottom == nullptr) continue;
    const std::uintptr_t bottom = number(m->own_bottom);
    const bool is_home = sp - bottom < m->own_size;
    if (region_of(sp) != nullptr || (is_home && m->idle))
      add_hole(bottom, std::min(number(m->own_top), bottom + m->own_size));
    else if (is_home)
      add_hole(bottom, sp - red_zone);
  }
}

bool proof_roots::is_idle(const stopped_thread& t) const noexcept {
  if (world_.count() > many_machines) return false;
  for (const machine* m = newest_machine(); m != nullptr; m = m->older)
    if (m->tid.load(std::memory_order_relaxed) == t.tid)
      return m->idle && t.sp - number(m->own_bottom) < m->own_size;
  return false;
}

bool proof_roots::find_holes(const proof_marker& marker) noexcept {
  std::size_t machines = 0;
  for (const machine* m = newest_machine(); m != nullptr; m = m->older) ++machines;
  const std::size_t most = marker.piece_count() + waits_.heap_array_count() + most_stack_regions + machines +
                           blocks_.own_count() + 2 * world_.count() + 16;
  holes_ = memory_.take_array<address_range>(most);
  if (holes_ == nullptr) return false;
  add_hole(memory_.first(), memory_.last());
  add_hole(number(block_at(0)), number(block_at(block_count())));
  const stack_region* regions[most_stack_regions];
  for (std::size_t i = 0, n = stack_regions(regions); i != n; ++i)
    add_hole(regions[i]->first(), regions[i]->last());
  for (std::size_t i = 0; i != waits_.heap_array_count(); ++i)
    add_hole(waits_.heap_arrays()[i].first, waits_.heap_arrays()[i].last);
  for (std::size_t i = 0; i != blocks_.own_count(); ++i)
    add_hole(blocks_.own()[i].first, blocks_.own()[i].last);
  for (std::size_t i = 0; i != marker.piece_count(); ++i)
    add_hole(marker.pieces()[i].first, marker.pieces()[i].last);
#if defined(GORO_ASAN)
  std::size_t scale = 0;
  std::size_t offset = 0;
  __asan_get_shadow_mapping(&scale, &offset);
  add_hole(offset, offset + (std::uintptr_t{1} << 47 >> scale));
#endif
  add_dead_stacks();
  std::sort(holes_, holes_ + hole_count_,
            [](const address_range& a, const address_range& b) { return a.first < b.first; });
  return true;
}

bool proof_roots::show_open_memory(proof_marker& to) noexcept {
  const address_range* hole = holes_;
  const address_range* const end = holes_ + hole_count_;
  between_blocks open(blocks_, to);
  std::uintptr_t shown = 0;
  for (const mapping& m : map_) {
    std::uintptr_t at = m.first;
    while (hole != end && hole->last <= at) ++hole;
    for (const address_range* h = hole; at < m.last;) {
      const std::uintptr_t until = h == end ? m.last : std::min(h->first, m.last);
      if (at < until && m.readable && (!m.shared || m.memory)) {
        shown += until - at;
        if (shown > too_much) {
          why_ = "there is too much address space to look through";
          return false;
        }
        map_.scan(m, at, until, open);
      }
      if (h == end) break;
      at = std::max(at, h->last);
      ++h;
    }
  }
  return true;
}

bool proof_roots::show(proof_marker& to) noexcept {
  if (!find_holes(to)) {
    why_ = "there is no address space for it";
    return false;
  }
  show_threads(to);
  show_goroutines(to);
  to.words(waits_.armed(), waits_.armed() + waits_.armed_count());
  if (!map_.scan_kernel(to)) {
    why_ = map_.why();
    return false;
  }
  return show_open_memory(to);
}

}  // namespace goro::detail
