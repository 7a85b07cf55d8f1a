// SPDX-License-Identifier: MIT
// What lies under concurrent_map: a trie over hashes whose readers take no lock, compiled once. It knows hashes
// and leaves; keys and values are the typed shell's. The protocol is argued in src/sync/map_trie.cpp, when
// memory is given back in src/sync/map_epoch.cpp.
#pragma once

#include <cstdint>

#include <goro/detail/export.hpp>

namespace goro::detail {

struct map_core;
struct map_stripe;

// What a reader may still look at after it was taken out. `next` links it then.
struct map_item {
  enum class kind : std::uint8_t { leaf, node, root };

  explicit map_item(kind k) noexcept : what(k) {}

  map_item* next = nullptr;
  const kind what;
};

// All that is stored under one hash: one entry, or the few keys that share it. It does not change once it is
// in the map; another one takes its place.
struct map_leaf : map_item {
  explicit map_leaf(std::uint64_t h) noexcept : map_item(kind::leaf), hash(h) {}

  std::uint32_t counts = 1;  // the map has one, and each range that looks at it
  const std::uint64_t hash;
};

GORO_API map_core* make_map_core(void (*destroy)(map_leaf*) noexcept);
GORO_API void end_map_core(map_core* core) noexcept;
GORO_API void clear_map(map_core* core);

// While one of these lives, leaves that were found in it stay valid. The owner may run user code, park, and go
// on in another thread: what is taken out meanwhile is kept longer, and nothing else.
class map_section {
 public:
  GORO_API explicit map_section(map_core* core) noexcept;
  GORO_API ~map_section();
  map_section(const map_section&) = delete;
  map_section& operator=(const map_section&) = delete;

  // Null: nothing is stored under this hash.
  GORO_API map_leaf* find(std::uint64_t hash) const noexcept;

  // Puts `desired` (null: nothing) in the place of `found`, which find(hash) gave in this very section. False:
  // somebody else was quicker, and nothing has changed. Throws std::bad_alloc, likewise.
  GORO_API bool replace(std::uint64_t hash, map_leaf* found, map_leaf* desired);

 private:
  friend void clear_map(map_core* core);

  void retire(map_item* item) noexcept;

  map_core* const core_;
  map_stripe* const stripe_;
  std::uint32_t side_ = 0;
  bool retired_ = false;
};

// For range: the first leaf whose hash is at least `from`, counted, so that it lives without a section. Null:
// there is none.
GORO_API map_leaf* pin_leaf(map_core* core, std::uint64_t from) noexcept;
GORO_API void unpin_leaf(map_core* core, map_leaf* leaf) noexcept;

}  // namespace goro::detail
