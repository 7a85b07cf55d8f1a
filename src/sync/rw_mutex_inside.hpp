// SPDX-License-Identifier: MIT
// The slow paths of rw_mutex. The protocol is argued in rw_mutex.cpp, which has the steps; the calls made of
// them, with what is thrown and told, are in rw_mutex_calls.cpp.
#pragma once

#include "sync/waiter.hpp"

#include <goro/detail/canceller.hpp>
#include <goro/detail/lock_watch.hpp>
#include <goro/rw_mutex.hpp>

#include <cstdint>
#include <system_error>

namespace goro {

struct rw_mutex::inside {
  using waiter = detail::waiter;
  using woken = detail::woken;
  // A waiter in one of the lists. The rest is a reader's.
  struct party : waiter {
    using waiter::waiter;
    bool is_in = false;    // set by the event, if it has counted the reader; else the reader is to try for itself
    bool refused = false;  // has tried in vain: the next event counts it
  };
  using lock_kind = detail::lock_kind;

  // Without waiting. Shared: false means that a writer holds the lock or waits for it; throws if the lock is
  // full. Exclusive: false means that somebody is in, in passing, or waiting.
  static bool enter_shared(rw_mutex& m);
  static bool enter_exclusive(rw_mutex& m) noexcept;
  // Under the lock: in at once (true), or in the list. `counted`: the caller has added itself to the word.
  static bool queue_shared(rw_mutex& m, party& self, bool counted) noexcept;
  static bool queue_exclusive(rw_mutex& m, waiter& self) noexcept;
  // After a wait that a timer or a canceller has ended.
  static void give_up_shared(rw_mutex& m, waiter& self) noexcept;
  static void give_up_exclusive(rw_mutex& m, waiter& self) noexcept;
  // Shared: false means that there was no reader. Exclusive: the caller has seen `held`.
  static bool leave_shared(rw_mutex& m) noexcept;
  static void leave_exclusive(rw_mutex& m) noexcept;
  // For a reader that is in and has found the ticks full: counts readers apart, if that seems to pay.
  static void look_around(rw_mutex& m) noexcept;
  // For a reader that has taken itself off the word, and has found `waiting`: ends a drain, if there is one.
  // Touches the lock that stood there only if somebody drains it now.
  static void settle(const rw_mutex* where) noexcept;
  [[noreturn]] static void throw_full();

  // Under the lock. What they return or add to `chain` is to be woken after it.
  static void close_slots(rw_mutex& m) noexcept;
  static waiter* next_writer(rw_mutex& m) noexcept;
  static waiter* all_readers(rw_mutex& m, std::uint64_t& counted) noexcept;
  static waiter* hand_over(rw_mutex& m, lock_kind first) noexcept;
  static waiter* release_readers(rw_mutex& m) noexcept;
  static bool uncount(rw_mutex& m, waiter*& chain, bool surely) noexcept;
  static void begin_drain(rw_mutex& m) noexcept;
  static void end_drain(rw_mutex& m) noexcept;

  // Calls, in rw_mutex_calls.cpp.
  static woken wait(rw_mutex& m, lock_kind how, std::int64_t deadline, detail::canceller* cancel,
                    bool counted);
  static woken lock(rw_mutex& m, lock_kind how, std::int64_t deadline, detail::canceller* cancel);
  static bool enter(rw_mutex& m, lock_kind how);
  static bool try_lock(rw_mutex& m, lock_kind how);
  static bool lock_for(rw_mutex& m, lock_kind how, std::int64_t d);
  static bool lock_by(rw_mutex& m, lock_kind how, std::int64_t deadline);
  static std::error_code lock_unless(rw_mutex& m, lock_kind how, detail::canceller* by);

  // What a watcher is told (sched/hooks.hpp); while nobody watches, one predicted branch.
  static void tell_wants(rw_mutex& m, lock_kind how, bool limited) noexcept;
  static void tell_got(rw_mutex& m, lock_kind how, bool limited) noexcept;
  static void tell_released(rw_mutex& m, lock_kind how) noexcept;
};

}  // namespace goro
