// SPDX-License-Identifier: MIT
// The list of all pools, and what a trim does to them.
//
// A trim moves a mark of its own along the ring, past one pool after the other, so the lock of the ring is
// held for one pool at a time and never while an object is destroyed. A pool leaves the ring before it is
// closed, so one that is found there lives while the lock is held; from then on the objects that were taken
// off it keep its core (I3 of pool.cpp).
//
// The runtime's own trims: the monitor asks, when the process has been idle for a while, and goes on asking until
// nothing is left: two trims after the last use everything sleeps. Destructors are user code, which the monitor
// must not run; a thread does that sleeps otherwise, made at the first trim. It is not a goroutine: that would be
// seen in num_goroutine() and in dumps by users who have not started one.
#include "sync/pool_core.hpp"

#include "base/futex.hpp"
#include "base/thread.hpp"
#include "sched/hooks.hpp"
#include "sched/machine.hpp"

#include <goro/pool.hpp>

#include <atomic>

namespace goro {
namespace detail {
namespace {

using ring_lock = ranked_spin_lock<lock_rank::procs>;  // stripes' locks may be taken inside
constinit ring_lock all_lock;
constinit pool_link all;  // under all_lock

void link_after(pool_link& place, pool_link& link) noexcept {
  link.prev = &place;
  link.next = place.next;
  place.next->prev = &link;
  place.next = &link;
}

void unlink(pool_link& link) noexcept {
  link.prev->next = link.next;
  link.next->prev = link.prev;
}

// Under all_lock.
pool_core* next_pool(const pool_link& from) noexcept {
  const pool_link* at = from.next;
  while (at != &all && at->pool == nullptr) at = at->next;
  return at->pool;
}

// The objects that have aged before, for the caller to destroy.
pool_cell* age(pool_core& core) noexcept {
  pool_cell* doomed = nullptr;
  core.any_stripe(0, [&doomed](pool_stripe& stripe) noexcept {
    if (stripe.looks_empty()) return false;
    pool_cell* aged = nullptr;
    {
      const spin_guard hold(stripe.lock);
      aged = stripe.aged.load(std::memory_order_relaxed);
      stripe.aged.store(stripe.fresh.load(std::memory_order_relaxed), std::memory_order_relaxed);
      stripe.fresh.store(nullptr, std::memory_order_relaxed);
    }
    while (aged != nullptr) {
      pool_cell* const next = aged->next;
      aged->next = doomed;
      doomed = aged;
      aged = next;
    }
    return false;
  });
  return doomed;
}

bool something_waits() noexcept {
  const spin_guard hold(all_lock);
  for (pool_core* pool = next_pool(all); pool != nullptr; pool = next_pool(pool->link))
    if (pool->any_stripe(0, [](const pool_stripe& stripe) noexcept { return !stripe.looks_empty(); }))
      return true;
  return false;
}

constinit std::atomic<std::uint32_t> asked{0};  // trims; futex word

void trimmer(void*) noexcept {
  for (std::uint32_t done = 0;;) {
    const std::uint32_t now = asked.load(std::memory_order_acquire);
    if (now == done) {
      (void)futex_wait(asked, done);
      continue;
    }
    done = now;
    trim_pools();
  }
}

constexpr runtime_thread trim_thread{.name = "goro-trim", .stack_size = 0, .body = &trimmer};

// The monitor's thread only.
bool when_idle() noexcept {
  if (!something_waits()) return false;
  static bool started = false;
  if (!started) started = start_thread<trim_thread>() == 0;
  if (!started) return false;  // no thread to be had: the objects wait for the next idle time
  asked.fetch_add(1, std::memory_order_release);
  (void)futex_wake(asked, 1);
  return true;
}

}  // namespace

void enter_pool(pool_core& core) noexcept {
  __atomic_store_n(&hooks.when_idle, &when_idle, __ATOMIC_RELEASE);
  core.link.pool = &core;
  const spin_guard hold(all_lock);
  link_after(all, core.link);
}

void leave_pool(pool_core& core) noexcept {
  const spin_guard hold(all_lock);
  unlink(core.link);
}

}  // namespace detail

void trim_pools() noexcept {
  using namespace detail;
  pool_link mark;
  all_lock.lock();
  link_after(all, mark);
  while (pool_core* const pool = next_pool(mark)) {
    unlink(mark);
    link_after(pool->link, mark);
    pool_cell* const doomed = age(*pool);
    all_lock.unlock();
    destroy_cells(doomed);
    all_lock.lock();
  }
  unlink(mark);
  all_lock.unlock();
}

}  // namespace goro
