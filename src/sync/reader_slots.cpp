// SPDX-License-Identifier: MIT
#include "sync/reader_slots.hpp"

#include "sched/machine.hpp"
#include "sched/procs.hpp"

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

using cell = std::atomic<std::uint64_t>;

constexpr std::size_t most_rows = 16;
constexpr std::size_t columns = 128;
constexpr std::size_t looked_at = 16;  // columns, in one claim

struct alignas(128) row_of_cells {
  cell at[columns]{};
};
constinit row_of_cells table[most_rows];
constinit std::atomic<std::uint64_t> last_generation{0};
constinit std::atomic<std::size_t> next_column{0};

constexpr std::uint64_t count_mask = most_slot_readers;
constexpr std::uint64_t recent = std::uint64_t{1} << 19;
constexpr int generation_shift = 20;

std::uint64_t generation_of(std::uint64_t cell_or_ticket) noexcept {
  return cell_or_ticket >> generation_shift;
}
std::size_t column_of(slot_ticket t) noexcept { return t & 0x3ff; }
std::size_t rows_of(slot_ticket t) noexcept { return ((t >> 10) & 0x3ff) + 1; }
cell& cell_at(slot_ticket t, std::size_t row) noexcept { return table[row].at[column_of(t)]; }

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
  std::uint64_t seen = c.load(std::memory_order_relaxed);
  while (generation_of(seen) == generation_of(t) && (seen & count_mask) != 0) {
    if (c.compare_exchange_weak(seen, seen - 1, std::memory_order_release, std::memory_order_relaxed))  // P1
      return true;
  }
  return false;
}

// Whether nobody has used the column since the last claim that looked. Takes the marks away.
bool is_idle(slot_ticket t) noexcept {
  bool idle = true;
  for (std::size_t row = 0; row != rows_of(t); ++row) {
    cell& c = cell_at(t, row);
    std::uint64_t seen = c.load(std::memory_order_relaxed);
    if ((seen & (recent | count_mask)) != 0) idle = false;
    if ((seen & recent) != 0)
      c.compare_exchange_strong(seen, seen & ~recent, std::memory_order_relaxed);  // if not, it is in use
  }
  return idle;
}

bool open(slot_ticket t) noexcept {
  for (std::size_t row = 0; row != rows_of(t); ++row) {
    cell& c = cell_at(t, row);
    std::uint64_t seen = c.load(std::memory_order_relaxed);
    if ((seen & (recent | count_mask)) == 0 &&
        c.compare_exchange_strong(seen, generation_of(t) << generation_shift,
                                  std::memory_order_acq_rel))  // P2; continues P1's sequence
      continue;
    close_slots(t);  // nobody knows the ticket, so nobody is inside
    return false;
  }
  return true;
}

}  // namespace

std::uint32_t reader_place() noexcept {
  find_cpu_field();
  return place_now();
}

slot_ticket claim_slots() noexcept {
  find_cpu_field();
  const std::size_t rows = rows_wanted();
  const std::uint64_t generation = last_generation.fetch_add(1, std::memory_order_relaxed) + 1;
  for (std::size_t i = 0; i != looked_at; ++i) {
    const std::size_t column = next_column.fetch_add(1, std::memory_order_relaxed) % columns;
    const slot_ticket t = generation << generation_shift | (rows - 1) << 10 | column;
    if (is_idle(t) && open(t)) return t;
  }
  return 0;
}

bool enter_slot(slot_ticket t) noexcept {
  cell& c = cell_at(t, own_row(t));
  std::uint64_t seen = c.load(std::memory_order_relaxed);
  while (generation_of(seen) == generation_of(t) && (seen & count_mask) != count_mask) {
    if (c.compare_exchange_weak(seen, (seen | recent) + 1, std::memory_order_acquire,  // P2
                                std::memory_order_relaxed))
      return true;
  }
  return false;
}

bool leave_slot(slot_ticket t) noexcept {
  if (leave_cell(cell_at(t, own_row(t)), t)) [[likely]]
    return true;
  for (std::size_t row = 0; row != rows_of(t); ++row)  // the goroutine has changed its P
    if (leave_cell(cell_at(t, row), t)) return true;
  return false;
}

std::uint64_t close_slots(slot_ticket t) noexcept {
  std::uint64_t inside = 0;
  for (std::size_t row = 0; row != rows_of(t); ++row) {
    cell& c = cell_at(t, row);
    std::uint64_t seen = c.load(std::memory_order_acquire);  // P1
    while (generation_of(seen) == generation_of(t)) {
      if (!c.compare_exchange_weak(seen, 0, std::memory_order_acq_rel, std::memory_order_acquire)) continue;
      inside += seen & count_mask;
      break;
    }
  }
  return inside;
}

std::uint64_t readers_in_slots(slot_ticket t) noexcept {
  std::uint64_t inside = 0;
  for (std::size_t row = 0; row != rows_of(t); ++row) {
    const std::uint64_t seen = cell_at(t, row).load(std::memory_order_relaxed);
    if (generation_of(seen) == generation_of(t)) inside += seen & count_mask;
  }
  return inside;
}

}  // namespace goro::detail
