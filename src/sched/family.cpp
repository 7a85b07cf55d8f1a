// SPDX-License-Identifier: MIT
#include "sched/family.hpp"

#include "base/spin_lock.hpp"
#include "sched/goroutines.hpp"
#include "sched/hold.hpp"

#include <goro/detail/export.hpp>

#include <bitset>
#include <limits>

namespace goro::detail {
namespace {

thread_local constinit family_id of_thread = 0;

constexpr std::size_t numbers = std::size_t{std::numeric_limits<family_id>::max()} + 1;

constinit spin_lock lock;
constinit family_id last = 0;               // given out; under lock
constinit bool all_given = false;           // once; under lock
constinit std::bitset<numbers> open;        // under lock
constinit std::bitset<numbers> taken;       // scratch; under lock
constinit family_id parents[numbers] = {};  // written under lock before the number is given out

family_id parent_of(family_id family) noexcept { return __atomic_load_n(&parents[family], __ATOMIC_RELAXED); }

void take_with_ancestors(family_id family) noexcept {
  for (; !taken.test(family); family = parent_of(family)) taken.set(family);
}

// What somebody has, into `taken`.
void look_who_is_taken() noexcept {
  taken.reset();
  taken.set(0);
  for (std::size_t i = 1; i != numbers; ++i)
    if (open.test(i)) take_with_ancestors(static_cast<family_id>(i));
  for (std::size_t i = 0, n = block_count(); i != n; ++i) {
    const goroutine* const g = block_at(i);
    if (g->state.load(std::memory_order_relaxed) != goroutine_state::dead)
      take_with_ancestors(peek(g->family));
  }
}

GORO_NOINLINE family_id& thread_slot() noexcept {
  asm volatile("");  // keeps the call from being taken for one without effects
  return of_thread;
}

}  // namespace

family_id thread_family() noexcept { return thread_slot(); }

family_id current_family() noexcept {
  const goroutine* const g = current_goroutine();
  return g != nullptr ? g->family : thread_slot();
}

family_id set_current_family(family_id family) noexcept {
  goroutine* const g = current_goroutine();
  family_id& slot = g != nullptr ? g->family : thread_slot();
  const family_id before = slot;
  publish(slot, family);
  return before;
}

family_id open_family(family_id parent) noexcept {
  const spin_guard hold(lock);
  family_id next = static_cast<family_id>(last + 1);
  if (next == 0) all_given = true;
  if (all_given) {
    look_who_is_taken();
    std::size_t tries = 0;
    while (taken.test(next)) {
      ++next;
      if (++tries == numbers) return 0;
    }
  }
  last = next;
  open.set(next);
  __atomic_store_n(&parents[next], parent, __ATOMIC_RELAXED);
  return next;
}

void close_family(family_id family) noexcept {
  const spin_guard hold(lock);
  open.reset(family);
}

bool descends_from(family_id family, family_id ancestor) noexcept {
  while (family != ancestor && family != 0) family = parent_of(family);
  return family == ancestor;
}

}  // namespace goro::detail
