// SPDX-License-Identifier: MIT
// GORO_DEBUG=deadlock: watches mutexes and rw_mutexes, and reports goroutines that wait for each other in a circle
// while the rest of the program runs on.
//
// Each lock operation notes itself in one graph, under one lock, with the stack of where it is: some microseconds,
// which is why this is asked for. Who begins to wait looks whether that closes a circle. A circle is a suspicion: a
// wait in it may have a limit, or somebody outside may unlock. So a thread that sleeps otherwise looks again after
// `patience`; if each party still waits the same wait for the same reason, it is reported, once.
//
// Lock-order inversions that have not bitten are not looked for: goro's locks have no constructor that runs and no
// destructor, so an address says nothing about whether it is the same lock as before, and a report by addresses
// would be wrong too often.
#include "debug/dump.hpp"
#include "debug/last_words.hpp"
#include "debug/lock_graph.hpp"
#include "debug/symbolise.hpp"
#include "debug/unwind.hpp"

#include "base/settings.hpp"
#include "sched/goroutine.hpp"
#include "sched/hooks.hpp"
#include "sched/machine.hpp"
#include "sched/thread_waiter.hpp"

#include <pthread.h>
#include <sys/prctl.h>
#include <unistd.h>
#include <algorithm>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <utility>

namespace goro::detail {

namespace {

constexpr auto patience = std::chrono::milliseconds(200);
constexpr std::size_t frames_kept = 24;
constexpr party thread_bit = party{1} << 63;

// A suspicion: the circle, and which wait each of its parties was in.
struct suspicion {
  std::vector<party> circle;
  std::vector<std::uint64_t> waits;
  std::chrono::steady_clock::time_point due;
};

struct watch {
  std::mutex lock;  // the C++ library's: taken inside goro's locks' slow paths, never while parked
  std::condition_variable changed;
  lock_graph graph;
  std::vector<suspicion> suspicions;
  bool has_thread = false;
};

// Never destroyed: locks are used until the very end.
watch& the_watch() {
  static watch* const made = new watch;
  return *made;
}

struct caller {
  party id;
  std::string name;
};

caller who_calls() {
  if (const goroutine* const g = current_goroutine()) {
    const goroutine_extra* const extra = g->extra;
    return {g->id, extra != nullptr && extra->name != nullptr ? extra->name : ""};
  }
  return {reinterpret_cast<std::uintptr_t>(&this_thread_waiter()) | 1 | thread_bit, ""};
}

std::vector<std::uintptr_t> stack_here() {
  std::uintptr_t pcs[frames_kept];
  return {pcs, pcs + unwind_here(pcs, frames_kept)};
}

// ---- the report

void append_who(std::string& to, party p, const lock_party& who) {
  if ((p & thread_bit) != 0)
    to += "a plain thread";
  else
    to.append("goroutine ").append(std::to_string(p));
  if (!who.name.empty()) to.append(" \"").append(who.name).append("\"");
}

void append_lock(std::string& to, const char* state, const void* lock) {
  char text[64];
  std::snprintf(text, sizeof text, "%s %p", state, lock);
  to += text;
}

void append_stack(std::string& to, const std::vector<std::uintptr_t>& stack) {
  symbolise(stack);
  for (const stack_frame& f : frames_of(stack)) {
    to.append("\t\t").append(f.function.empty() ? "?" : f.function);
    if (!f.file.empty()) to.append(" ").append(f.file).append(":").append(std::to_string(f.line));
    to += '\n';
  }
}

// Of copies, so that no lock operation waits while addr2line runs.
std::string report(const std::vector<std::pair<party, lock_party>>& circle) {
  std::string text = "goro: deadlock: ";
  text +=
      circle.size() == 1 ? "one waits for itself" : std::to_string(circle.size()) + " wait for each other";
  text += "; the program goes on\n";
  for (const auto& [p, who] : circle) {
    text += '\t';
    append_who(text, p, who);
    text += " wants ";
    append_lock(text, who.wish.state, who.wish.lock);
    text += " at\n";
    append_stack(text, who.wish.stack);
    for (const lock_hold& hold : who.holds) {
      text += "\t  and holds ";
      append_lock(text, hold.state, hold.lock);
      text += ", taken at\n";
      append_stack(text, hold.stack);
    }
  }
  return text;
}

bool still_stands(const lock_graph& graph, const suspicion& s) {
  for (std::size_t i = 0; i != s.circle.size(); ++i) {
    const lock_party* const who = graph.find(s.circle[i]);
    if (who == nullptr || who->wish.lock == nullptr || who->wish.number != s.waits[i]) return false;
  }
  return graph.circle_through(s.circle.front()) == s.circle;
}

void* look_again(void*) {
  (void)prctl(PR_SET_NAME, "goro-deadlock", 0, 0, 0);
  watch& w = the_watch();
  std::unique_lock held(w.lock);
  for (;;) {
    if (w.suspicions.empty()) {
      w.changed.wait(held);
      continue;
    }
    const suspicion first = w.suspicions.front();
    if (std::chrono::steady_clock::now() < first.due) {
      w.changed.wait_until(held, first.due);
      continue;
    }
    w.suspicions.erase(w.suspicions.begin());
    if (!still_stands(w.graph, first)) continue;
    std::vector<std::pair<party, lock_party>> circle;
    for (const party p : first.circle) circle.emplace_back(p, *w.graph.find(p));
    held.unlock();
    const std::string text = report(circle);
    [[maybe_unused]] const ssize_t n = ::write(STDERR_FILENO, text.data(), text.size());
    held.lock();
  }
}

// ---- what the locks tell

// Under the lock.
void suspect(watch& w, party p) {
  suspicion s;
  s.circle = w.graph.circle_through(p);
  if (s.circle.empty()) return;
  for (const party each : s.circle) s.waits.push_back(w.graph.at(each).wish.number);
  s.due = std::chrono::steady_clock::now() + patience;
  w.suspicions.push_back(std::move(s));
  if (!w.has_thread) {
    const sigset_t blocked = signals_left_to_users();
    sigset_t before;
    pthread_sigmask(SIG_SETMASK, &blocked, &before);
    pthread_t thread;
    w.has_thread = pthread_create(&thread, nullptr, &look_again, nullptr) == 0;
    if (w.has_thread) pthread_detach(thread);
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
  }
  w.changed.notify_one();
}

// What is noted is for a report only: without memory, or in a thread that is ending, it is left out.
template <class F>
void noting(F f) noexcept {
  try {
    f();
  } catch (...) {
  }
}

void wants(const void* lock, lock_kind how, const char* state) noexcept {
  noting([&] {
    caller me = who_calls();
    lock_wish wish{lock, how, state, 0, stack_here()};
    watch& w = the_watch();
    const std::lock_guard held(w.lock);
    w.graph.wants(me.id, std::move(wish));
    w.graph.at(me.id).name = std::move(me.name);
    suspect(w, me.id);
  });
}

void got(const void* lock, lock_kind how, const char* state) noexcept {
  noting([&] {
    caller me = who_calls();
    lock_hold hold{lock, how, state, stack_here()};
    watch& w = the_watch();
    const std::lock_guard held(w.lock);
    w.graph.got(me.id, std::move(hold));
    w.graph.at(me.id).name = std::move(me.name);
  });
}

void gave_up(const void*, lock_kind) noexcept {
  noting([] {
    const caller me = who_calls();
    watch& w = the_watch();
    const std::lock_guard held(w.lock);
    w.graph.gave_up(me.id);
  });
}

void released(const void* lock, lock_kind how) noexcept {
  noting([&] {
    const caller me = who_calls();
    watch& w = the_watch();
    const std::lock_guard held(w.lock);
    w.graph.released(me.id, lock, how);
  });
}

constexpr lock_watcher watcher{&wants, &got, &gave_up, &released};

// Before the program takes its first lock. What is wrong in the environment is said when goro is first used.
[[gnu::constructor]] void start_watching() noexcept {
  settings asked;
  try {
    if (parse_settings([](const char* name) -> const char* { return std::getenv(name); }, asked)) return;
  } catch (...) {
    return;
  }
  if (!asked.debug_deadlock) return;
  hooks.locks = &watcher;
  locks_are_watched = true;
}

}  // namespace

constinit const char lock_watch_is_linked = 0;

}  // namespace goro::detail
