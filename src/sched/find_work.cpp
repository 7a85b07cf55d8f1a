// SPDX-License-Identifier: MIT
#include "sched/find_work.hpp"

#include "base/arch/cpu.hpp"
#include "base/clock.hpp"
#include "sched/machine.hpp"
#include "sched/netpoll.hpp"
#include "sched/procs.hpp"
#include "sched/run_order.hpp"
#include "sched/wake.hpp"
#include "sched/width.hpp"

#include <algorithm>
#include <utility>

namespace goro::detail {

namespace {

constinit std::atomic<run_order*> the_order{nullptr};

constexpr int timers_at_once = 64;    // then goroutines have their turn
constexpr int timers_when_full = 8;   // of a ring that is half full: those that wait in it go first
constexpr std::size_t global_batch = 128;
constexpr int steal_rounds = 4;
constexpr std::uint32_t looks_between_polls = 16;  // looks around of a P that is never out of work
constexpr std::int64_t worth_a_theft = 10'000;  // ns of work
constexpr int brief_spins = 48;       // looks, with pauses between, before an M sleeps: a few microseconds

// The row that runs, or begins, is the next after one that has used up its slice.
bool follows_a_row(const processor* p) noexcept {
  return p->turns.load(std::memory_order_relaxed) == p->last_row_turn + 1;
}

// What a row that begins now may have. The one before it was told to stop when its slice was over, but may have gone
// on for long until its next hand-over; so this one gets half of that. Half: if it were all, each row would outdo the
// one before by its own last step.
std::int64_t slice_of_new_row(const processor* p) noexcept {
  return follows_a_row(p) ? std::clamp(p->last_row_took / 2, run_next_slice, longest_slice) : run_next_slice;
}

// Goroutines that hand over to each other through run_next have a slice together, as in Go, so that a pair
// that computes for long between two hand-overs and one that does not get comparable time. Is it over?
bool turn_is_over(processor* p) noexcept {
  if (p->run_next.load(std::memory_order_relaxed) == nullptr) return true;
  const bool told = p->poke.load(std::memory_order_relaxed) != 0;  // by the monitor: the row has lasted for longest_row
  const std::int64_t now = now_ns();
  p->streak_left = told || now - p->streak_looked > short_step ? 1 : streak_step;
  p->streak_looked = now;
  if (p->streak_began == 0) {
    p->streak_began = told ? now - longest_row : now;
    p->streak_slice = slice_of_new_row(p);
  }
  if (now - p->streak_began < p->streak_slice) return false;
  p->last_row_took = now - (follows_a_row(p) ? p->last_row_ended : p->streak_began);
  p->last_row_ended = now;
  p->last_row_turn = p->turns.load(std::memory_order_relaxed);
  return true;
}

// What timers do may take a while and make many ready; they run in the runtime, with the P in hand.
void run_timers(processor* p) noexcept {
  const std::int64_t first = p->timers.earliest();
  if (first == never) {
    p->rounds_left = look_around_every;
    return;
  }
  const std::int64_t now = now_ns();
  if (first <= now) (void)p->timers.run_expired(now, p->ring.size() < 128 ? timers_at_once : timers_when_full);
  p->rounds_left = look_for_timers_every;
}

goroutine* take_global(processor* p, std::size_t most) noexcept {
  goroutine* batch[global_batch];
  const std::size_t n = the_global_queue.pop(batch, most);
  if (n == 0) return nullptr;
  p->count_turn();
  for (std::size_t i = 1; i < n; ++i) p->push(batch[i]);
  return batch[0];
}

goroutine* take_global_share(processor* p) noexcept {
  const std::size_t waiting = the_global_queue.size();
  if (waiting == 0) return nullptr;
  const std::size_t share = waiting / static_cast<std::size_t>(processor_count()) + 1;
  return take_global(p, std::min(share, global_batch));
}

goroutine* take_next(processor* p) noexcept {
  goroutine* const next = p->run_next.load(std::memory_order_relaxed);
  if (next != nullptr) p->run_next.store(nullptr, std::memory_order_relaxed);
  return next;
}

goroutine* take_own(processor* p, bool next_first) noexcept {
  if (next_first) {
    if (goroutine* const g = take_next(p)) return g;
  }
  if (goroutine* const g = p->ring.pop()) {
    p->count_turn();
    return g;
  }
  return take_next(p);
}

// All that wait here, and a share of those that wait for everybody, are put before `order`.
goroutine* take_ordered(processor* p, run_order& order) noexcept {
  p->rounds_left = 1;
  if (p->ring.size() < 128) {
    if (goroutine* const g = take_global_share(p)) p->push(g);
  }
  goroutine* waiting[256 + 1];
  std::size_t n = 0;
  while (goroutine* const g = p->ring.pop()) waiting[n++] = g;
  if (goroutine* const g = take_next(p)) waiting[n++] = g;
  if (n == 0) return nullptr;
  const std::size_t chosen = order.choose(p->index, waiting, n);
  for (std::size_t i = 0; i != n; ++i)
    if (i != chosen) p->push(waiting[i]);
  wake_one_for(p);  // nobody saw them meanwhile
  p->count_turn();
  return waiting[chosen];
}

// Every P once, from a random one on. Which rings are worth it: see wake.hpp.
goroutine* steal(machine* m, bool timers_too, const standstill* watch) noexcept {
  processor* const mine = m->p;
  const auto n = static_cast<std::uint32_t>(processor_count());
  std::uint32_t at = m->rng.below(n);
  for (std::uint32_t i = 0; i != n; ++i, at = at + 1 == n ? 0 : at + 1) {
    processor* const victim = processor_at(static_cast<int>(at));
    if (victim == mine) continue;
    const std::uint32_t waiting = victim->ring.size();
    if (waiting >= plenty || (waiting != 0 && (victim->eager.load(std::memory_order_relaxed) != 0 ||
                                               (watch != nullptr && watch->holds(*victim))))) {
      if (goroutine* const g = victim->ring.steal_half_into(mine->ring)) {
        if (waiting >= plenty) {
          victim->eager.store(64, std::memory_order_relaxed);
        } else {
          mine->stole_from = victim;
          mine->stole_at = now_ns();
        }
        mine->steals.store(mine->steals.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
        return g;
      }
    }
    if (timers_too && victim->timers.earliest() != never) {
      const std::int64_t now = now_ns();
      if (victim->timers.earliest() <= now) {
        (void)victim->timers.run_expired(now, timers_at_once);
        if (goroutine* const g = take_own(mine, true)) return g;
      }
    }
  }
  return nullptr;
}

bool may_spin(machine* m) noexcept {
  const int n = processor_count();
  if (n == 1) return false;
  if (m->spinning) return true;
  const int busy = n - idle.idle_processors.load(std::memory_order_relaxed);
  if (2 * idle.spinning.load(std::memory_order_relaxed) >= busy) return false;
  m->spinning = true;
  idle.spinning.fetch_add(1, std::memory_order_acq_rel);
  return true;
}

// This P has nothing left of its own: was its last theft from a short ring worth it? See wake.hpp. Hints, all of them:
// of two thieves that judge one victim at once, one's word may be lost.
void judge_theft(processor* p) noexcept {
  if (p->stole_from == nullptr) return;
  processor& victim = *std::exchange(p->stole_from, nullptr);
  const bool worth_it = now_ns() - p->stole_at >= worth_a_theft;
  victim.in_vain.store(worth_it ? 0 : victim.in_vain.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  victim.eager.store(worth_it ? 64 : victim.eager.load(std::memory_order_relaxed) / 4, std::memory_order_relaxed);
}

goroutine* look_elsewhere(machine* m) noexcept {
  if (!may_spin(m)) return nullptr;
  for (int round = 0; round != steal_rounds; ++round)
    if (goroutine* const g = steal(m, round == steal_rounds - 1, nullptr)) return g;
  const standstill watch;
  for (int spin = 0; spin != brief_spins; ++spin) {
    for (int i = 0; i != 8; ++i) cpu_pause();
    if (the_global_queue.size() != 0) return take_global_share(m->p);
    if (goroutine* const g = steal(m, false, spin + 8 >= brief_spins ? &watch : nullptr)) return g;
    if (m->p->retired.load(std::memory_order_relaxed)) return nullptr;
  }
  return nullptr;
}

}  // namespace

void set_run_order(run_order* order) noexcept {
  the_order.store(order, std::memory_order_release);
  for (int i = 0, in_use = processor_count(); i != in_use; ++i)
    processor_at(i)->poke.store(1, std::memory_order_relaxed);
}

goroutine* find_work(machine* m) noexcept {
  for (;;) {
    processor* const p = m->p;
    if (p->retired.load(std::memory_order_acquire) || idle.stopping.load(std::memory_order_relaxed)) {
      if (!release_and_sleep(m)) return nullptr;
      continue;
    }
    const bool others_first = turn_is_over(p);
    p->poke.store(0, std::memory_order_relaxed);
    run_timers(p);
    if (others_first && io_is_unattended() && ++p->looks_without_poll % looks_between_polls == 0) (void)poll_and_ready();
    goroutine* g = nullptr;
    if (run_order* const order = the_order.load(std::memory_order_acquire)) [[unlikely]]
      g = take_ordered(p, *order);
    else if (others_first)
      g = p->ring.empty() ? take_global_share(p) : take_global(p, 1);
    if (g == nullptr) g = take_own(p, !others_first);
    if (g == nullptr) judge_theft(p);
    if (g == nullptr && is_narrow() && idle.idle_processors.load(std::memory_order_relaxed) + 1 < processor_count()) {
      if (!release_and_sleep(m, true)) return nullptr;
      if (m->p != p) continue;
    }
    if (g == nullptr) g = take_global_share(p);
    if (g == nullptr && io_is_unattended() && poll_and_ready() != 0) g = take_own(p, true);
    if (g == nullptr) g = look_elsewhere(m);
    if (g != nullptr) {
      if (m->spinning) found_work(m);
      return g;
    }
    if (!release_and_sleep(m)) return nullptr;
  }
}

}  // namespace goro::detail
