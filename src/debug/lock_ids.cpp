// SPDX-License-Identifier: MIT
#include "debug/lock_ids.hpp"

namespace goro::detail {

lock_ids::look lock_ids::at(lock_name lock, const std::uint32_t* tag) const noexcept {
  const std::uint32_t id = __atomic_load_n(tag, __ATOMIC_RELAXED) >> tag_bits;
  if (id == 0) {
    const auto here = by_address_.find(lock);
    return {seen::fresh, 0, here == by_address_.end() ? 0 : here->second};
  }
  if (id >= next_) return {seen::wrong, 0, 0};
  const auto found = by_id_.find(id);
  if (found == by_id_.end()) return {seen::renewed, 0, 0};
  if (found->second != lock) return {seen::wrong, 0, 0};
  return {seen::before, id, 0};
}

lock_ids::look lock_ids::number(lock_name lock, std::uint32_t* tag) {
  look l = at(lock, tag);
  if (l.how == seen::before || l.how == seen::wrong) return l;
  if (const auto here = by_address_.find(lock); here != by_address_.end()) by_id_.erase(here->second);
  if (next_ > last) {
    by_address_.erase(lock);
    return l;
  }
  l.id = next_;
  by_id_[l.id] = lock;
  by_address_[lock] = l.id;
  ++next_;
  // The lock's own bits may change at the same time.
  std::uint32_t word = __atomic_load_n(tag, __ATOMIC_RELAXED);
  while (!__atomic_compare_exchange_n(tag, &word, (word & ((1u << tag_bits) - 1)) | l.id << tag_bits, true,
                                      __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
  }
  return l;
}

lock_ids::given_up lock_ids::forget_oldest(std::size_t most) {
  if (by_id_.size() <= most) return {0, lock_name::none};
  for (;; ++oldest_) {
    const auto found = by_id_.find(oldest_);
    if (found == by_id_.end()) continue;
    const given_up gone{oldest_, found->second};
    by_id_.erase(found);
    by_address_.erase(gone.lock);
    ++oldest_;
    return gone;
  }
}

}  // namespace goro::detail
