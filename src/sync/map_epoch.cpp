// SPDX-License-Identifier: MIT
// When what was taken out of a concurrent_map may be destroyed: when nobody can be looking at it any more.
//
// Readers run user code in their sections (a key's ==, a value's copy), which may take long or park. So a section
// belongs to no thread and no P: it is a count, in one of some stripes so that readers on different Ps do not
// meet, on one of two sides, that of the even or of the odd epochs. It is counted down where it was counted up,
// wherever its owner has got to.
//
//      epoch e:   new sections count on side e & 1       stripe 0   readers[0] readers[1]   retired -> i3 -> i1
//                 old ones end on the other side         stripe 1   readers[0] readers[1]   retired -> i2
//
// Who takes an item out of the trie puts it into the list of its stripe. Later somebody ("the reclaimer", one
// at a time) gathers the lists into `young`, and then takes steps:
//
//      step e -> e + 1, allowed when side (e - 1) & 1 is empty:   old is free; old = young; young = nothing
//
// Two steps after it was gathered an item is destroyed, by the reclaimer, outside of any section and lock.
//
// Invariants
//   I1  Only the reclaimer changes the epoch, `young` and `old`; `reclaiming` lets one in at a time.
//   I2  A section counts on side r & 1, r being the epoch that it saw after it had been counted: it says of itself
//       that it began in r. While it lasts the epoch is at most r + 1. (The step r + 1 -> r + 2 wants side r & 1
//       empty, and F1 makes it see the section.)
//   I3  A section that began after item i was gathered in epoch e, in e + 1 or later, cannot find i: by P2 it
//       sees the trie without it. One that may still look at i began in e or before, and so ends, by I2,
//       before the step e + 1 -> e + 2. That step frees what was gathered in e.
//
// Pairs
//   F1a enter: readers += 1; read epoch.        F1b step: epoch = e; then, for the next one, read readers.
//       Either the section reads the new epoch, and starts again, or the reclaimer sees it counted. All four are
//       seq_cst.
//   P1  leave: readers release -> quiet: readers seq_cst. What the section read is read before it is destroyed.
//       (Each count continues the release sequence of those before.)
//   P2  retire: CAS release -> gather: exchange acquire, then epoch seq_cst -> enter: epoch seq_cst. The unlinking
//       is before the retiring, so a section of a later epoch sees it.
//
// A section that lasts only delays: items pile up while it does, and nobody waits for it. Readers that follow each
// other without a gap delay nothing, since new ones count on the other side.
//
// How often: who has retired something looks, after its section. It tries at once while nobody else is in the
// map, so that a value goes when it is erased; each try that leaves something behind doubles the number that
// must wait in a stripe before the next, to 64, and each that leaves nothing halves it. So with many at work the
// stripes are looked over rarely, and what waits is at most 64 for each, and what came in during the longest
// section. Those who find the reclaimer at work leave theirs to the next.
//
// Rejected: hazard pointers or a count in each leaf, which let all readers of a hot key write one cache line;
// epochs by P or by thread, which a parked reader would have to take along; one domain for all maps, where a
// reader that is stuck in one keeps the garbage of all.
// Tests: test/sync/concurrent_map_{test,stress_test}.cpp.
#include "sync/map_core.hpp"

#include "base/cgroup.hpp"
#include "sched/procs.hpp"
#include "sync/stripe.hpp"

#include <algorithm>
#include <bit>
#include <utility>

namespace goro::detail {
namespace {

constexpr std::uint32_t most_patience = 64;

std::uint32_t stripes_wanted() {
  const int running = processor_count();
  const int procs = running != 0 ? running : cpu_count();  // none: a map that is older than the runtime
  return std::bit_ceil(static_cast<std::uint32_t>(std::clamp(procs, 4, 64)));
}

// Puts the chain `more` before `chain`.
map_item* joined(map_item* more, map_item* chain) noexcept {
  while (more != nullptr) {
    map_item* const next = more->next;
    more->next = chain;
    chain = more;
    more = next;
  }
  return chain;
}

}  // namespace

map_core::map_core(void (*destroy)(map_leaf*) noexcept)
    : destroy_leaf(destroy),
      stripe_count(stripes_wanted()),
      stripes(std::make_unique<map_stripe[]>(stripe_count)),
      root(make_map_root()) {}

map_core::~map_core() {
  for (std::uint32_t i = 0; i != stripe_count; ++i)
    destroy_chain(stripes[i].retired.exchange(nullptr, std::memory_order_acquire));
  destroy_chain(young);
  destroy_chain(old);
  destroy_item(root.load(std::memory_order_acquire));
}

map_stripe* map_core::home() const noexcept { return &stripes[stripe_hint() & (stripe_count - 1)]; }

void map_core::destroy_chain(map_item* chain) noexcept {
  while (chain != nullptr) destroy_item(std::exchange(chain, chain->next));
}

void map_core::gather() noexcept {
  for (std::uint32_t i = 0; i != stripe_count; ++i) {
    map_stripe& stripe = stripes[i];
    if (stripe.retired.load(std::memory_order_relaxed) == nullptr) continue;
    stripe.pending.store(0, std::memory_order_relaxed);
    young = joined(stripe.retired.exchange(nullptr, std::memory_order_acquire), young);  // P2
  }
}

bool map_core::quiet(std::uint32_t side) const noexcept {
  for (std::uint32_t i = 0; i != stripe_count; ++i)
    if (stripes[i].readers[side].load(std::memory_order_seq_cst) != 0) return false;  // F1b, P1
  return true;
}

void map_core::reclaim() noexcept {
  if (reclaiming.load(std::memory_order_relaxed) || reclaiming.exchange(true, std::memory_order_acquire))
    return;
  map_item* doomed = nullptr;
  gather();
  std::uint64_t now = epoch.load(std::memory_order_relaxed);  // I1
  while ((young != nullptr || old != nullptr) && quiet(static_cast<std::uint32_t>(now - 1) & 1)) {
    doomed = joined(std::exchange(old, std::exchange(young, nullptr)), doomed);
    epoch.store(++now, std::memory_order_seq_cst);  // F1b
  }
  const std::uint32_t before = patience.load(std::memory_order_relaxed);
  const bool all = young == nullptr && old == nullptr;
  patience.store(all ? std::max(1u, before / 2) : std::min(most_patience, before * 2),
                 std::memory_order_relaxed);
  reclaiming.store(false, std::memory_order_release);
  destroy_chain(doomed);
}

map_section::map_section(map_core* core) noexcept : core_(core), stripe_(core->home()) {
  std::uint64_t began = core->epoch.load(std::memory_order_relaxed);
  for (;;) {
    side_ = static_cast<std::uint32_t>(began) & 1;
    stripe_->readers[side_].fetch_add(1, std::memory_order_seq_cst);        // F1a
    const std::uint64_t now = core->epoch.load(std::memory_order_seq_cst);  // F1a, P2
    if (now == began) return;
    stripe_->readers[side_].fetch_sub(1, std::memory_order_release);
    began = now;
  }
}

map_section::~map_section() {
  stripe_->readers[side_].fetch_sub(1, std::memory_order_release);  // P1
  if (retired_ &&
      stripe_->pending.load(std::memory_order_relaxed) >= core_->patience.load(std::memory_order_relaxed))
    core_->reclaim();
}

void map_section::retire(map_item* item) noexcept {
  item->next = stripe_->retired.load(std::memory_order_relaxed);
  while (!stripe_->retired.compare_exchange_weak(item->next, item, std::memory_order_release,  // P2
                                                 std::memory_order_relaxed)) {
  }
  // A whole trie is worth a look at once.
  const std::uint32_t weight = item->what == map_item::kind::root ? most_patience : 1;
  stripe_->pending.fetch_add(weight, std::memory_order_relaxed);
  retired_ = true;
}

map_core* make_map_core(void (*destroy)(map_leaf*) noexcept) { return new map_core(destroy); }

void end_map_core(map_core* core) noexcept { delete core; }

}  // namespace goro::detail
