// SPDX-License-Identifier: MIT
#include "sched/heap_source.hpp"

#include "base/fatal.hpp"

#include <atomic>

namespace goro::detail {

namespace {
constinit std::atomic<const heap_records*> known{nullptr};
}  // namespace

void set_heap_records(const heap_records* records) noexcept {
  known.store(records, std::memory_order_release);
}

const heap_records* the_heap_records() noexcept { return known.load(std::memory_order_acquire); }

void say_if_heap_is_not_recorded() noexcept {
  const heap_records* const records = the_heap_records();
  if (records != nullptr && records->unavailable == nullptr) return;
  fatal_text text;
  text << "goro: GORO_DEBUG=leak: no heap block is recorded, so proofs take all of the heap for in use; ";
  text << (records != nullptr ? records->unavailable : "link goro::leak (-lgoro-leak) into the program")
       << '\n';
  text.write();
}

}  // namespace goro::detail
