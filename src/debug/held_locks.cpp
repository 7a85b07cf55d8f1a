// SPDX-License-Identifier: MIT
#include "debug/held_locks.hpp"

#include "debug/lock_reporter.hpp"
#include "debug/lock_watch.hpp"
#include "debug/unwind.hpp"

#include "base/fatal.hpp"
#include "sched/goroutine.hpp"
#include "sched/hooks.hpp"

#include <sys/mman.h>
#include <algorithm>
#include <cerrno>
#include <span>
#include <utility>

namespace goro::detail {

namespace {

std::uint64_t mixed(std::uint64_t word) noexcept { return word * 0x9e37'79b9'7f4a'7c15u; }
// The upper bits, in which all of the word has a say.
std::size_t list_of(std::uint64_t word, std::size_t lists) noexcept { return (mixed(word) >> 32) % lists; }
std::size_t list_of(lock_name lock, std::size_t lists) noexcept {
  return list_of(static_cast<std::uint64_t>(lock), lists);
}

}  // namespace

// ---- the table

void held_locks::unlink(index i) noexcept {
  entry& e = holds_[i - 1];
  const std::size_t lock_list = list_of(e.what.lock, lists);
  const std::size_t who_list = list_of(e.what.at.goroutine, lists);
  index* at = &of_lock_[lock_list];
  while (*at != i) at = &holds_[*at - 1].next_of_lock;
  *at = e.next_of_lock;
  at = &of_who_[who_list];
  while (*at != i) at = &holds_[*at - 1].next_of_who;
  *at = e.next_of_who;
  locks_[lock_list].fetch_sub(1, std::memory_order_relaxed);
  whos_[who_list].fetch_sub(1, std::memory_order_relaxed);
  e.next_of_lock = free_;
  free_ = i;
}

void held_locks::add(const taking& at, lock_name lock, held_kind how) noexcept {
  const std::size_t lock_list = list_of(lock, lists);
  const std::size_t who_list = list_of(at.goroutine, lists);
  const spin_guard hold_it(lock_);
  for (index i = of_lock_[lock_list]; i != 0;) {  // left behind by one who has ended, perhaps at another lock
    const entry& e = holds_[i - 1];
    const index next = e.next_of_lock;
    const bool may_be = e.what.at.goroutine == at.goroutine ||
                        (e.what.how == held_kind::reader && how == held_kind::reader);
    if (e.what.lock == lock && !may_be) unlink(i);
    i = next;
  }
  index i = free_;
  if (i != 0)
    free_ = holds_[i - 1].next_of_lock;
  else if (made_ != capacity)
    i = static_cast<index>(++made_);
  else
    return;
  entry& e = holds_[i - 1];
  e.what.lock = lock;
  e.what.how = how;
  e.what.at.goroutine = at.goroutine;
  e.what.at.depth = at.depth;
  std::copy_n(at.pcs, at.depth, e.what.at.pcs);
  e.next_of_lock = std::exchange(of_lock_[lock_list], i);
  e.next_of_who = std::exchange(of_who_[who_list], i);
  locks_[lock_list].fetch_add(1, std::memory_order_relaxed);  // P1
  whos_[who_list].fetch_add(1, std::memory_order_relaxed);
}

void held_locks::drop(std::uint64_t who, lock_name lock, taking* was) noexcept {
  const std::size_t list = list_of(lock, lists);
  if (locks_[list].load(std::memory_order_relaxed) == 0) return;  // P1
  const spin_guard hold_it(lock_);
  for (index i = of_lock_[list]; i != 0; i = holds_[i - 1].next_of_lock) {
    const entry& e = holds_[i - 1];
    if (e.what.lock != lock || e.what.at.goroutine != who) continue;
    if (was != nullptr) {
      was->goroutine = who;
      was->depth = e.what.at.depth;
      std::copy_n(e.what.at.pcs, e.what.at.depth, was->pcs);
    }
    unlink(i);
    return;
  }
  for (index i = of_lock_[list]; i != 0;) {  // I2
    const entry& e = holds_[i - 1];
    const index next = e.next_of_lock;
    if (e.what.lock == lock) unlink(i);
    i = next;
  }
}

bool held_locks::may_hold(std::uint64_t who) const noexcept {
  return whos_[list_of(who, lists)].load(std::memory_order_relaxed) != 0;  // P1
}

std::size_t held_locks::of(std::uint64_t who, hold (&out)[most_shown]) noexcept {
  std::size_t n = 0;
  const spin_guard hold_it(lock_);
  for (index i = of_who_[list_of(who, lists)]; i != 0 && n != most_shown; i = holds_[i - 1].next_of_who)
    if (holds_[i - 1].what.at.goroutine == who) out[n++] = holds_[i - 1].what;
  return n;
}

// ---- the seam

namespace {

constinit held_locks* known = nullptr;     // set before main
constinit const void* own_lock = nullptr;  // that of the watch, which each report takes

// The unwinder may take a lock, as one that was told of code made at run time does. No park lies between.
thread_local constinit bool is_noting = false;

const char* name_of_kind(held_kind how) noexcept {
  switch (how) {
    case held_kind::mutex: return "pthread_mutex_t";
    case held_kind::reader: return "pthread_rwlock_t (read)";
    case held_kind::writer: return "pthread_rwlock_t (write)";
  }
  return "";
}

std::uint64_t site_of(std::span<const std::uintptr_t> stack, std::uint64_t before) noexcept {
  for (const std::uintptr_t pc : stack) before = mixed(before ^ pc) ^ before >> 29;
  return before;
}

void report(const goroutine* g, const char* state) {
  held_locks::hold found[held_locks::most_shown];
  const std::size_t n = known->of(g->id, found);
  if (n == 0) return;
  constexpr std::size_t frames_kept = 24;
  std::uintptr_t pcs[frames_kept];
  parked_holder what{{g->id, "", g->created_at}, state, {}, {}};
  if (can_unwind_here(g)) what.stack.assign(pcs, pcs + unwind_here(pcs, frames_kept));
  std::uint64_t site = site_of(what.stack, 0);
  for (const held_locks::hold& h : std::span(found, n)) {
    const std::span<const std::uintptr_t> stack(h.at.pcs, h.at.depth);
    site = site_of(stack, site);
    what.holds.push_back({h.lock, name_of_kind(h.how), {stack.begin(), stack.end()}});
  }
  if (g->extra != nullptr && g->extra->name != nullptr) what.who.name = g->extra->name;
  lock_watch& w = the_lock_watch();
  const std::lock_guard held(w.lock);
  if (w.is_new_site(site)) w.report(std::move(what));
}

// By a goroutine that is about to park, or to let others run. One that is bound to its thread may hold what it likes:
// it goes on there.
void on_park(const goroutine* g, const char* state) noexcept {
  if (!known->may_hold(g->id) || (g->flags.load(std::memory_order_relaxed) & flag_locked) != 0) return;
  const int error = errno;
  try {
    report(g, state);
  } catch (...) {  // no memory: then without
  }
  errno = error;
}

}  // namespace

constinit const char held_locks_are_linked = 0;

bool watch_held_locks(const char* unavailable) noexcept {
  if (!deadlocks_are_asked_for()) return false;
  if (unavailable == nullptr) {
    void* const memory = mmap(nullptr, sizeof(held_locks), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
      unavailable = "there is no memory for that";
    else
      known = static_cast<held_locks*>(memory);
  }
  if (unavailable != nullptr) {
    fatal_text text;
    text << "goro: GORO_DEBUG=deadlock: std::mutex and the like are not watched; " << unavailable << '\n';
    text.write();
    return false;
  }
  own_lock = &the_lock_watch().lock;
  hooks.parks = &on_park;
  return true;
}

void note_taking(taking& at, const void* lock, const void* caller) noexcept {
  const goroutine* const g = current_goroutine();
  at.goroutine = 0;
  if (g == nullptr || lock == own_lock || is_noting) return;
  is_noting = true;
  at.goroutine = g->id;
  at.depth = can_unwind_here(g) ? unwind_here(at.pcs, taking::most_frames) : 0;
  if (at.depth == 0) at.pcs[at.depth++] = reinterpret_cast<std::uintptr_t>(caller);
  is_noting = false;
}

void note_taken(const taking& at, const void* lock, held_kind how) noexcept {
  if (at.goroutine != 0) known->add(at, name_of(lock), how);
}

void note_given_back(const void* lock) noexcept {
  const goroutine* const g = current_goroutine();
  known->drop(g == nullptr ? 0 : g->id, name_of(lock), nullptr);
}

void note_lent(taking& at, const void* lock) noexcept {
  const goroutine* const g = current_goroutine();
  at.goroutine = 0;
  known->drop(g == nullptr ? 0 : g->id, name_of(lock), &at);
}

}  // namespace goro::detail
