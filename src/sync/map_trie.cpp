// SPDX-License-Identifier: MIT
// The trie under concurrent_map: a tree over the digits of hashes, the first four bits on top.
//
//      root   [ leaf | . | node | . | leaf | … ]         16 slots, each: nothing, a leaf, or a node
//                           |
//      node               [ . | leaf | leaf | … ]        a leaf stands at the first node where no other leaf
//                                                        shares its digits; at most 16 levels
//
// Readers go down and look. Writers change one slot by one compare-and-swap: nothing -> leaf; leaf -> another
// leaf of the same hash, or nothing; leaf -> node that holds it and another one below it; empty node -> nothing.
// Nobody locks, so a writer may have run any user code (==, copies) between its look and its change; the
// change then fails, and it looks again. A leaf is never changed, only replaced, and is one entry as a rule.
//
// Invariants
//   I1  A leaf of hash h is in exactly one slot of the trie, on the path of h's digits. A key that stays is
//       therefore on that path at every moment, in this leaf or in one that took its place.
//   I2  A node stays in its one slot until it is dead: slots change from a node to nothing only.
//   I3  count >= slots in use. Who fills an empty slot counts itself in first, and cannot once the node is
//       dead; who empties one counts itself out after that. Who counts out the last one tries 0 -> dead, and
//       takes the dead node out of its parent's slot. So a dead node is empty for ever.
//   I4  Who finds a dead node in its way takes it out too. Whose compare-and-swap does it retires the node and
//       counts it out of the parent. So nobody waits for somebody else, and empty nodes do not pile up.
//   I5  The root never dies: it is counted once for being the root. clear() puts another one in its place; who
//       was under way in the old one ends there, as if it had been before the clear, during which it began.
//   I6  All this is done inside a section (map_epoch.cpp), so nothing that was read from a slot is destroyed, and
//       its address is not used again: a slot that compares equal is unchanged.
//
// Pairs
//   P1  slot: CAS release -> load acquire. Who finds a leaf or a node sees it as it was made.
//   P2  root: exchange release -> load acquire, the same.
//   P3  count: the steps to dead and to one more exclude each other, being compare-and-swaps of one word; no order
//       is needed, as nothing is read on the strength of it but slots, by CAS.
//
// range: leaves in the order of their hashes. Between two of them it keeps only the last hash, and comes down from
// the root again: it holds no section while the user's function runs, and no node that might be taken out. A
// key that stays is seen once: by I1 it is on its path when the scan passes over it, and hashes grow.
//
// Rejected: a table with buckets that grows as a whole (a range over it must copy, or look at keys twice); a
// lock in each node (held while memory is allocated, and by writers that lose their core).
// Tests: test/sync/concurrent_map_{test,stress_test}.cpp.
#include "sync/map_core.hpp"

#include <utility>

namespace goro::detail {
namespace {

bool is_leaf(const map_item* item) noexcept { return item->what == map_item::kind::leaf; }

bool change(std::atomic<map_item*>& slot, map_item* from, map_item* to) noexcept {
  return slot.compare_exchange_strong(from, to, std::memory_order_acq_rel, std::memory_order_relaxed);  // P1
}

// I3. False: the node is dead.
bool count_in(map_node& node) noexcept {
  std::uint32_t n = node.count.load(std::memory_order_relaxed);
  do {
    if (n == dead) return false;
  } while (!node.count.compare_exchange_weak(n, n + 1, std::memory_order_relaxed));  // P3
  return true;
}

// I3. True: the node is dead now, by us.
bool count_out(map_node& node) noexcept {
  if (node.count.fetch_sub(1, std::memory_order_relaxed) != 1) return false;
  std::uint32_t none = 0;
  return node.count.compare_exchange_strong(none, dead, std::memory_order_relaxed);  // P3
}

// New nodes that nobody has seen, each with one node below it at most; the leaves in them are not theirs.
void delete_nodes(map_node* node) noexcept {
  while (node != nullptr) {
    map_node* below = nullptr;
    for (const auto& slot : node->slots)
      if (map_item* const item = slot.load(std::memory_order_relaxed); item != nullptr && !is_leaf(item))
        below = static_cast<map_node*>(item);
    delete std::exchange(node, below);
  }
}

// A chain of new nodes, down to where the two leaves part, which they do.
map_node* make_split(map_leaf& a, map_leaf& b, unsigned shift) {
  auto* const top = new map_node(map_item::kind::node);
  map_node* last = top;
  for (;; shift -= digit_bits) {
    std::atomic<map_item*>& slot = last->slot(a.hash, shift);
    if (&slot != &last->slot(b.hash, shift)) {
      slot.store(&a, std::memory_order_relaxed);
      last->slot(b.hash, shift).store(&b, std::memory_order_relaxed);
      last->count.store(2, std::memory_order_relaxed);
      return top;
    }
    map_node* next = nullptr;
    try {
      next = new map_node(map_item::kind::node);
    } catch (...) {
      delete_nodes(top);
      throw;
    }
    slot.store(next, std::memory_order_relaxed);
    last->count.store(1, std::memory_order_relaxed);
    last = next;
  }
}

map_leaf* first_leaf(map_node& node, unsigned shift, std::uint64_t from) noexcept {
  for (unsigned digit = static_cast<unsigned>(from >> shift) & (fanout - 1); digit != fanout; ++digit) {
    map_item* const item = node.slots[digit].load(std::memory_order_acquire);  // P1
    if (item != nullptr && is_leaf(item)) {
      auto* const leaf = static_cast<map_leaf*>(item);
      if (leaf->hash >= from) return leaf;
    } else if (item != nullptr) {
      if (map_leaf* const leaf = first_leaf(*static_cast<map_node*>(item), shift - digit_bits, from))
        return leaf;
    }
    from = ((from >> shift) + 1) << shift;  // whole slots from here on
  }
  return nullptr;
}

}  // namespace

map_node* make_map_root() {
  auto* const root = new map_node(map_item::kind::root);
  root->count.store(1, std::memory_order_relaxed);  // I5
  return root;
}

void map_core::destroy_item(map_item* item) noexcept {
  if (is_leaf(item)) return drop_leaf(*this, static_cast<map_leaf*>(item));
  auto* const node = static_cast<map_node*>(item);
  for (const auto& slot : node->slots)
    if (map_item* const below = slot.load(std::memory_order_relaxed)) destroy_item(below);
  delete node;
}

map_leaf* map_section::find(std::uint64_t hash) const noexcept {
  map_item* item = core_->root.load(std::memory_order_acquire);  // P2
  for (unsigned shift = top_shift; item != nullptr && !is_leaf(item); shift -= digit_bits)
    item = static_cast<map_node*>(item)->slot(hash, shift).load(std::memory_order_acquire);  // P1
  auto* const leaf = static_cast<map_leaf*>(item);
  return leaf != nullptr && leaf->hash == hash ? leaf : nullptr;
}

bool map_section::replace(std::uint64_t hash, map_leaf* found, map_leaf* desired) {
  map_node* path[most_levels];
  // Takes the dead node path[level] out, and those above it that die of that. I4
  const auto take_out = [&](unsigned level) noexcept {
    do {
      map_node* const node = path[level--];
      map_node& parent = *path[level];
      if (!change(parent.slot(hash, top_shift - level * digit_bits), node, nullptr)) return;
      retire(node);
    } while (count_out(*path[level]));
  };
  unsigned level = 0;
  path[0] = core_->root.load(std::memory_order_acquire);  // P2
  for (;;) {
    map_node& node = *path[level];
    const unsigned shift = top_shift - level * digit_bits;
    std::atomic<map_item*>& slot = node.slot(hash, shift);
    map_item* const item = slot.load(std::memory_order_acquire);  // P1
    if (item == nullptr) {
      if (found != nullptr) return false;
      if (!count_in(node)) {
        take_out(level);
        level = 0;
      } else if (change(slot, nullptr, desired)) {
        return true;
      } else if (count_out(node)) {
        take_out(level);
        level = 0;
      }
    } else if (!is_leaf(item)) {
      path[++level] = static_cast<map_node*>(item);
    } else if (auto& leaf = *static_cast<map_leaf*>(item); leaf.hash == hash) {
      if (&leaf != found) return false;
      if (!change(slot, &leaf, desired)) continue;
      retire(&leaf);
      if (desired == nullptr && count_out(node)) take_out(level);
      return true;
    } else {
      if (found != nullptr) return false;
      map_node* const split = make_split(leaf, *desired, shift - digit_bits);
      if (change(slot, &leaf, split)) return true;
      delete_nodes(split);
    }
  }
}

void clear_map(map_core* core) {
  map_node* const empty = make_map_root();
  map_section here(core);
  here.retire(core->root.exchange(empty, std::memory_order_acq_rel));  // P2
}

map_leaf* pin_leaf(map_core* core, std::uint64_t from) noexcept {
  const map_section here(core);
  map_leaf* const leaf = first_leaf(*core->root.load(std::memory_order_acquire), top_shift, from);  // P2
  if (leaf != nullptr) __atomic_fetch_add(&leaf->counts, 1u, __ATOMIC_RELAXED);  // the map's is still there
  return leaf;
}

void unpin_leaf(map_core* core, map_leaf* leaf) noexcept { drop_leaf(*core, leaf); }

}  // namespace goro::detail
