// SPDX-License-Identifier: MIT
// P: the right to run goroutines, with what running needs: a run queue, a timer heap, caches of G blocks
// and stacks. There are max_procs of them; an M runs goroutines only while it holds one.
//
// Who holds it is one word, `owner`:
//     0        idle: on the idle list, or at rest because it is retired
//     2        in the hands of a thread that passes it on (in_hands)
//     m        M m runs goroutines on it
//     m | 1    m holds it but has announced that it blocks: whoever needs a P may take it by CAS
// Changes: 0 -> 2 by who takes it off the idle list, under its lock; 2 -> m, 2 -> 0 by who has it in hands;
// m -> m | 1 and back (CAS) by m; m | 1 -> 2 by anyone (CAS); m -> 2 by m itself, or by a taker after a
// successful hand-shake (revoke.hpp).
//
// All other fields are the holder's ("owner only"), except those that say so. The word that passes a P on
// is always written with release and read with acquire, so the next holder sees what the last one did.
#pragma once

#include "base/sanitizer.hpp"
#include "sched/global_queue.hpp"
#include "sched/goroutines.hpp"
#include "sched/run_queue.hpp"
#include "sched/timer_heap.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace goro::detail {

class call_site;
struct machine;

inline constexpr std::uint32_t look_around_every = 61;  // rounds between looks at the global queue
inline constexpr std::uint32_t look_for_timers_every = 16;  // … while timers wait in this P's heap
inline constexpr std::uint32_t streak_step = 32;            // run_next in a row, between looks at the clock
inline constexpr std::int64_t short_step = 50'000;          // ns; if they took longer, each one looks
inline constexpr std::int64_t run_next_slice = 200'000;     // ns that goroutines in such a row have together
inline constexpr std::int64_t longest_row = 1'000'000;      // … that has not looked at the clock; then the monitor says so
inline constexpr std::int64_t longest_slice = 5'000'000;    // … when those before them took long
inline constexpr std::size_t stack_cache_size = 32;
inline constexpr std::uintptr_t in_hands = 2;

struct alignas(128) processor {
  explicit processor(int number) noexcept : index(number) {}

  // ---- the fast path
  std::atomic<goroutine*> run_next{nullptr};  // owner stores; the monitor reads
  std::uint32_t rounds_left = 1;              // until the next look around
  std::uint32_t streak_left = streak_step;    // goroutines taken from run_next in a row, until the next look
  std::int64_t streak_began = 0;              // 0: not looked at yet
  std::int64_t streak_looked = 0;
  std::int64_t streak_slice = run_next_slice;
  std::int64_t last_row_ended = 0;            // when a row last had used up its slice,
  std::int64_t last_row_took = 0;             // what it had in truth,
  std::uint64_t last_row_turn = 0;            // and which turn it was
  std::atomic<std::uint32_t> poke{0};         // anyone sets it: look around at the next round
  std::atomic<std::uint32_t> eager{0};        // ready() wakes another P at once so many more times (wake.hpp)
  std::atomic<std::uint32_t> in_vain{0};      // thefts from here in a row that were not worth it (wake.hpp)
  processor* stole_from = nullptr;            // the last theft, if it is not known yet how much work it was
  std::int64_t stole_at = 0;
  std::uint32_t yields = 0;                   // while a P is idle
  std::uint32_t looks_without_poll = 0;       // looks around while somebody waits for a descriptor
  std::atomic<std::uint64_t> turns{0};        // owner counts goroutines taken from the ring or the global queue
  std::atomic<std::uint64_t> switches{0};     // owner counts; the monitor watches it stand still
  std::atomic<std::uint64_t> block_calls{0};  // owner counts announced blocking calls
  std::atomic<std::uint64_t> created{0};      // owner counts
  std::atomic<std::uint64_t> finished{0};     // owner counts
  free_blocks blocks;
  std::uint64_t next_id = 0;
  std::uint64_t ids_end = 0;
  std::size_t stack_count = 0;
  stack_header* stacks[stack_cache_size];

  // ---- shared
  alignas(128) run_queue<256> ring;
  alignas(128) std::atomic<std::uintptr_t> owner{0};
  std::atomic<call_site*> blocks_at{nullptr};  // owner stores, before it announces a call
  std::atomic<bool> retired{false};           // beyond max_procs: its holder gives it up; under idle.lock
  std::atomic<bool> at_rest{true};            // retired and empty, or never used; under idle.lock
  processor* idle_link = nullptr;             // idle list's
  timer_heap timers;
  const int index;
  std::atomic<std::uint64_t> steals{0};

  // The next goroutine by the quick rules; null: none here, or it is time to look around.
  GORO_HOT goroutine* pick() noexcept {
    if (--rounds_left == 0 || poke.load(std::memory_order_relaxed) != 0) [[unlikely]] {
      rounds_left = 1;  // whoever looks around sets it anew
      return nullptr;
    }
    goroutine* const next = run_next.load(std::memory_order_relaxed);
    if (next != nullptr) {
      if (--streak_left == 0) [[unlikely]] {  // find_work looks at the clock
        streak_left = 1;
        return nullptr;
      }
      run_next.store(nullptr, std::memory_order_relaxed);
      return next;
    }
    goroutine* const g = ring.pop([](auto at) noexcept { warm_up(at); });
    if (g != nullptr) count_turn();
    return g;
  }

  // Fetches what those that run soon will need: of many that wait, blocks and stacks are cold, and each is in
  // another page than the one before. The block first, later what it says where the stack is.
  template <class At>
  [[gnu::always_inline]] static void warm_up(At at) noexcept {
    if constexpr (sanitizer::tsan) return;  // looks at blocks that a thief may be taking up: hints
    const goroutine* const later = at(8);
    if (later == nullptr) return;
    __builtin_prefetch(later, 1);
    __builtin_prefetch(reinterpret_cast<const std::byte*>(later) + 64, 1);
    const goroutine* const soon = at(3);
    const auto* const stack = reinterpret_cast<const std::byte*>(__atomic_load_n(&soon->context, __ATOMIC_RELAXED));
    for (int line = 0; line != 10; ++line) __builtin_prefetch(stack + 64 * line, 1);
  }

  // Behind all others. A full ring spills its older half to the global queue.
  [[gnu::always_inline]] void push(goroutine* g) noexcept {
    if (!ring.push(g)) [[unlikely]] spill(g);
  }
  // Ahead of all others; who was there goes to the ring. True: the P has more than this one now.
  [[gnu::always_inline]] bool push_next(goroutine* g) noexcept {
    goroutine* const before = run_next.load(std::memory_order_relaxed);
    run_next.store(g, std::memory_order_release);
    if (before != nullptr) {
      push(before);
      return true;
    }
    return !ring.empty();
  }
  void spill(goroutine* g) noexcept;

  bool has_work() const noexcept { return run_next.load(std::memory_order_relaxed) != nullptr || !ring.empty(); }

  void count_turn() noexcept {
    streak_began = 0;
    turns.store(turns.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  }
  void count_block() noexcept {
    block_calls.store(block_calls.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  }
  void count_switch() noexcept {
    switches.store(switches.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  }

  goroutine* new_block() noexcept;            // null: the limit of goroutines is reached
  void free_block(goroutine* g) noexcept {
    blocks.push(g);
    if (blocks.full()) [[unlikely]] give_blocks(blocks);
    if (blocks_are_scarce.load(std::memory_order_relaxed)) [[unlikely]] flush_blocks();
  }
  void flush_blocks() noexcept;
  std::uint64_t new_id() noexcept {
    if (next_id == ids_end) {
      next_id = take_ids(64);
      ids_end = next_id + 64;
    }
    return next_id++;
  }
  stack_header* take_stack() noexcept {       // null: none to be had now
    if (stack_count == 0) [[unlikely]] stack_count = default_stacks.take(stacks, stack_cache_size / 2);
    return stack_count == 0 ? nullptr : stacks[--stack_count];
  }
  void put_stack(stack_header* h) noexcept {
    if (stack_count == stack_cache_size) [[unlikely]] flush_stacks();
    stacks[stack_count++] = h;
  }
  void flush_stacks() noexcept;               // the colder half to the pool
  void empty_into_shared() noexcept;          // queue, caches and timers: a retired P leaves nothing behind
};

}  // namespace goro::detail
