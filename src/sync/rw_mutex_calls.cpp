// SPDX-License-Identifier: MIT
// The calls of rw_mutex in their three forms, what they throw, and what a watcher of locks is told.
// The labels are those of rw_mutex.cpp.
#include "sync/rw_mutex_inside.hpp"

#include "sched/hooks.hpp"
#include "sync/reader_slots.hpp"

#include <goro/errc.hpp>

#include <stdexcept>

namespace goro {

using detail::lock_kind;
using detail::never;
using detail::wait_reason;
using detail::waiter;
using detail::woken;

namespace {

// What a watcher is told; while nobody watches, one predicted branch.
const char* state_of(lock_kind how) noexcept {
  return how == lock_kind::shared ? "rw_mutex read" : "rw_mutex write";
}
detail::watched_lock watched(const void* lock, std::uint32_t& tag, lock_kind how, bool limited) noexcept {
  return {lock, &tag, how, state_of(how), limited};
}
void tell_gave_up() noexcept {
  if (detail::locks_are_watched) [[unlikely]]
    detail::hooks.locks->gave_up();
}

[[noreturn]] void throw_not_shared() {
  throw std::logic_error(
      "goro: rw_mutex::unlock_shared: the lock is not locked for reading; call unlock_shared once after each "
      "lock_shared, and unlock after lock");
}

}  // namespace

void rw_mutex::inside::throw_full() {
  throw std::system_error(
      std::make_error_code(std::errc::resource_unavailable_try_again),
      "goro: rw_mutex::lock_shared: 2^30 readers hold the lock; look for an unlock_shared that is missing");
}

void rw_mutex::inside::tell_wants(rw_mutex& m, lock_kind how, bool limited) noexcept {
  if (detail::locks_are_watched) [[unlikely]]
    detail::hooks.locks->wants(watched(&m, m.tag_, how, limited));
}
void rw_mutex::inside::tell_got(rw_mutex& m, lock_kind how, bool limited) noexcept {
  if (detail::locks_are_watched) [[unlikely]]
    detail::hooks.locks->got(watched(&m, m.tag_, how, limited));
}
void rw_mutex::inside::tell_released(rw_mutex& m, lock_kind how) noexcept {
  if (detail::locks_are_watched) [[unlikely]]
    detail::hooks.locks->released(watched(&m, m.tag_, how, false));
}

// Says who ended it: after the event the caller is in.
woken rw_mutex::inside::wait(rw_mutex& m, lock_kind how, std::int64_t deadline, detail::canceller* cancel,
                             bool counted) {
  const bool shared = how == lock_kind::shared;
  if ((__atomic_load_n(&m.word_, __ATOMIC_RELAXED) & never_set) != 0 && !detail::locks_are_watched) [[unlikely]]
    detail::not_a_lock(&m, "rw_mutex", shared ? "lock_shared" : "lock");  // in all builds: it would wait for ever
  const detail::task me = [&] {
    try {
      return detail::task::current();
    } catch (...) {
      if (counted) leave_shared(m);
      throw;
    }
  }();
  party self(me);
  if (shared ? queue_shared(m, self, counted) : queue_exclusive(m, self)) return woken::event;
  tell_wants(m, how, deadline != never || cancel != nullptr);
  const auto give_up = [&] {
    shared ? give_up_shared(m, self) : give_up_exclusive(m, self);
    tell_gave_up();
  };
  try {
    for (;;) {
      const woken by = detail::park_waiter(self, shared ? wait_reason::rw_mutex_read : wait_reason::rw_mutex_write,
                                           &m, deadline, cancel);
      if (by != woken::event) give_up();
      if (by != woken::event || !shared || self.is_in || enter_shared(m)) return by;
      self.refused = true;
      self.unclaim();
      if (queue_shared(m, self, false)) return woken::event;
    }
  } catch (...) {
    give_up();
    throw;
  }
}

woken rw_mutex::inside::lock(rw_mutex& m, lock_kind how, std::int64_t deadline, detail::canceller* cancel) {
  if (cancel != nullptr && cancel->is_cancelled()) return woken::canceller;
  const bool limited = deadline != never || cancel != nullptr;
  const woken by = enter(m, how) ? woken::event : wait(m, how, deadline, cancel, false);
  if (by == woken::event) tell_got(m, how, limited);
  return by;
}

bool rw_mutex::inside::enter(rw_mutex& m, lock_kind how) {
  return how == lock_kind::shared ? enter_shared(m) : enter_exclusive(m);
}

bool rw_mutex::inside::try_lock(rw_mutex& m, lock_kind how) {
  if (!enter(m, how)) return false;
  tell_got(m, how, true);
  return true;
}

bool rw_mutex::inside::lock_for(rw_mutex& m, lock_kind how, std::int64_t d) {
  if (try_lock(m, how)) return true;  // spares the clock
  if (d <= 0) return false;
  return lock(m, how, detail::deadline_after(std::chrono::nanoseconds(d)), nullptr) == woken::event;
}

bool rw_mutex::inside::lock_by(rw_mutex& m, lock_kind how, std::int64_t deadline) {
  if (try_lock(m, how)) return true;
  if (deadline <= clock::now().time_since_epoch().count()) return false;  // and stops nobody
  return lock(m, how, deadline, nullptr) == woken::event;
}

std::error_code rw_mutex::inside::lock_unless(rw_mutex& m, lock_kind how, detail::canceller* by) {
  if (lock(m, how, never, by) == woken::event) return {};
  return make_error_code(by->reason());
}

bool rw_mutex::try_lock() { return inside::try_lock(*this, lock_kind::exclusive); }
void rw_mutex::lock_slow() { inside::lock(*this, lock_kind::exclusive, never, nullptr); }
bool rw_mutex::lock_for_ns(std::int64_t d) { return inside::lock_for(*this, lock_kind::exclusive, d); }
bool rw_mutex::lock_by(std::int64_t deadline) {
  return inside::lock_by(*this, lock_kind::exclusive, deadline);
}
std::error_code rw_mutex::lock_unless(detail::canceller* by) {
  return inside::lock_unless(*this, lock_kind::exclusive, by);
}

bool rw_mutex::try_lock_shared() { return inside::try_lock(*this, lock_kind::shared); }
void rw_mutex::lock_shared_slow() { inside::lock(*this, lock_kind::shared, never, nullptr); }
bool rw_mutex::lock_shared_for_ns(std::int64_t d) { return inside::lock_for(*this, lock_kind::shared, d); }
bool rw_mutex::lock_shared_by(std::int64_t deadline) {
  return inside::lock_by(*this, lock_kind::shared, deadline);
}
std::error_code rw_mutex::lock_shared_unless(detail::canceller* by) {
  return inside::lock_unless(*this, lock_kind::shared, by);
}

// What the addition of the inline path met, if only a watcher.
void rw_mutex::lock_shared_rest(std::uint64_t after) {
  if ((after & (readers_full | negative)) == readers_full) {  // negative: I6
    __atomic_fetch_and(&word_, ~ticks, __ATOMIC_RELAXED);
    inside::leave_shared(*this);
    inside::throw_full();
  }
  if ((after & (held | waiting)) != 0)
    inside::wait(*this, lock_kind::shared, never, nullptr, true);
  else if ((after & ticks_full) != 0)
    inside::look_around(*this);
  inside::tell_got(*this, lock_kind::shared, false);
}

void rw_mutex::unlock_slow() {
  if ((__atomic_load_n(&word_, __ATOMIC_RELAXED) & held) == 0)
    throw std::logic_error(
        "goro: rw_mutex::unlock: the lock is not locked for writing; call unlock once after each lock, and "
        "unlock_shared after lock_shared");
  inside::tell_released(*this, lock_kind::exclusive);
  inside::leave_exclusive(*this);
}

// What the subtraction of the inline path met. Whoever waited may be in since, and through, and the lock gone:
// it is touched by settle(), which knows, and after a misuse.
void rw_mutex::unlock_shared_rest(std::uint64_t after) {
  if ((after & (held | negative)) == 0) {
    inside::settle(this);
  } else if ((after & (held | negative | in_slots)) != (negative | in_slots)) {  // else I6: the sum is right
    __atomic_fetch_add(&word_, reader, __ATOMIC_RELAXED);
    inside::settle(this);  // another reader may have left meanwhile, and found the count wrong
    throw_not_shared();
  }
}

void rw_mutex::unlock_shared_slow() {
  const std::uint64_t now = __atomic_load_n(&word_, __ATOMIC_RELAXED);
  if ((now & held) != 0 || (now < reader && (now & in_slots) == 0)) throw_not_shared();
  inside::tell_released(*this, lock_kind::shared);
  if (!inside::leave_shared(*this)) throw_not_shared();
}

}  // namespace goro
