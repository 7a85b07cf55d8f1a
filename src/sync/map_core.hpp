// SPDX-License-Identifier: MIT
// The insides of a concurrent_map: nodes of the trie, and who is reading. See map_trie.cpp and map_epoch.cpp.
#pragma once

#include <goro/detail/map_core.hpp>

#include <atomic>
#include <cstdint>
#include <memory>

namespace goro::detail {

inline constexpr unsigned digit_bits = 4;
inline constexpr unsigned fanout = 1u << digit_bits;
inline constexpr unsigned top_shift = 64 - digit_bits;
inline constexpr unsigned most_levels = 64 / digit_bits;
inline constexpr std::uint32_t dead = UINT32_MAX;

struct map_node : map_item {
  explicit map_node(kind k) noexcept : map_item(k) {}

  std::atomic<map_item*>& slot(std::uint64_t hash, unsigned shift) noexcept {
    return slots[hash >> shift & (fanout - 1)];
  }

  std::atomic<std::uint32_t> count{0};  // slots in use or about to be; dead: taken out, empty for ever
  std::atomic<map_item*> slots[fanout]{};
};

map_node* make_map_root();

// For those who are on one P, as a rule.
struct alignas(64) map_stripe {
  std::atomic<std::uint32_t> readers[2]{};  // in sections of even and odd epochs
  std::atomic<std::uint32_t> pending{0};    // about how long the list is
  std::atomic<map_item*> retired{nullptr};  // taken out of the trie since the last look
};

struct map_core {
  explicit map_core(void (*destroy)(map_leaf*) noexcept);
  ~map_core();
  map_core(const map_core&) = delete;
  map_core& operator=(const map_core&) = delete;

  map_stripe* home() const noexcept;
  void reclaim() noexcept;
  void destroy_item(map_item* item) noexcept;  // a root: and all that is below
  void destroy_chain(map_item* chain) noexcept;

  void (*const destroy_leaf)(map_leaf*) noexcept;
  const std::uint32_t stripe_count;  // a power of two
  const std::unique_ptr<map_stripe[]> stripes;
  std::atomic<map_node*> root;
  std::atomic<std::uint64_t> epoch{2};
  std::atomic<std::uint32_t> patience{1};  // how many wait in a stripe before somebody tries to reclaim
  alignas(64) std::atomic<bool> reclaiming{false};
  map_item* young = nullptr;  // taken out in this epoch; these two are whoever has set `reclaiming`'s
  map_item* old = nullptr;    // in the epoch before

 private:
  void gather() noexcept;
  bool quiet(std::uint32_t side) const noexcept;
};

inline void drop_leaf(map_core& core, map_leaf* leaf) noexcept {
  if (__atomic_fetch_sub(&leaf->counts, 1u, __ATOMIC_ACQ_REL) == 1) core.destroy_leaf(leaf);
}

}  // namespace goro::detail
