// SPDX-License-Identifier: MIT
// A map that many goroutines read and change at once, without a lock of the user's and without one of its own.
//
//   goro::concurrent_map<std::string, int> hits;
//   hits.store("index", 1);
//   if (auto n = hits.load("index")) hits.compare_and_swap("index", *n, *n + 1);
//   hits.range([](const std::string& page, int n) { return std::printf("%s %d\n", page.c_str(), n) > 0; });
//
// Go's sync.Map, with types. It gives out copies of its values, never references, so a V should be cheap to
// copy: a number, a small struct, a std::shared_ptr<const T>.
//
// All calls may be made from any goroutine and any thread at the same time, except construction and
// destruction. Each call on one key, and clear(), takes effect at one moment between its start and its return.
// Order: what happened before a value was stored is visible to whoever gets it.
// Hash, ==, and what copies and moves keys and values are called without any lock: they may use goro, the map
// included, and wait. If they throw, the map is as it was.
// A value that was replaced or erased is destroyed at once if nobody else is in the map. Otherwise that is left
// to one of the next changes by anybody, when those who might still be looking at it have gone, or to the
// map's end. So someone whose copy of a value takes long delays the destruction of others, and nothing else.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <type_traits>
#include <utility>

#include <goro/detail/export.hpp>
#include <goro/detail/map_core.hpp>

namespace goro {
namespace detail {

// std::equal_to, without <functional>.
struct equal_keys {
  template <class K>
  constexpr bool operator()(const K& a, const K& b) const {
    return a == b;
  }
};

// What is stored for one key. `more`: other keys with the very same 64 bits of hash; constant once published.
template <class K, class V>
struct map_entry : map_leaf {
  template <class K2, class V2>
  map_entry(std::uint64_t h, K2&& k, V2&& v)
      : map_leaf(h), key(std::forward<K2>(k)), value(std::forward<V2>(v)) {}

  const K key;
  const V value;
  map_entry* more = nullptr;
};

template <class K, class V>
void destroy_entries(map_leaf* leaf) noexcept {
  auto* entry = static_cast<map_entry<K, V>*>(leaf);
  while (entry != nullptr) delete std::exchange(entry, entry->more);
}

// Entries that are not in the map yet.
template <class K, class V>
class new_entries {
 public:
  using entry = map_entry<K, V>;

  explicit new_entries(entry* first = nullptr) noexcept : first_(first) {}
  ~new_entries() { destroy_entries<K, V>(first_); }
  new_entries(const new_entries&) = delete;
  new_entries& operator=(const new_entries&) = delete;

  entry* get() const noexcept { return first_; }
  entry* operator->() const noexcept { return first_; }
  explicit operator bool() const noexcept { return first_ != nullptr; }
  void release() noexcept { first_ = nullptr; }
  void set(entry* first) noexcept { first_ = first; }

  // Copies, behind the first, of all in `chain` but one, which may be null. It has had no others.
  void append_others(const entry* chain, const entry* but) {
    for (; chain != nullptr; chain = chain->more) {
      if (chain == but) continue;
      auto* const copy = new entry(chain->hash, chain->key, chain->value);
      copy->more = std::exchange(first_ == nullptr ? first_ : first_->more, copy);
    }
  }
  // Takes those off again.
  void drop_others() noexcept {
    if (first_ != nullptr) destroy_entries<K, V>(std::exchange(first_->more, nullptr));
  }

 private:
  entry* first_;
};

}  // namespace detail

template <class K, class V, class Hash = std::hash<K>, class Equal = detail::equal_keys>
class concurrent_map {
  static_assert(std::is_copy_constructible_v<K>,
                "a concurrent_map copies keys when two of them have the same hash");
  static_assert(std::is_copy_constructible_v<V>, "a concurrent_map gives out copies of its values");

 public:
  concurrent_map() : concurrent_map(Hash()) {}
  explicit concurrent_map(Hash hash, Equal equal = Equal())
      : hash_(std::move(hash)),
        equal_(std::move(equal)),
        core_(detail::make_map_core(&detail::destroy_entries<K, V>)) {}
  ~concurrent_map() { detail::end_map_core(core_); }
  concurrent_map(const concurrent_map&) = delete;
  concurrent_map& operator=(const concurrent_map&) = delete;

  // Returns  a copy of the key's value; nothing: it has none.
  // Cost     two locked instructions on a word of this P, and a look at each level: log16 of the size.
  // Go       Map.Load
  std::optional<V> load(const K& key) const {
    const std::uint64_t h = hash_of(key);
    const detail::map_section here(core_);
    const entry* const now = entry_of(chain_at(here, h), key);
    return now == nullptr ? std::optional<V>() : std::optional<V>(now->value);
  }

  // Sets the key's value, whether it has one or not.
  // Cost     one allocation, and one for each level that the map grows by.
  // Go       Map.Store
  void store(K key, V value) {
    put(std::move(key), std::move(value), [](const entry*) {});
  }

  // Sets the key's value if it has none.
  //
  // Returns  the value that it has now, and whether it had it before (true: loaded, nothing was stored).
  // Go       Map.LoadOrStore
  std::pair<V, bool> load_or_store(K key, V value) {
    const std::uint64_t h = hash_of(key);
    std::optional<V> stored;
    entries mine;
    for (;;) {
      detail::map_section here(core_);
      entry* const chain = chain_at(here, h);
      if (const entry* const now = entry_of(chain, mine ? mine->key : key)) return {now->value, true};
      if (!mine) {
        stored.emplace(value);  // before it is moved into the map, where others may replace it at once
        mine.set(new entry(h, std::move(key), std::move(value)));
      }
      if (replace(here, h, chain, nullptr, mine)) return {std::move(*stored), false};
    }
  }

  // Takes the key out.
  //
  // Returns  a copy of the value that it had; nothing: it had none.
  // Go       Map.LoadAndDelete
  std::optional<V> load_and_delete(const K& key) {
    std::optional<V> had;
    const bool taken = take(key, [&had](const entry& now) {
      had.emplace(now.value);
      return true;
    });
    if (!taken) had.reset();  // what an earlier look saw; somebody was quicker
    return had;
  }

  // Takes the key out. False: it was not there.
  // Go       Map.Delete
  bool erase(const K& key) {
    return take(key, [](const entry&) { return true; });
  }

  // Sets the key's value.
  //
  // Returns  a copy of the value that it had; nothing: it had none.
  // Go       Map.Swap
  std::optional<V> swap(K key, V value) {
    std::optional<V> had;
    put(std::move(key), std::move(value), [&had](const entry* now) {
      had.reset();
      if (now != nullptr) had.emplace(now->value);
    });
    return had;
  }

  // Sets the key's value to `desired` if it has one that == `old`. False: it has another, or none.
  // Go       Map.CompareAndSwap
  bool compare_and_swap(const K& key, const V& old, V desired) {
    const std::uint64_t h = hash_of(key);
    entries mine;
    for (;;) {
      detail::map_section here(core_);
      entry* const chain = chain_at(here, h);
      const entry* const now = entry_of(chain, key);
      if (now == nullptr || !(now->value == old)) return false;
      if (!mine) mine.set(new entry(h, now->key, std::move(desired)));
      if (replace(here, h, chain, now, mine)) return true;
    }
  }

  // Takes the key out if its value == `old`. False: it has another, or none.
  // Go       Map.CompareAndDelete
  bool compare_and_erase(const K& key, const V& old) {
    return take(key, [&old](const entry& now) { return now.value == old; });
  }

  // Calls f(key, value) for what is in the map, in no particular order, until f returns false. f may do
  // anything, with this map too. What is there all the time is seen once; what comes, changes or goes meanwhile
  // is seen as it was at some moment of the call, or not at all, and once at most.
  //
  // Throws   what f throws.
  // Cost     allocates nothing. Four locked instructions for each key. The references are good until f returns.
  // Go       Map.Range
  template <class F>
  requires std::is_invocable_r_v<bool, F&, const K&, const V&>
  void range(F f) const {
    std::uint64_t from = 0;
    do {
      const pinned at(core_, from);
      if (at.leaf == nullptr) return;
      for (const entry* e = static_cast<const entry*>(at.leaf); e != nullptr; e = e->more)
        if (!f(e->key, e->value)) return;
      from = at.leaf->hash + 1;
    } while (from != 0);  // it was the highest
  }

  // Takes all out. A call that is under way may come before or after it; one that begins later is after.
  //
  // Throws   std::bad_alloc.
  // Cost     one allocation; then what was in it is destroyed as if erased.
  // Go       Map.Clear
  void clear() { detail::clear_map(core_); }

 private:
  using entry = detail::map_entry<K, V>;
  using entries = detail::new_entries<K, V>;

  struct pinned {
    pinned(detail::map_core* c, std::uint64_t from) noexcept : core(c), leaf(detail::pin_leaf(c, from)) {}
    ~pinned() {
      if (leaf != nullptr) detail::unpin_leaf(core, leaf);
    }
    pinned(const pinned&) = delete;
    pinned& operator=(const pinned&) = delete;

    detail::map_core* const core;
    detail::map_leaf* const leaf;
  };

  // std::hash of a number is that number as a rule; the trie wants all bits to differ. One to one.
  std::uint64_t hash_of(const K& key) const {
    auto h = static_cast<std::uint64_t>(hash_(key));
    h = (h ^ h >> 32) * 0xd6e8'feb8'6659'fd93;
    h = (h ^ h >> 32) * 0xd6e8'feb8'6659'fd93;
    return h ^ h >> 32;
  }

  static entry* chain_at(const detail::map_section& here, std::uint64_t h) noexcept {
    return static_cast<entry*>(here.find(h));
  }
  entry* entry_of(entry* chain, const K& key) const {
    while (chain != nullptr && !equal_(chain->key, key)) chain = chain->more;
    return chain;
  }

  // `mine` in the place of `chain`, with copies of all its entries but `gone`. False: somebody was quicker.
  static bool replace(detail::map_section& here, std::uint64_t h, entry* chain, const entry* gone,
                      entries& mine) {
    mine.append_others(chain, gone);
    if (here.replace(h, chain, mine.get())) {
      mine.release();
      return true;
    }
    mine.drop_others();
    return false;
  }

  // before(now) is told what the key has, null: nothing, and may throw.
  template <class Before>
  void put(K&& key, V&& value, Before before) {
    const std::uint64_t h = hash_of(key);
    entries mine(new entry(h, std::move(key), std::move(value)));
    for (;;) {
      detail::map_section here(core_);
      entry* const chain = chain_at(here, h);
      const entry* const now = entry_of(chain, mine->key);
      before(now);
      if (replace(here, h, chain, now, mine)) return;
    }
  }

  // Takes the key out if it is there and wanted(entry) says so.
  template <class Wanted>
  bool take(const K& key, Wanted wanted) {
    const std::uint64_t h = hash_of(key);
    for (;;) {
      detail::map_section here(core_);
      entry* const chain = chain_at(here, h);
      const entry* const now = entry_of(chain, key);
      if (now == nullptr || !wanted(*now)) return false;
      entries others;
      if (replace(here, h, chain, now, others)) return true;
    }
  }

  [[no_unique_address]] const Hash hash_;
  [[no_unique_address]] const Equal equal_;
  detail::map_core* const core_;
};

}  // namespace goro
