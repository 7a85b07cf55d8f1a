// SPDX-License-Identifier: MIT
// The tests' way into rw_mutex: waits that a canceller of the test's own breaks, the moment at which readers
// are counted apart, and a count near its limit.
#pragma once

#include "sync/address_lock.hpp"
#include "sync/waiter.hpp"

#include <goro/detail/canceller.hpp>
#include <goro/errc.hpp>
#include <goro/rw_mutex.hpp>

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <system_error>

namespace goro::detail {

struct rw_mutex_peek {
  static std::error_code lock(rw_mutex& m, canceller& by) { return m.lock_unless(&by); }
  static std::error_code lock_shared(rw_mutex& m, canceller& by) { return m.lock_shared_unless(&by); }

  // The next reader that is counted in the word claims slots, if there are any to be had.
  static void make_next_reader_claim(rw_mutex& m) {
    const spin_guard guard(lock_of(&m));
    m.sampled_ = rw_mutex::points_to_claim * rw_mutex::point + rw_mutex::places;  // a place that no CPU has
    __atomic_fetch_or(&m.word_, rw_mutex::ticks & ~rw_mutex::ticks_full, __ATOMIC_RELAXED);
  }
  static bool has_slots(const rw_mutex& m) { return __atomic_load_n(&m.slots_, __ATOMIC_RELAXED) != 0; }
  static std::uint64_t counted(const rw_mutex& m) {
    return __atomic_load_n(&m.word_, __ATOMIC_RELAXED) >> 32;
  }
  static bool somebody_waits(const rw_mutex& m) {
    return (__atomic_load_n(&m.word_, __ATOMIC_RELAXED) & rw_mutex::waiting) != 0;
  }
  // As if so many readers had come since the last one that looked around.
  static void set_ticks(rw_mutex& m, std::uint64_t n) {
    std::uint64_t before = __atomic_load_n(&m.word_, __ATOMIC_RELAXED);
    while (!__atomic_compare_exchange_n(&m.word_, &before, (before & ~rw_mutex::ticks) | n, false, __ATOMIC_RELAXED,
                                        __ATOMIC_RELAXED)) {
    }
  }
  static constexpr std::uint64_t most_ticks = rw_mutex::ticks;
  // Threads too, which parked_count does not know.
  static std::size_t waiting_readers(const rw_mutex& m) {
    const spin_guard guard(lock_of(&m));
    std::size_t n = 0;
    for (const waiter* w = m.first_reader_; w != nullptr; w = w->next) ++n;
    return n;
  }
  // Nothing but ticks: no holder, no waiter, no slots, nobody in a list, and in no list itself.
  static bool is_free(const rw_mutex& m) {
    return (__atomic_load_n(&m.word_, __ATOMIC_RELAXED) & ~rw_mutex::ticks) == 0 &&
           m.first_reader_ == nullptr && m.first_writer_ == nullptr && m.next_drain_ == 0;
  }
  static void add_readers(rw_mutex& m, std::uint64_t n) {
    __atomic_fetch_add(&m.word_, n * rw_mutex::reader, __ATOMIC_RELAXED);
  }
  static constexpr std::uint64_t most_readers = rw_mutex::readers_full / rw_mutex::reader;
};

}  // namespace goro::detail
