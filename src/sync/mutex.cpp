// SPDX-License-Identifier: MIT
// The mutex: normal mode for throughput, starvation mode against starving, as in Go's sync.Mutex.
//
//      word_   | tag: 28 bits | starving | woken | waiting | locked |   the list of waiters and its lock lie beside it
//
//      0 <-> locked                                    nobody waits: lock is one fetch-or, unlock one compare-and-swap
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
//       milliseconds behind) and has not come, yields: as a rule
//       it waits in this P's run_next. It finds the lock free or, having lost, sets `starving`.
// So whoever waits has the lock after its predecessors, each of whom has it for one section, and 1 ms or so.
//
// Invariants
//   I1  waiting  <=>  the list is not empty. Both change under the list's lock, together.
//   I2  not locked and waiting  =>  woken. Nobody is forgotten: somebody is on its way, and looks.
//   I3  starving  =>  locked and waiting. So whoever sees the lock free may take it.
//   I4  woken  <=>  there is one task (its owner) that the event has claimed without giving it the lock, and
//       that has neither taken the lock nor queued again. The owner does not give up: a timer or a canceller
//       can claim it only when it is queued, and by then it has passed `woken` back.
//   I5  While locked, the word is changed by the holder, and by others under the list's lock only (they queue,
//       leave), but for the fetch-or of those who find it locked, which changes nothing. So a holder that has
//       the list's lock may store it: a fetch-or comes before, and has failed, or after.
//   I6  The last touch of the object by unlock is the step of the word that frees the lock or hands it over;
//       by a waiter that gives up, its section under the list's lock. Neither lock_of(this) nor the nodes are
//       part of the object, so who has the lock, and knows of nobody else, may unlock and destroy it.
//
//   I7  The tag is the watcher's (sched/hooks.hpp), set once by a holder; all others leave it as it is. It is 0 in a
//       lock that nobody has watched, so the steps above are written as if it were not there.
//
// Pairs
//   P1  unlock: word_ release -> lock, try_lock: fetch-or or compare-and-swap, acquire. All others who change the word do
//       so by read-modify-write, which continues the release sequence.
//   P2  pass_on: ready(w) -> the handed-over one's park returns (K3 of park.hpp). `handed` comes with it.
//
// A lost wake-up would need a waiter that queues and an unlock that does not see it. Who queues does it by a
// compare-and-swap that asks for `locked`; the holder frees the lock by one that asks for the bits that it has
// judged, or under the list's lock. Both are steps of one word, hence in one order: the waiter's first, and
// unlock sees `waiting`; or unlock's first, and the waiter sees the lock free and tries again.
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
// Rejected
//   fetch_sub in unlock: a second unlock would leave a word that means nothing until it is undone, seen by
//     all; a compare-and-swap costs the same, and leaves misuse without effect.
//   A count of waiters in the word (Go): the list is at hand wherever it would be asked.
//   A newcomer that spins takes `woken`, so that unlock wakes nobody (Go): two that spin in turn could keep
//     the list asleep for ever. A woken one rests in run_next, which costs no more.
// Tests: test/sync/mutex_{test,stress_test,timing_test}.cpp.
#include <goro/mutex.hpp>

#include "base/arch/cpu.hpp"
#include "base/clock.hpp"
#include "base/fatal.hpp"
#include "sched/coarse_clock.hpp"
#include "sched/hooks.hpp"
#include "sched/machine.hpp"
#include "sched/park.hpp"
#include "sched/procs.hpp"
#include "sched/wake.hpp"
#include "sync/address_lock.hpp"
#include "sync/waiter.hpp"

#include <goro/errc.hpp>

#include <cstdint>
#include <stdexcept>

namespace goro {

using namespace detail;

// One who waits, from its first look to its last.
struct mutex::queued : waiter {
  queued() : waiter(task::current()) {}

  std::int64_t since = 0;  // when it queued first; constant while linked
  bool handed = false;     // it has the lock; set by whoever claims it, before ready
};

namespace {

constexpr std::int64_t starving_after = 1'000'000;  // ns, as in Go
constexpr int spin_rounds = 4;                      // as in Go: with the pauses 1 to 6 us, by processor
constexpr int pauses_a_round = 30;
constexpr const char* state = "mutex";

// A time as woken_since_ keeps it. Wraps after 73 minutes; a wrong answer costs one yield.
constexpr std::uint32_t stamp(std::int64_t ns) noexcept { return static_cast<std::uint32_t>(ns >> 10); }

// By the coarse clock: this is asked at each unlock while one that was woken is on its way. The clock may be
// behind `since`.
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

void spin() noexcept {
  for (int i = 0; i != pauses_a_round; ++i) cpu_pause();
}

// Plain threads have nothing in their way that yielding would let run.
void let_others_run() noexcept {
  if (current_goroutine() != nullptr) yield_now();
}

}  // namespace

// ---- taking

// False: somebody has it. and_clear: `woken` if the caller is its owner, else 0.
bool mutex::take_free(std::uint32_t and_clear) noexcept {
  std::uint32_t word = __atomic_load_n(&word_, __ATOMIC_RELAXED);
  while ((word & locked) == 0)  // I3
    if (__atomic_compare_exchange_n(&word_, &word, (word | locked) & ~and_clear, true,
                                    __ATOMIC_ACQUIRE,  // P1
                                    __ATOMIC_RELAXED))
      return true;
  return false;
}

mutex::outcome mutex::compete(std::int64_t deadline, canceller* cancel) {
  queued self;
  bool was_woken = false;  // the caller owns `woken`: I4
  for (int rounds = 0;;) {
    if (take_free(was_woken ? woken : 0)) return outcome::locked;
    if (rounds != spin_rounds && (__atomic_load_n(&word_, __ATOMIC_RELAXED) & starving) == 0 &&
        spinning_helps()) {
      ++rounds;
      spin();
      continue;
    }
    if (!enqueue(self, was_woken)) continue;
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

// Into the list: at the tail, or at the front after losing. False: the lock is free, so that there is nothing
// to wait for (I2 would be broken).
bool mutex::enqueue(queued& self, bool was_woken) noexcept {
  const std::int64_t now = now_ns();
  if (!was_woken) self.since = now;
  const bool starves = was_woken && now - self.since > starving_after;
  const spin_guard guard(lock_of(this));
  std::uint32_t word = __atomic_load_n(&word_, __ATOMIC_RELAXED);
  std::uint32_t next = 0;
  do {
    if ((word & locked) == 0) return false;
    next = word | waiting | (starves ? starving : 0);
    if (was_woken) next &= ~woken;
  } while (!__atomic_compare_exchange_n(&word_, &word, next, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
  if (was_woken) {
    self.unclaim();
    link_front(first_, last_, self);
  } else {
    link(first_, last_, self);
  }
  return true;
}

// Claimed by a timer or a canceller.
void mutex::leave(queued& self) noexcept {
  const spin_guard guard(lock_of(this));
  if (!self.linked) return;  // pass_on met it; the object may be gone
  unlink(first_, last_, self);
  if (first_ == nullptr) __atomic_fetch_and(&word_, ~(waiting | starving), __ATOMIC_RELAXED);  // I1, I3
}

mutex::outcome mutex::wait_for_it(std::int64_t deadline, canceller* cancel) {
  if (!locks_are_watched) [[likely]]
    return compete(deadline, cancel);
  const lock_watcher& watcher = *hooks.locks;
  const bool limited = deadline != never || cancel != nullptr;
  const watched_lock self{this, &word_, lock_kind::exclusive, state, limited};
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

void mutex::lock_slow() { wait_for_it(never, nullptr); }

void mutex::tell_got(bool limited) noexcept {
  hooks.locks->got({this, &word_, lock_kind::exclusive, state, limited});
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
  std::uint32_t word = __atomic_load_n(&word_, __ATOMIC_RELAXED);
  if ((word & locked) != 0 && locks_are_watched) [[unlikely]]
    hooks.locks->released({this, &word_, lock_kind::exclusive, state});
  for (;;) {
    if ((word & locked) == 0)
      throw std::logic_error(
          "goro: mutex::unlock: unlock of a mutex that is not locked; call unlock once for each lock");
    if ((word & starving) != 0 || (word & (waiting | woken)) == waiting) {
      if (pass_on()) return;
      word = __atomic_load_n(&word_, __ATOMIC_RELAXED);
      continue;
    }
    // Before the lock is free, since the object may be gone afterwards: I6.
    const std::uint32_t since = __atomic_load_n(&woken_since_, __ATOMIC_RELAXED);
    const bool overdue = (word & woken) != 0 && is_overdue(since);  // R2
    if (!__atomic_compare_exchange_n(&word_, &word, word & ~locked, true, __ATOMIC_RELEASE,       // P1
                                     __ATOMIC_RELAXED))
      continue;
    if (overdue) let_others_run();
    return;
  }
}

// Wakes the head, or hands the lock to it. False: there is nobody any more to do that for; the lock is still
// held.
bool mutex::pass_on() noexcept {
  const std::int64_t now = now_ns();
  const auto is_old = [now](const queued& w) { return now - w.since > starving_after; };
  wait_list_lock& lock = lock_of(this);
  lock.lock();
  const std::uint32_t word = __atomic_load_n(&word_, __ATOMIC_RELAXED);
  if ((word & locked) == 0 || ((word & starving) == 0 && (word & (waiting | woken)) != waiting)) {
    lock.unlock();
    return false;
  }
  GORO_ASSERT(((word & waiting) != 0) == (first_ != nullptr));  // I1
  queued* const w = take_first();
  const bool hand_over = w != nullptr && ((word & starving) != 0 || is_old(*w));  // R1
  std::uint32_t next = (word & (woken | tag)) | (first_ != nullptr ? waiting : 0);  // I1, I7
  if (hand_over) {
    w->handed = true;
    next |= locked;
    if (first_ != nullptr && is_old(*w)) next |= starving;  // I3
  } else if (w != nullptr) {
    next |= woken;  // I4, I2
    __atomic_store_n(&woken_since_, stamp(w->since), __ATOMIC_RELAXED);
  }
  __atomic_store_n(&word_, next, __ATOMIC_RELEASE);  // P1, I5, I6
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
