// SPDX-License-Identifier: MIT
// GORO_DEBUG=deadlock: watches mutexes, rw_mutexes and wait groups, and reports goroutines that wait for each
// other in a circle while the rest of the program runs on, locks that are taken in opposite orders, and locks that
// are none any more. What is reported and what not is argued in docs/design/deadlock.md.
//
// Each lock operation notes itself in one place, under one lock, with the stack of where it is: some microseconds,
// which is why this is asked for. Who begins to wait looks whether that closes a circle of waits; who takes a
// lock while it holds another, whether that closes one of orders. Reports are written by a thread that sleeps
// otherwise (lock_reporter.cpp).
#include "debug/lock_watch.hpp"
#include "debug/lock_reporter.hpp"
#include "debug/unwind.hpp"

#include "base/settings.hpp"
#include "base/static_storage.hpp"
#include "sched/goroutine.hpp"
#include "sched/hooks.hpp"

#include <atomic>
#include <cstdlib>
#include <mutex>
#include <utility>

namespace goro::detail {

namespace {

constexpr std::size_t frames_kept = 24;
constexpr std::size_t most_locks = 1u << 18;  // that are told apart

// Never another thread's, unlike its address. Only off goroutines' stacks, so no park lies between.
[[gnu::noinline]] party this_thread() noexcept {
  static constinit std::atomic<party> threads{0};
  thread_local constinit party mine = 0;
  if (mine == 0) mine = (threads.fetch_add(1, std::memory_order_relaxed) + 1) | thread_bit;
  return mine;
}

party_label who_calls() {
  if (const goroutine* const g = current_goroutine()) {
    const goroutine_extra* const extra = g->extra;
    return {g->id, extra != nullptr && extra->name != nullptr ? extra->name : "", g->created_at};
  }
  return {this_thread(), "", 0};
}

std::vector<std::uintptr_t> stack_here() {
  std::uintptr_t pcs[frames_kept];
  return {pcs, pcs + unwind_here(pcs, frames_kept)};
}

// What is noted is for a report only: without memory, or in a thread that is ending, it is left out.
template <class F>
void noting(F f) noexcept {
  try {
    f();
  } catch (...) {
  }
}

constexpr const char* overwritten =
    "is no lock any more: its memory has been overwritten; was it destroyed, or copied as bytes?";
constexpr const char* replaced =
    "is unlocked by one who locked another lock at this address, which was destroyed while it was held";

// False: it is none, and that has been said; for what follows may end the process.
bool is_a_lock(lock_watch& w, std::unique_lock<std::mutex>& held, lock_ids::seen how,
               const watched_lock& lock, const party_label& me) {
  if (how != lock_ids::seen::wrong) return true;
  w.report(lock_misuse{overwritten, name_of(lock.at), lock.state, me, stack_here(), {}});
  w.write_all(held);
  return false;
}

// Under the watch's lock. `waits`: before it has the lock. Orders are noted twice then; the second time is cheap.
void note_order(lock_watch& w, const party_label& me, const lock_hold& taken, bool waits_in_circle) {
  const lock_party* const known = w.graph.find(me.id);
  std::vector<lock_inversion> found;
  w.order.takes(me, known == nullptr ? std::span<const lock_hold>{} : known->holds, taken, found);
  if (waits_in_circle) return;  // a report of the circle says the same
  for (lock_inversion& i : found) w.report(std::move(i));
}

void wants(const watched_lock& lock) noexcept {
  noting([&] {
    party_label me = who_calls();
    std::vector<std::uintptr_t> stack = stack_here();
    lock_watch& w = the_lock_watch();
    std::unique_lock held(w.lock);
    const lock_ids::look seen = w.ids.at(name_of(lock.at), lock.tag);
    if (!is_a_lock(w, held, seen.how, lock, me)) return;
    const auto how = lock.how == lock_kind::shared ? wish_kind::shared : wish_kind::exclusive;
    w.graph.wants(
        me.id, {name_of(lock.at), how, lock.state, lock.limited, 0, stack, std::chrono::steady_clock::now()});
    w.graph.at(me.id).label = me;
    if (lock.limited) return;
    const bool in_circle = w.suspect(me.id);
    if (seen.id != 0)
      note_order(w, me, {name_of(lock.at), seen.id, lock.how, lock.state, std::move(stack)}, in_circle);
  });
}

void got(const watched_lock& lock) noexcept {
  noting([&] {
    party_label me = who_calls();
    lock_hold hold{name_of(lock.at), 0, lock.how, lock.state, stack_here()};
    lock_watch& w = the_lock_watch();
    std::unique_lock held(w.lock);
    const lock_ids::look seen = w.ids.number(name_of(lock.at), lock.tag);
    if (!is_a_lock(w, held, seen.how, lock, me)) {
      w.graph.gave_up(me.id);
      return;
    }
    if (seen.how == lock_ids::seen::fresh) {
      w.order.forget(seen.gone);
      w.replaced(name_of(lock.at));
      while (true) {
        const lock_ids::given_up old = w.ids.forget_oldest(most_locks);
        if (old.id == 0) break;
        w.order.forget(old.id);
      }
    }
    hold.id = seen.id;
    if (!lock.limited) note_order(w, me, hold, false);
    w.graph.got(me.id, std::move(hold));
    w.graph.at(me.id).label = std::move(me);
  });
}

void gave_up() noexcept {
  noting([] {
    const party_label me = who_calls();
    lock_watch& w = the_lock_watch();
    const std::lock_guard held(w.lock);
    w.graph.gave_up(me.id);
  });
}

void released(const watched_lock& lock) noexcept {
  noting([&] {
    const party_label me = who_calls();
    lock_watch& w = the_lock_watch();
    std::unique_lock held(w.lock);
    const lock_ids::look seen = w.ids.at(name_of(lock.at), lock.tag);
    if (!is_a_lock(w, held, seen.how, lock, me)) return;
    std::vector<std::uintptr_t> taken = w.take_lost_hold(me.id, name_of(lock.at));
    if (w.graph.released(me.id, name_of(lock.at), lock.how)) return;
    if (!taken.empty())
      w.report(lock_misuse{replaced, name_of(lock.at), lock.state, me, stack_here(), std::move(taken)});
    w.order.distrust(seen.id);
  });
}

void waits(const void* count, const char* state, bool limited) noexcept {
  noting([&] {
    party_label me = who_calls();
    const auto now = std::chrono::steady_clock::now();
    lock_wish wish{name_of(count), wish_kind::counted, state, limited, 0, stack_here(), now};
    lock_watch& w = the_lock_watch();
    const std::lock_guard held(w.lock);
    w.graph.wants(me.id, std::move(wish));
    w.graph.at(me.id).label = me;
    if (!limited) w.suspect(me.id);
  });
}

// ---- the lives of wait groups

bool is_gone(lock_watch& w, const void* count) {
  const std::lock_guard held(w.lock);
  const gone_group* const gone = w.groups.find(name_of(count));
  return gone != nullptr && !gone->said;
}

void used(const void* count, const char* call) noexcept {
  noting([&] {
    lock_watch& w = the_lock_watch();
    if (!is_gone(w, count) || is_in_static_storage(count)) return;
    group_misuse what{name_of(count), call, who_calls(), stack_here(), {}, {}, {}};
    const std::lock_guard held(w.lock);
    gone_group* const gone = w.groups.find(name_of(count));
    if (gone == nullptr || std::exchange(gone->said, true)) return;
    what.by = gone->by;
    what.destroyed_at = gone->stack;
    w.report(std::move(what));
  });
}

void made(const void* count) noexcept {
  noting([&] {
    lock_watch& w = the_lock_watch();
    const std::lock_guard held(w.lock);
    w.groups.made(name_of(count));
    (void)w.graph.take_members(name_of(count));  // of one that was there before
  });
}

// Goroutines that it counts are those that it has started and that have not ended: they count down without fail. What
// add() counts may never be counted down, and may lie there.
void destroyed(const void* count) noexcept {
  noting([&] {
    if (is_in_static_storage(count)) return;
    const party_label me = who_calls();
    const std::vector<std::uintptr_t> stack = stack_here();
    lock_watch& w = the_lock_watch();
    std::unique_lock held(w.lock);
    const std::vector<party> members = w.graph.take_members(name_of(count));
    w.groups.destroyed(name_of(count), {me, stack, !members.empty()});
    if (members.empty()) return;
    held.unlock();
    std::vector<party_label> counted = labels_of(members);
    held.lock();
    w.report(group_misuse{name_of(count), nullptr, me, stack, std::move(counted), {}, {}});
  });
}

void counted(const void* count) noexcept {
  used(count, "a goroutine that it counts begins");
  noting([&] {
    const party_label me = who_calls();
    lock_watch& w = the_lock_watch();
    const std::lock_guard held(w.lock);
    w.graph.counted(me.id, name_of(count));
  });
}

void uncounted(const void* count) noexcept {
  used(count, "a goroutine that it counts ends");
  noting([&] {
    const party_label me = who_calls();
    lock_watch& w = the_lock_watch();
    const std::lock_guard held(w.lock);
    w.graph.uncounted(me.id, name_of(count));
  });
}

constexpr lock_watcher watcher{.wants = &wants,
                               .got = &got,
                               .gave_up = &gave_up,
                               .released = &released,
                               .waits = &waits,
                               .waited = &gave_up,
                               .counted = &counted,
                               .uncounted = &uncounted,
                               .made = &made,
                               .destroyed = &destroyed,
                               .used = &used};

// Before the program takes its first lock. What is wrong in the environment is said when goro is first used.
[[gnu::constructor]] void start_watching() noexcept {
  if (!deadlocks_are_asked_for()) return;
  hooks.locks = &watcher;
  locks_are_watched = true;
}

}  // namespace

constinit const char lock_watch_is_linked = 0;

bool deadlocks_are_asked_for() noexcept {
  settings asked;
  try {
    if (parse_settings([](const char* name) -> const char* { return std::getenv(name); }, asked)) return false;
  } catch (...) {
    return false;
  }
  return asked.debug_deadlock;
}

std::vector<lock_holder> holders_of(const void* lock) {
  std::vector<lock_holder> all;
  if (!locks_are_watched || hooks.locks != &watcher) return all;
  lock_watch& w = the_lock_watch();
  // Who dumps may hold what a lock operation waits for, but nobody stops for longer than a moment with this one.
  const std::lock_guard held(w.lock);
  for (const party p : w.graph.holders_of(name_of(lock))) {
    const lock_party* const who = w.graph.find(p);
    const bool is_thread = (p & thread_bit) != 0;
    all.push_back({is_thread ? 0 : p, who == nullptr ? "" : who->label.name});
  }
  return all;
}

}  // namespace goro::detail
