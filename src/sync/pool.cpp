// SPDX-License-Identifier: MIT
// The caches of a pool.
//
//      stripe 0   lock | fresh -> c3 -> c1      aged -> c0        one for each P, chosen by its number
//      stripe 1   lock | fresh                  aged              stripes 0 to 7 lie in the core, further ones
//      …                                                          in blocks that double, made when needed
//
// get takes from the stripe of its P, and else from any other; give_cell puts into the stripe of its P. Each
// is one short section under the stripe's lock: a locked instruction to enter, a plain store to leave. The
// objects carry the link themselves, so a cache has no limit and nothing that must grow, and giving back, which
// happens in destructors, cannot fail.
//
// Whose stripe it is does not matter to its safety: a goroutine may lose its P between looking at its number
// and taking the lock, and a plain thread has none and picks one by its thread's address. Those who then meet
// at one stripe wait for each other for a few nanoseconds.
//
// Invariants
//   I1  A cell is in one list of one stripe, or in one pair of hands (a handle, a chain that is being
//       destroyed). It changes between the two under the lock of that stripe only.
//   I2  Under a stripe's lock no user code runs and nothing is allocated.
//   I3  The core lives while `counts` is not zero: the pool has one, and each object one.
//   I4  A closed stripe is empty for ever. close_pool closes each under its lock, having put no_more_stripes in
//       the place of blocks that do not exist; so whoever gives back either comes before and is seen, or
//       comes after, sees `closed`, and destroys the object itself.
//   I5  give_cell's last touch of the core is the unlock of the stripe. Once the cell is in the list somebody
//       else may have taken and destroyed it, and with it the core: but only close_pool takes the count that
//       the pool has, and it has had the lock of each stripe after that unlock. Else the cell is still in the
//       giver's hands, and its count holds the core.
//
// Pairs
//   P1  unlock of a stripe -> lock of it: the next holder of an object sees all that the last one did to it.
//   P2  make_stripes: CAS release -> any_stripe, home: acquire. A block is seen with its stripes made.
//   P3  drop: acq_rel, each with those before: who frees the core has met all who used it.
//   The hint looks_empty is relaxed: who knows that an object was given back, by whatever order, sees it.
//
// Rejected: Go's deque for each P, which its owner uses without a lock. Its owner must not lose its P on the way,
// so each operation would be a section in the runtime; plain threads would need a second structure; it grows
// by allocation, in a destructor; and a closing pool could not tell when the last giver has gone.
// Tests: test/sync/pool_{test,stress_test}.cpp.
#include "sync/pool_core.hpp"

#include "sync/stripe.hpp"

#include <bit>
#include <new>
#include <utility>

namespace goro::detail {
namespace {

pool_cell* pop(std::atomic<pool_cell*>& head) noexcept {
  pool_cell* const cell = head.load(std::memory_order_relaxed);
  if (cell != nullptr) head.store(cell->next, std::memory_order_relaxed);
  return cell;
}

pool_cell* take(pool_stripe& stripe) noexcept {
  if (stripe.looks_empty()) return nullptr;
  const spin_guard hold(stripe.lock);  // P1
  pool_cell* const cell = pop(stripe.fresh);
  return cell != nullptr ? cell : pop(stripe.aged);
}

std::uint32_t block_of(std::uint32_t number) noexcept {  // number >= first_stripes
  return static_cast<std::uint32_t>(std::bit_width(number)) - 4;
}

// Null: no memory, or the pool is closed.
pool_stripe* make_stripes(std::atomic<pool_stripe*>& place, std::uint32_t size) noexcept {
  auto* const made = new (std::nothrow) pool_stripe[size];
  if (made == nullptr) return nullptr;
  pool_stripe* there = nullptr;
  if (place.compare_exchange_strong(there, made, std::memory_order_acq_rel, std::memory_order_acquire))  // P2
    return made;
  delete[] made;
  return stripes_of(there);
}

pool_stripe& home(pool_core& core, std::uint32_t number, bool may_make) noexcept {
  if (number < first_stripes) [[likely]]
    return core.first[number];
  const std::uint32_t block = block_of(number);
  const std::uint32_t size = first_stripes << block;
  pool_stripe* there = core.further[block].load(std::memory_order_acquire);  // P2
  if (there == nullptr && may_make) there = make_stripes(core.further[block], size);
  there = stripes_of(there);
  return there == nullptr ? core.first[number % first_stripes] : there[number % size];
}

pool_cell* take_all(std::atomic<pool_cell*>& head) noexcept {
  pool_cell* const chain = head.load(std::memory_order_relaxed);
  head.store(nullptr, std::memory_order_relaxed);
  return chain;
}

}  // namespace

pool_core::~pool_core() {
  for (const auto& each : further) delete[] stripes_of(each.load(std::memory_order_relaxed));  // P3
}

void destroy_cells(pool_cell* chain) noexcept {
  while (chain != nullptr) destroy_cell(std::exchange(chain, chain->next));
}

pool_core* make_pool_core(void (*destroy)(pool_cell*) noexcept) {
  auto* const core = new pool_core(destroy);
  enter_pool(*core);
  return core;
}

void close_pool(pool_core* core) noexcept {
  leave_pool(*core);
  for (auto& each : core->further) {  // I4
    pool_stripe* none = nullptr;
    each.compare_exchange_strong(none, no_more_stripes, std::memory_order_acq_rel, std::memory_order_acquire);
  }
  core->any_stripe(0, [](pool_stripe& stripe) noexcept {
    pool_cell* fresh = nullptr;
    pool_cell* aged = nullptr;
    {
      const spin_guard hold(stripe.lock);
      stripe.closed = true;
      fresh = take_all(stripe.fresh);
      aged = take_all(stripe.aged);
    }
    destroy_cells(fresh);
    destroy_cells(aged);
    return false;
  });
  core->drop();
}

void adopt_cell(pool_core* core, pool_cell* cell) noexcept {
  cell->core = core;
  core->counts.fetch_add(1, std::memory_order_relaxed);
}

void destroy_cell(pool_cell* cell) noexcept {
  pool_core* const core = cell->core;
  core->destroy(cell);
  core->drop();
}

pool_cell* take_cell(pool_core* core) noexcept {
  const std::uint32_t number = stripe_hint();
  if (pool_cell* const cell = take(home(*core, number, false))) [[likely]]
    return cell;
  pool_cell* found = nullptr;
  core->any_stripe(number + 1, [&found](pool_stripe& stripe) noexcept {
    found = take(stripe);
    return found != nullptr;
  });
  return found;
}

void give_cell(pool_cell* cell) noexcept {
  pool_stripe& stripe = home(*cell->core, stripe_hint(), true);
  {
    const spin_guard hold(stripe.lock);  // P1
    if (!stripe.closed) [[likely]] {
      cell->next = stripe.fresh.load(std::memory_order_relaxed);
      stripe.fresh.store(cell, std::memory_order_relaxed);
      return;  // I5
    }
  }
  destroy_cell(cell);  // I4
}

}  // namespace goro::detail
