// SPDX-License-Identifier: MIT
#include "sync/reader_slots.hpp"

#include "base/fence.hpp"
#include "sched/machine.hpp"
#include "sched/procs.hpp"

#include <goro/detail/lock_watch.hpp>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cerrno>
#include <cstddef>

#include <sched.h>
#if __has_include(<sys/rseq.h>)  // glibc 2.35 and later
#include <sys/rseq.h>
#define GORO_HAS_RSEQ
#endif

namespace goro::detail {
namespace {

constexpr std::size_t most_rows = 64;
constexpr std::size_t columns = 128;
constexpr std::size_t looked_at = 16;  // columns, in one claim

}  // namespace

struct alignas(128) reader_cells {
  struct cell {
    std::atomic<std::uint64_t> word{0};
    std::atomic<std::uint32_t> entered{0};  // by sections
    std::atomic<std::uint32_t> left{0};
  };
  cell at[most_rows][columns]{};
};
constinit reader_cells slot_cells;
constinit std::ptrdiff_t rseq_area = 0;

namespace {

using cell = reader_cells::cell;

#ifdef GORO_READER_SECTIONS
static_assert(most_rows == slot_rows && columns == slot_columns_mask + 1 && offsetof(cell, entered) == 8 &&
              offsetof(cell, left) == 12 && sizeof(cell) == 16 && sizeof(cell[columns]) == 1 << slot_row_shift);
#ifdef GORO_HAS_RSEQ
static_assert(offsetof(struct rseq, cpu_id) == 4 && offsetof(struct rseq, rseq_cs) == 8 && RSEQ_SIG == 0x53053053);
#endif
#endif

constinit std::atomic<std::uint64_t> last_generation{0};
constinit std::atomic<std::size_t> next_column{0};

// What the sections had counted in a column, all together, when a claim looked last.
constinit std::atomic<std::uint32_t> seen_entered[columns] = {};

constexpr std::uint64_t count_mask = (1 << 19) - 1;
constexpr std::uint64_t none = count_mask - most_slot_readers;  // in the word: nobody is counted there
constexpr std::uint64_t recent = std::uint64_t{1} << 19;
constexpr int busy_shift = 20;
constexpr std::uint64_t stealing = std::uint64_t{1} << busy_shift;
constexpr std::uint64_t closing = std::uint64_t{2} << busy_shift;
constexpr std::uint64_t busy = stealing | closing;
constexpr int generation_shift = 22;
constexpr int rows_shift = 10;

#ifdef GORO_READER_SECTIONS
static_assert(none == slot_none && by_section < stealing && most_rows << rows_shift <= by_section);
#endif

bool is_open(std::uint64_t word, slot_ticket t) noexcept { return (word ^ t) >> busy_shift == 0; }
bool is_of(std::uint64_t word, slot_ticket t) noexcept { return (word ^ t) >> generation_shift == 0; }
std::uint64_t word_of(slot_ticket t, std::uint64_t rest) noexcept {
  return (t >> generation_shift) << generation_shift | rest;
}
std::size_t column_of(slot_ticket t) noexcept { return t & (columns - 1); }
std::size_t rows_of(slot_ticket t) noexcept { return ((t >> rows_shift) & (most_rows - 1)) + 1; }
cell& cell_at(slot_ticket t, std::size_t row) noexcept { return slot_cells.at[row][column_of(t)]; }

std::int64_t counted_by_sections(const cell& c) noexcept {
  const std::uint32_t entered = c.entered.load(std::memory_order_acquire);
  return static_cast<std::int32_t>(entered - c.left.load(std::memory_order_acquire));  // P1
}
std::int64_t counted_by_swap(std::uint64_t word) noexcept {
  return static_cast<std::int64_t>(word & count_mask) - static_cast<std::int64_t>(none);
}

// Where the calling thread's CPU number stands, from its thread pointer on: a field that the kernel keeps (rseq),
// known before the first ticket is made. 0: no such field.
constinit std::atomic<std::ptrdiff_t> cpu_field{0};

std::uint32_t cpu_now(std::ptrdiff_t field) noexcept {
  std::uint32_t cpu;
#if defined(__x86_64__)
  asm volatile("movl %%fs:(%1), %0" : "=r"(cpu) : "r"(field));
#else
  const auto* const thread = static_cast<const char*>(__builtin_thread_pointer());
  cpu = *reinterpret_cast<const volatile std::uint32_t*>(thread + field);
#endif
  return cpu;
}

void find_cpu_field() noexcept {
#ifdef GORO_HAS_RSEQ
  constexpr std::ptrdiff_t in_rseq = offsetof(struct rseq, cpu_id);
  if (__rseq_size == 0 || cpu_field.load(std::memory_order_relaxed) != 0) return;
  if (static_cast<std::int32_t>(cpu_now(__rseq_offset + in_rseq)) >= 0)
    cpu_field.store(__rseq_offset + in_rseq, std::memory_order_relaxed);
#endif
}

// Whether tickets may have by_section: the one decision, made before the first ticket.
bool sections_work() noexcept {
#if defined(GORO_READER_SECTIONS) && defined(GORO_HAS_RSEQ)
  static const bool answer = [] {
    find_cpu_field();
    if (cpu_field.load(std::memory_order_relaxed) == 0 || !has_section_fence()) return false;
    rseq_area = __rseq_offset;
    return true;
  }();
  return answer;
#else
  return false;
#endif
}

// After a section that came to nothing: the kernel would look at its descriptor at some time.
void forget_section([[maybe_unused]] slot_ticket t) noexcept {
#ifdef GORO_READER_SECTIONS
  if ((t & by_section) != 0) asm volatile("movq $0, %%fs:8(%0)" : : "r"(rseq_area) : "memory");
#endif
}

// Where nobody tells the CPU: the P, or of a plain thread something that tells it from others.
[[gnu::noinline]] std::uint32_t place_without_cpu() noexcept {
  if (const goroutine* const g = current_goroutine()) {
    const processor* const p = g->m->p;  // the thread's own; null if it was taken
    return p != nullptr ? static_cast<std::uint32_t>(p->index) : 0;
  }
  const std::uint64_t spread = reinterpret_cast<std::uintptr_t>(&errno) * 0x9e37'79b9'7f4a'7c15;
  return static_cast<std::uint32_t>(spread >> 34) | (1u << 30);
}

[[gnu::always_inline]] inline std::uint32_t place_now() noexcept {
  const std::ptrdiff_t field = cpu_field.load(std::memory_order_relaxed);
  return field != 0 ? cpu_now(field) : place_without_cpu();
}

// Rows for all CPUs that the caller may run on, and all Ps; a power of two.
std::size_t rows_wanted() noexcept {
  auto places = static_cast<std::size_t>(std::max(processor_count(), 2));
  cpu_set_t allowed;
  if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) return most_rows;
  for (std::size_t cpu = places; cpu < most_rows; ++cpu)
    if (CPU_ISSET(cpu, &allowed)) places = cpu + 1;
  return std::bit_ceil(std::min(places, most_rows));
}

[[gnu::always_inline]] inline std::size_t own_row(slot_ticket t) noexcept {
  return place_now() & (rows_of(t) - 1);  // a power of two
}

// One reader less in this cell, if there is one of ours.
bool leave_cell(cell& c, slot_ticket t) noexcept {
  std::uint64_t seen = c.word.load(std::memory_order_relaxed);
  while (is_open(seen, t) && (seen & count_mask) != 0 && counted_by_swap(seen) + counted_by_sections(c) > 0) {
    if (c.word.compare_exchange_weak(seen, seen - 1, std::memory_order_release, std::memory_order_relaxed))  // P1
      return true;
  }
  return false;
}

// Whether nobody has used the column since the last claim that looked. Takes the marks away.
bool is_idle(slot_ticket t) noexcept {
  bool idle = true;
  std::uint32_t entered = 0;
  for (std::size_t row = 0; row != rows_of(t); ++row) {
    cell& c = cell_at(t, row);
    std::uint64_t seen = c.word.load(std::memory_order_relaxed);
    if (seen == 0) continue;
    entered += c.entered.load(std::memory_order_relaxed);
    if ((seen & (recent | busy)) != 0 || counted_by_swap(seen) + counted_by_sections(c) != 0) idle = false;
    if ((seen & recent) != 0)
      c.word.compare_exchange_strong(seen, seen & ~recent, std::memory_order_relaxed);  // if not, it is in use
  }
  const std::uint32_t before = seen_entered[column_of(t)].exchange(entered, std::memory_order_relaxed);
  return idle && (entered == 0 || entered == before);
}

// The caller has made the word `closing`. What becomes of the cell, with nobody in it.
void hand_on(cell& c, std::uint64_t word) noexcept {
  c.entered.store(0, std::memory_order_relaxed);
  c.left.store(0, std::memory_order_relaxed);
  c.word.store(word, std::memory_order_release);  // P2; continues P1's sequence
}

// Takes the column's cells for t, those of other tickets too if nobody is in.
bool open(slot_ticket t) noexcept {
  std::uint64_t before[most_rows];
  std::size_t rows = 0;
  bool all = true;
  bool steals = false;
  for (; rows != rows_of(t); ++rows) {
    std::uint64_t seen = before[rows] = cell_at(t, rows).word.load(std::memory_order_relaxed);
    all = seen == 0 || ((seen & (recent | busy)) == 0 && counted_by_swap(seen) == 0);
    all = all && cell_at(t, rows).word.compare_exchange_strong(
                     seen, seen == 0 ? word_of(t, closing) : seen | stealing, std::memory_order_acq_rel);  // P1
    if (!all) break;
    steals = steals || seen != 0;
  }
  if (all && steals && sections_work()) section_fence();  // P3
  for (std::size_t row = 0; row != rows; ++row) {
    if (before[row] == 0) continue;
    cell& c = cell_at(t, row);
    std::uint64_t seen = before[row] | stealing;  // if not any more, its owner has closed it, and keeps it
    all = all && counted_by_sections(c) == 0;
    const std::uint64_t next = all ? word_of(t, closing) : before[row];
    if (c.word.compare_exchange_strong(seen, next, std::memory_order_acq_rel)) {  // P1
      if (all) before[row] = 0;
    } else {
      all = false;
    }
  }
  for (std::size_t row = 0; row != rows; ++row)
    if (before[row] == 0) hand_on(cell_at(t, row), all ? word_of(t, none) : 0);
  return all;
}

}  // namespace

std::uint32_t reader_place() noexcept {
  find_cpu_field();
  return place_now();
}

bool slots_are_cheap() noexcept { return sections_work() && !locks_are_watched; }  // inline code tells nobody

slot_ticket claim_column(slot_ticket t, std::size_t column) noexcept {
  const std::uint64_t generation = last_generation.fetch_add(1, std::memory_order_relaxed) + 1;
  const slot_ticket mine = generation << generation_shift | (t & (by_section | (most_rows - 1) << rows_shift)) | column;
  return open(mine) ? mine : 0;
}

slot_ticket claim_slots() noexcept {
  find_cpu_field();
  const slot_ticket kind = (slots_are_cheap() ? by_section : 0) | (rows_wanted() - 1) << rows_shift;
  for (std::size_t i = 0; i != looked_at; ++i) {
    const std::size_t column = next_column.fetch_add(1, std::memory_order_relaxed) % columns;
    if (!is_idle(kind | column)) continue;
    if (const slot_ticket t = claim_column(kind, column)) return t;
  }
  return 0;
}

bool enter_slot(slot_ticket t) noexcept {
  forget_section(t);
  cell& c = cell_at(t, own_row(t));
  std::uint64_t seen = c.word.load(std::memory_order_relaxed);
  while (is_open(seen, t) && (seen & count_mask) != count_mask) {
    if (c.word.compare_exchange_weak(seen, (seen | recent) + 1, std::memory_order_acquire,  // P2
                                     std::memory_order_relaxed))
      return true;
  }
  return false;
}

bool leave_slot(slot_ticket t) noexcept {
  forget_section(t);
  if (leave_cell(cell_at(t, own_row(t)), t)) [[likely]]
    return true;
  for (std::size_t row = 0; row != rows_of(t); ++row)  // the goroutine is on another CPU now
    if (leave_cell(cell_at(t, row), t)) return true;
  return false;
}

std::uint64_t close_slots(slot_ticket t) noexcept {
  std::int64_t inside = 0;
  std::uint64_t closed = 0;  // a bit for each row
  for (std::size_t row = 0; row != rows_of(t); ++row) {
    cell& c = cell_at(t, row);
    std::uint64_t seen = c.word.load(std::memory_order_acquire);  // P1
    while (is_of(seen, t)) {
      if (!c.word.compare_exchange_weak(seen, word_of(t, closing), std::memory_order_acq_rel,
                                        std::memory_order_acquire))
        continue;
      inside += counted_by_swap(seen);
      closed |= std::uint64_t{1} << row;
      break;
    }
  }
  if (closed == 0) return 0;
  if ((t & by_section) != 0) section_fence();  // P3
  for (std::size_t row = 0; row != rows_of(t); ++row) {
    if ((closed >> row & 1) == 0) continue;
    cell& c = cell_at(t, row);
    inside += counted_by_sections(c);
    hand_on(c, 0);
  }
  return static_cast<std::uint64_t>(inside);
}

std::uint64_t readers_in_slots(slot_ticket t) noexcept {
  std::int64_t inside = 0;
  for (std::size_t row = 0; row != rows_of(t); ++row) {
    const cell& c = cell_at(t, row);
    const std::uint64_t seen = c.word.load(std::memory_order_relaxed);
    if (is_open(seen, t)) inside += counted_by_swap(seen) + counted_by_sections(c);
  }
  return static_cast<std::uint64_t>(inside);
}

}  // namespace goro::detail
