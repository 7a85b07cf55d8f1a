// SPDX-License-Identifier: MIT
// The mutex: normal mode for throughput, starvation mode against starving, as in Go's sync.Mutex.
//
//      lock_    0 or 1, nothing else                      both together are "the word", changed as 64 bits by all but
//      flags_   | calm: 24 | turning | contended |        the fast paths; the list of waiters and its lock lie beside it
//               | starving | woken | waiting |
//
//      0 <-> locked                                    nobody waits: lock is one exchange, unlock one store
//      contended <-> contended|locked                  nobody waits: unlock is one compare-and-swap
//      locked|waiting -> woken[|waiting]               unlock, normal mode: frees the lock, wakes the head
//      locked|waiting|starving -> locked[|…]           unlock, starvation mode: the lock is the head's now
//
// Normal mode. The woken head competes with whoever comes, and with those who spin. If it loses it goes back
// to the front of the list; `woken` says that it is on its way, and as long as it is, unlock wakes nobody else.
// Starvation mode. A waiter that has lost and is older than 1 ms sets `starving`. Then unlock leaves the lock
// locked and makes the head its holder, and the goroutine that unlocks lets that one run before it goes on;
// who comes goes to the tail at once. The mode ends with a taker that was the last one or younger than 1 ms.
//
// Two rules beyond Go's, because here a woken goroutine goes to the waker's run_next and has to wait there
// for the waker to stop (sched/wake.hpp), while a waker that locks and unlocks in a loop does not:
//   R1  unlock that finds a head older than 1 ms hands over at once. That head would lose first in Go. (So
//       a loser need not set `starving` to be served; it does to spare those who come the spinning.)
//   R2  unlock, while one that was woken has waited for longer than 1 ms (by the coarse clock, which may be some
//       milliseconds behind) and has not come, yields: as a rule it waits in this P's run_next. It finds the lock
//       free or, having lost, sets `starving`.
// So whoever waits has the lock after its predecessors, each of whom has it for one section, and 1 ms or so.
//
// Unlocking by a store. A locked instruction costs as much as all the rest of lock or unlock. So a holder that
// finds no flag frees lock_ by a plain store, and looks at one entry of a table; who waits for such a holder is a
// "seeker" and stands in that table: mutex_seekers.hpp says how neither misses the other. The first to queue sets
// `contended`, after which nobody begins an unlock of that kind, and `turning`, because the holder of that moment may
// have begun one. `contended` stays until 65,536 unlocks in a row have found nobody waiting, which take 30 times as long
// as what it costs to queue first after a time of calm. `turning` goes with the first unlock by another way, or when
// the lock is taken or looked at free: by then that holder has let go. (Nobody can have lost to it: no `starving`.)
//
// Invariants
//   I1  waiting  <=>  the list is not empty. Both change under the list's lock, together.
//   I2  not locked and waiting  =>  woken, or turning, and a holder that has let go or a seeker is about to look.
//       Nobody is forgotten: somebody is on its way, and looks.
//   I3  starving  =>  locked and waiting. So whoever sees the lock free may take it.
//   I4  woken  <=>  there is one task (its owner) that the event has claimed without giving it the lock, and
//       that has neither taken the lock nor queued again. The owner does not give up: a timer or a canceller
//       can claim it only when it is queued, and by then it has passed `woken` back.
//   I5  While locked, the word is changed by the holder, and by others under the list's lock only (they queue,
//       leave), but for the exchange of those who find it locked, which changes nothing. So a holder that has
//       the list's lock may store it: an exchange comes before, and has failed, or after.
//   I6  The last touch of the object by unlock is the step of the word that frees the lock or hands it over;
//       by a waiter that gives up, its section under the list's lock; by one who looks, its section, if there was a
//       seeker. Neither lock_of(this) nor the nodes are part of the object, so who has the lock, and knows of
//       nobody else, may unlock and destroy it.
//   I7  waiting, woken, starving or turning  =>  contended. calm counts while contended only.
//   I8  turning and waiting  <=>  one of those in the list is the seeker. Between sections of the list's lock.
//       An unlock by a store begins only with no flag set; until it has let go it is the holder. So there is one at
//       most, and `turning` is set while it lasts and somebody waits.
//
// Pairs
//   P1  unlock: release -> lock, try_lock: exchange or compare-and-swap, acquire. Who changes the flags meanwhile does
//       so by a read-modify-write of the word, which continues the release sequence, or of flags_ alone.
//   P2  pass_on: ready(w) -> the handed-over one's park returns (K3 of park.hpp). `handed` comes with it.
//   P3  A fast locker sees the flags that were set before the release which its exchange has met: flags and lock_ are
//       one aligned word, and the flags were set by a swap of all of it. (Accesses of two sizes are outside the
//       language's model, and well defined on x86-64 and AArch64.)
//
// A lost wake-up would need a waiter that queues and an unlock that does not see it. Who queues does it by a
// compare-and-swap that asks for `locked`; the holder frees the lock by one that asks for the bits that it has
// judged, or under the list's lock. Both are steps of one word, hence in one order: the waiter's first, and
// unlock sees `waiting`; or unlock's first, and the waiter sees the lock free and tries again. A holder that frees it
// by a store judges nothing in that step; it is met by the seeker, as above. Between that store and the look
// others may take the lock: they see the flags (P3), and their unlocks do what is to be done.
// "Skip the wake because of `woken`": its owner is awake, or ready. It takes the lock, and its own unlock
// wakes the next (woken is clear then); or it sees the lock taken and queues, clearing `woken` in the step
// that asks for `locked`, and the holder of that moment wakes the next.
//
// Giving up. Timer, canceller and unlock claim a waiter by one compare-and-swap on its node (waiter.hpp).
// If unlock wins, the wait was in time: it has the lock, or is the owner of `woken` and competes once more.
// If not, unlock unlinks the node and takes the next; the lock stays with it until it has found a waiter, or
// none, and then it clears `waiting` and `starving`. Who gives up and is still linked does the same when it
// was the last. If the head leaves in starvation mode, the next hand-over looks at the age of the one behind.
//
// Rejected: docs/design/sync.md.
// Tests: test/sync/mutex_{test,modes_test,seekers_test,stress_test,timing_test}.cpp.
#include <goro/mutex.hpp>

#include "base/arch/cpu.hpp"
#include "base/clock.hpp"
#include "base/fatal.hpp"
#include "base/fence.hpp"
#include "sched/coarse_clock.hpp"
#include "sched/hooks.hpp"
#include "sched/machine.hpp"
#include "sched/park.hpp"
#include "sched/procs.hpp"
#include "sched/wake.hpp"
#include "sync/address_lock.hpp"
#include "sync/mutex_seekers.hpp"
#include "sync/waiter.hpp"

#include <goro/errc.hpp>

#include <bit>
#include <cstddef>
#include <stdexcept>

namespace goro {

using namespace detail;

// One who waits, from its first look to its last.
struct mutex::queued : waiter {
  queued() : waiter(task::current()) {}

  std::int64_t since = 0;  // when it queued first; constant while linked
  bool handed = false;     // it has the lock; set by whoever claims it, before ready
  seeker seeks;            // under the list's lock; at the mutex, if it is its seeker
};

namespace {

constexpr std::int64_t starving_after = 1'000'000;  // ns, as in Go
constexpr int spin_rounds = 4;                      // as in Go: with the pauses 1 to 6 us, by processor
constexpr int pauses_a_round = 30;
constexpr std::uint64_t calm_enough = 1 << 16;  // unlocks by compare-and-swap
constexpr const char* state = "mutex";

using word_of_both [[gnu::may_alias]] = std::uint64_t;

// A time as woken_since_ keeps it. Wraps after 73 minutes; a wrong answer costs a yield.
constexpr std::uint32_t stamp(std::int64_t ns) noexcept { return static_cast<std::uint32_t>(ns >> 10); }

// By the coarse clock, which may be behind `since`: asked at each unlock while one that was woken is on its way.
bool is_overdue(std::uint32_t since) noexcept {
  return static_cast<std::int32_t>(stamp(coarse_now()) - since) > static_cast<std::int32_t>(stamp(starving_after));
}

// Spinning helps only if the holder runs at this moment, so another P must be at work; and it must not keep
// anything from running: a goroutine whose P has others had better park.
bool spinning_helps() noexcept {
  const int n = processor_count();
  if (n == 1) return false;
  const int at_work = n - idle.idle_processors.load(std::memory_order_relaxed) -
                      idle.spinning.load(std::memory_order_relaxed);
  const runtime_section here;
  if (here.m == nullptr) return at_work > 0;
  const processor* const p = here.p();
  return p != nullptr && at_work > 1 && !p->has_work();
}

// Plain threads have nothing in their way that yielding would let run.
void let_others_run() noexcept {
  if (current_goroutine() != nullptr) yield_now();
}

}  // namespace

// The halves, not of one moment: whoever acts on them swaps, or has what keeps them. (One load of 64 bits would wait
// until a store or exchange of 32 has left the processor's buffer.)
mutex::both mutex::now() const noexcept {
  return __atomic_load_n(&lock_, __ATOMIC_RELAXED) | both{__atomic_load_n(&flags_, __ATOMIC_RELAXED)} << 32;
}

bool mutex::replace(both& expected, both desired) noexcept {
  static_assert(offsetof(mutex, flags_) == offsetof(mutex, lock_) + 4 && std::endian::native == std::endian::little);
  return __atomic_compare_exchange_n(reinterpret_cast<word_of_both*>(&lock_), &expected, desired, false,
                                     __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);  // P1
}

// By a holder that has freed the lock by a store, and by a seeker after its heavy fence: the one that an unlock would
// have woken, and the caller has to make ready. It may be the seeker itself.
mutex::queued* mutex::look_for_seeker(mutex* where) noexcept {
  const spin_guard guard(lock_of(where));
  if (!has_seeker(where)) return nullptr;  // the object may be gone
  const both word = where->now();
  if ((word & (locked | woken)) != 0) return nullptr;  // the seeker's section, or theirs, comes after this one
  GORO_ASSERT((word & waiting) != 0);                  // I8
  queued* const w = where->take_first();
  if (w != nullptr) __atomic_store_n(&where->woken_since_, stamp(w->since), __ATOMIC_RELAXED);
  // Somebody may take the lock meanwhile, but the flags stay: who frees it finds `waiting` and wants the list's lock.
  const both flags = contended | (w != nullptr ? woken : 0) | (where->first_ != nullptr ? waiting : 0);  // I4, I1
  __atomic_store_n(&where->flags_, static_cast<std::uint32_t>(flags >> 32), __ATOMIC_RELAXED);
  end_seeking(where);
  return w;
}

void mutex::wake_seeker(mutex* where) noexcept {
  if (queued* const w = look_for_seeker(where)) ready(w->who);
}

// ---- taking

// False: somebody has it. and_clear: `woken` if the caller is its owner, else 0.
bool mutex::take_free(both and_clear) noexcept {
  both word = now();
  while ((word & locked) == 0) {  // I3
    both next = (word | locked) & ~and_clear;
    if ((word & waiting) == 0) next &= ~turning;
    if (replace(word, next)) return true;
  }
  return false;
}

mutex::outcome mutex::compete(std::int64_t deadline, canceller* cancel) {
  queued self;
  bool was_woken = false;  // the caller owns `woken`: I4
  for (int rounds = 0;;) {
    if (take_free(was_woken ? woken : 0)) return outcome::locked;
    if (rounds != spin_rounds && (now() & starving) == 0 && spinning_helps()) {
      ++rounds;
      for (int i = 0; i != pauses_a_round; ++i) cpu_pause();
      continue;
    }
    const entry how = enqueue(self, was_woken);
    if (how == entry::woken) was_woken = true;
    if (how != entry::queued) continue;
    detail::woken by = detail::woken::nobody;
    try {
      by = park_waiter(self, wait_reason::mutex, this, deadline, cancel);
    } catch (...) {
      leave(self);
      throw;
    }
    if (by != detail::woken::event) {
      leave(self);
      return by == detail::woken::timer ? outcome::timed_out : outcome::canceled;
    }
    if (self.handed) return outcome::locked;  // P2
    was_woken = true;
    rounds = 0;
  }
}

// Into the list: at the tail, or at the front after losing; and perhaps out of it at once, `woken`.
mutex::entry mutex::enqueue(queued& self, bool was_woken) noexcept {
  const std::int64_t time = now_ns();
  if (!was_woken) self.since = time;
  const bool starves = was_woken && time - self.since > starving_after;
  bool seeks = false;
  {
    const spin_guard guard(lock_of(this));
    both word = now();
    both next = 0;
    do {
      if ((word & never_set) != 0) not_a_lock(this, "mutex", "lock");
      if ((word & locked) == 0) return entry::free;
      seeks = (word & contended) == 0 || (word & (turning | waiting)) == turning;  // I8
      next = (word & (calm - 1)) | waiting | contended;
      if (starves) next |= starving;
      if (seeks) next |= turning;
      if (was_woken) next &= ~woken;
    } while (!replace(word, next));
    if (was_woken) {
      self.unclaim();
      link_front(first_, last_, self);
    } else {
      link(first_, last_, self);
    }
    if (seeks) begin_seeking(this, self.seeks);
  }
  if (!seeks) return entry::queued;
  heavy_fence();
  queued* const w = look_for_seeker(this);
  if (w == &self) return entry::woken;
  if (w != nullptr) ready(w->who);
  return entry::queued;
}

// Claimed by a timer or a canceller.
void mutex::leave(queued& self) noexcept {
  const spin_guard guard(lock_of(this));
  if (!self.linked) return;  // pass_on met it; the object may be gone
  unlink(first_, last_, self);
  if (self.seeks.at != nullptr) {  // I8
    if (first_ != nullptr)
      hand_on_seeking(self.seeks, static_cast<queued*>(first_)->seeks);
    else
      end_seeking(this);
  }
  if (first_ == nullptr)
    __atomic_fetch_and(&flags_, ~static_cast<std::uint32_t>((waiting | starving) >> 32), __ATOMIC_RELAXED);  // I1, I3
}

mutex::outcome mutex::wait_for_it(std::int64_t deadline, canceller* cancel) {
  if (!locks_are_watched) [[likely]]
    return compete(deadline, cancel);
  const lock_watcher& watcher = *hooks.locks;
  const bool limited = deadline != never || cancel != nullptr;
  const watched_lock self{this, &tag_, lock_kind::exclusive, state, limited};
  if (!take_free(0)) {
    watcher.wants(self);
    outcome how = outcome::canceled;
    try {
      how = compete(deadline, cancel);
    } catch (...) {
      watcher.gave_up();
      throw;
    }
    if (how != outcome::locked) {
      watcher.gave_up();
      return how;
    }
  }
  watcher.got(self);
  return outcome::locked;
}

void mutex::lock_slow(std::uint32_t before) {
  if (before != locked_now) not_a_lock(this, "mutex", "lock");
  wait_for_it(never, nullptr);
}

void mutex::tell_got(bool limited) noexcept {
  hooks.locks->got({this, &tag_, lock_kind::exclusive, state, limited});
}

bool mutex::lock_within(std::int64_t d) {
  return d > 0 && wait_for_it(deadline_after(std::chrono::nanoseconds(d)), nullptr) == outcome::locked;
}

bool mutex::lock_before(std::int64_t deadline) {
  return deadline > now_ns() && wait_for_it(deadline, nullptr) == outcome::locked;
}

std::error_code detail::lock_unless_cancelled(mutex& m, canceller* by) {
  if (by != nullptr && by->is_cancelled()) return make_error_code(by->reason());
  if (m.wait_for_it(never, by) == mutex::outcome::locked) return {};
  return make_error_code(by->reason());
}

// ---- giving back

void mutex::unlock_slow() {
  both word = now();
  if ((word & locked) != 0 && locks_are_watched) [[unlikely]]
    hooks.locks->released({this, &tag_, lock_kind::exclusive, state});
  for (;;) {
    if ((word & never_set) != 0) [[unlikely]]
      not_a_lock(this, "mutex", "unlock");
    if ((word & locked) == 0)
      throw std::logic_error(
          "goro: mutex::unlock: unlock of a mutex that is not locked; call unlock once for each lock");
    if ((word & starving) != 0 || (word & (waiting | woken)) == waiting) {
      if (pass_on()) return;
      word = now();
      continue;
    }
    both next = word & ~locked;
    if ((word & waiting) == 0) next &= ~turning;
    if ((word & (waiting | woken | contended)) == contended)
      next = word / calm < calm_enough ? next + calm : 0;  // I7
    // Before the lock is free, since the object may be gone afterwards: I6.
    const std::uint32_t since = __atomic_load_n(&woken_since_, __ATOMIC_RELAXED);
    const bool overdue = (word & woken) != 0 && is_overdue(since);  // R2
    if (!replace(word, next)) continue;
    if (overdue) let_others_run();
    return;
  }
}

// Wakes the head, or hands the lock to it. False: there is nobody any more to do that for; the lock is still held.
bool mutex::pass_on() noexcept {
  const std::int64_t time = now_ns();
  const auto is_old = [time](const queued& w) { return time - w.since > starving_after; };
  wait_list_lock& lock = lock_of(this);
  lock.lock();
  const both word = now();
  if ((word & locked) == 0 || ((word & starving) == 0 && (word & (waiting | woken)) != waiting)) {
    lock.unlock();
    return false;
  }
  GORO_ASSERT(((word & waiting) != 0) == (first_ != nullptr));  // I1
  queued* const w = take_first();
  const bool hand_over = w != nullptr && ((word & starving) != 0 || is_old(*w));  // R1
  both next = contended | (word & woken) | (first_ != nullptr ? waiting : 0);  // I1, I7
  if ((word & turning) != 0) end_seeking(this);                               // I8: this holder came by the flags
  if (hand_over) {
    w->handed = true;
    next |= locked;
    if (first_ != nullptr && is_old(*w)) next |= starving;  // I3
  } else if (w != nullptr) {
    next |= woken;  // I4, I2
    __atomic_store_n(&woken_since_, stamp(w->since), __ATOMIC_RELAXED);
  }
  __atomic_store_n(reinterpret_cast<word_of_both*>(&lock_), next, __ATOMIC_RELEASE);  // P1, I5, I6
  lock.unlock();
  if (w == nullptr) return true;
  ready(w->who);  // P2
  if (hand_over) let_others_run();
  return true;
}

// The first that has not been claimed by its timer or canceller; those leave by themselves.
mutex::queued* mutex::take_first() noexcept {
  while (first_ != nullptr) {
    waiter& w = *first_;
    unlink(first_, last_, w);
    if (w.claim(detail::woken::event)) return &static_cast<queued&>(w);
  }
  return nullptr;
}

}  // namespace goro
