// SPDX-License-Identifier: MIT
// The list of all pools, and what a trim does to them.
//
// A trim moves a mark of its own along the ring, past one pool after the other, so the lock of the ring is
// held for one pool at a time and never while an object is destroyed. A pool leaves the ring before it is
// closed, so one that is found there lives while the lock is held; from then on the objects that were taken
// off it keep its core (I3 of pool.cpp).
//
// The runtime's own trims: the monitor asks, once, when the process has been idle for a while. It cannot run
// destructors itself, nor start a goroutine, since it would count as a plain thread that uses goro. So it arms a
// timer that is due now, and the M that fires it starts the goroutine. That is activity: after it, and
// another idle while, the monitor asks again. With nothing left to destroy nobody is woken: two trims after
// the last use everything sleeps.
#include "sync/pool_core.hpp"

#include "base/clock.hpp"
#include "sched/hooks.hpp"
#include "sched/timers.hpp"

#include <goro/go.hpp>

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

void start_trim(timer_node&) noexcept {
  goro::go_options quiet;
  quiet.name = "pool trim";
  quiet.daemon = true;
  try {
    goro::go(quiet, [] { trim_pools(); });
  } catch (...) {  // no memory for a goroutine: the objects wait for the next idle time
  }
}

void when_idle() noexcept {
  if (!something_waits()) return;
  static timer_node timer(&start_trim);  // armed again and again, never destroyed
  try {
    (void)timer_rearm(timer, now_ns());
  } catch (...) {  // no memory for a timer: as above
  }
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
