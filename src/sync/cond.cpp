// SPDX-License-Identifier: MIT
// The list of those who wait to be notified, under cond and condition_variable.
//
//      first_ -> w1 <-> w2 <-> w3 <- last_       in the order in which they came; anybody_ == true
//
// There are two locks. The user's guards what is waited for; it is held when a wait begins and when it ends.
// Ours (address_lock.hpp) guards the list. We never take or release the user's with ours held.
//
// Invariants
//   I1  A waiter links itself while it holds the user's lock, before it releases it. So whoever gets that
//       lock after it finds it on the list, unless it has been taken off since. Link order is wake order; no
//       ticket is needed (Go releases the lock first, so it draws a number before that and queues after).
//   I2  Under our lock anybody_ says whether the list is empty.
//   I3  A notification ends exactly one wait, the first whose claim(event) succeeds; those before it on the
//       list, which a timer or a canceller has claimed, are taken off and passed over. A claim is won once,
//       so a wait that was notified says so, and one that gives up has used no notification. Nothing else
//       makes a waiter ready: no spurious wake-ups.
//   I4  Once off the list, a waiter does not touch the object again. It looks at its own `linked` under our
//       lock, which is not part of the object; and the notifier's last touch lies inside its section, before
//       it lets anybody go on. So when all have been notified, the object may be destroyed: each of n
//       notifications takes off at least one of n, also one that has just given up. The exception is a wait
//       whose unlock() threw, and which hands on a notification that it got: misuse twice over.
//   I5  ready is for who parks here. Between its link and its park a waiter releases the user's lock, and
//       that may run anything: park on something else, yield, notify this very list. So each waiter has a
//       stage, and exactly one of the two steps out of `releasing` comes first:
//
//         releasing --notifier--> notified      the waiter sees it and does not park; nobody makes it ready
//         releasing --waiter--> parking --notifier--> notified, and the notifier makes it ready
//
//       The notifier's step is its last touch of the waiter, but for a ready that follows. Timers and
//       cancellers come into play only in `parking`.
//
// Pair
//   P1  notifier: stage exchange release -> waiter: the failing step's acquire. What the notifier did is
//       visible to a waiter that did not park; to the others by contract K3 of park.hpp.
//
// Skipping the wake when nobody waits: notify reads anybody_ without our lock, with no order of its own.
//   The notifier has changed what is waited for under the user's lock, before the notify or around it. That
//   section comes after the one in which the waiter looked and linked itself, or before it.
//     After: the waiter's store of true happens before our load, by the user's lock. The load gives it or a
//       later one; if that is false, the list has been empty since, and the waiter was woken or has given up.
//     Before: the waiter sees the change when it looks, and does not wait for it. If it does not look, it
//       began to wait after the notify.
//   A notifier that never held the lock comes before or after the wait as it happens; the skip is "before".
//   Go's two counters, compared without a lock, say the same.
//
// Rejected: linking after the release, with a ticket drawn before it, as in Go: a notifier would have to leave
// its number for a waiter that is not there yet, and the object be touched after that.
// Tests: test/sync/{cond,condition_variable}_test.cpp, notify_list_test.cpp, cond_stress_test.cpp.
#include <goro/cond.hpp>

#include "sync/address_lock.hpp"
#include "sync/waiter.hpp"

#include <goro/errc.hpp>

#include <atomic>
#include <cstdint>
#include <exception>
#include <utility>

namespace goro::detail {
namespace {

struct notified_waiter : waiter {
  using waiter::waiter;

  // Waiter: it has released the user's lock. False: notified meanwhile.
  bool start_parking() noexcept {
    stage_type expected = stage_type::releasing;
    return stage.compare_exchange_strong(expected, stage_type::parking, std::memory_order_acq_rel,
                                         std::memory_order_acquire);  // P1, I5
  }
  // The notifier that has claimed it. True: it is to be made ready. False: it may be gone.
  bool notify() noexcept {
    return stage.exchange(stage_type::notified, std::memory_order_acq_rel) == stage_type::parking;  // P1, I5
  }

 private:
  enum class stage_type : std::uint8_t { releasing, parking, notified };
  std::atomic<stage_type> stage{stage_type::releasing};
};

}  // namespace

void notify_list::wake_one() noexcept {
  notified_waiter* chosen = nullptr;
  {
    const spin_guard guard(lock_of(this));
    while (chosen == nullptr && first_ != nullptr) {
      waiter& w = *first_;
      unlink(first_, last_, w);
      if (w.claim(woken::event)) chosen = static_cast<notified_waiter*>(&w);  // I3
    }
    note_length();  // I4: the last touch
  }
  if (chosen == nullptr) return;
  const task who = chosen->who;
  if (chosen->notify()) ready(who);
}

void notify_list::wake_everybody() noexcept {
  waiter* claimed = nullptr;
  {
    const spin_guard guard(lock_of(this));
    claimed = take_all(first_, last_);
    note_length();  // I4: the last touch
  }
  ready_batch batch;
  while (claimed != nullptr) {
    auto* const w = static_cast<notified_waiter*>(claimed);
    const task who = w->who;
    claimed = w->next;
    if (w->notify()) batch.add(who);
  }
}

void notify_list::enter(waiter& w) noexcept {
  const spin_guard guard(lock_of(this));
  link(first_, last_, w);
  note_length();
}

// For a waiter that does not wait any longer. False: it was off the list already.
bool notify_list::leave(waiter& w) noexcept {
  const spin_guard guard(lock_of(this));
  if (!w.linked) return false;  // I4: the object may be gone
  unlink(first_, last_, w);
  note_length();
  return true;
}

notify_list::ended notify_list::wait(user_lock lock, std::int64_t deadline, canceller* cancel) {
  if (cancel != nullptr && cancel->is_cancelled()) return ended::canceled;
  notified_waiter self(task::current());
  enter(self);  // I1
  try {
    lock.unlock();
  } catch (...) {
    if (!leave(self)) {  // notified meanwhile: that is to be met, and handed on
      if (self.start_parking()) park(self.who, wait_reason::cond, this);
      notify_one();
    }
    throw;
  }
  if (!self.start_parking()) {
    lock.lock();
    return ended::notified;
  }

  woken by = woken::nobody;
  std::exception_ptr failure;
  try {
    by = park_waiter(self, wait_reason::cond, this, deadline, cancel);
  } catch (...) {
    failure = std::current_exception();  // no memory for the timer; the lock is to be taken first
  }
  if (by != woken::event) (void)leave(self);
  lock.lock();
  if (failure) std::rethrow_exception(std::move(failure));
  if (by == woken::event) return ended::notified;
  return by == woken::timer ? ended::timed_out : ended::canceled;
}

std::error_code notify_list::wait(user_lock lock, const context& ctx) {
  canceller* const cancel = canceller_of(ctx);
  if (wait(lock, never, cancel) == ended::notified) return {};
  return make_error_code(cancel->reason());
}

std::error_code notify_list::done_already(const context& ctx) noexcept {
  const canceller* const cancel = canceller_of(ctx);
  if (cancel == nullptr || !cancel->is_cancelled()) return {};
  return make_error_code(cancel->reason());
}

}  // namespace goro::detail
