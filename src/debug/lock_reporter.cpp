// SPDX-License-Identifier: MIT
#include "debug/lock_reporter.hpp"

#include "debug/lock_watch.hpp"
#include "debug/symbolise.hpp"
#include "debug/walk.hpp"

#include "base/thread.hpp"
#include "sched/goroutines.hpp"
#include "sched/hooks.hpp"

#include <goro/debug.hpp>
#include <goro/leak.hpp>

#include <unistd.h>
#include <algorithm>
#include <cerrno>
#include <string>
#include <string_view>
#include <unordered_set>

namespace goro::detail {

namespace {

std::vector<std::uint64_t> ask_the_proof(std::span<const std::uint64_t>) {
  std::vector<std::uint64_t> ids;
  for (const goroutine_info& g : leak::prove().leaked) ids.push_back(g.id);
  return ids;
}

}  // namespace

constinit stuck_proof prove_stuck = &ask_the_proof;
constinit std::chrono::milliseconds time_for_names{20'000};

namespace {

using namespace std::chrono_literals;

constexpr auto patience = 200ms;
constexpr auto long_enough = 1s;  // for the proof to be asked
constexpr auto longest_pause = 64s;
constexpr auto breath = 100ms;  // between two looks at those who wait
constexpr std::size_t most_reports = 1000;
constexpr std::size_t most_lost = 1000;

void write_out(const std::string& text) noexcept {
  for (std::size_t done = 0; done != text.size();) {
    const ssize_t n = ::write(STDERR_FILENO, text.data() + done, text.size() - done);
    if (n > 0)
      done += static_cast<std::size_t>(n);
    else if (n == 0 || errno != EINTR)
      return;
  }
}

// Whether each goroutine is parked in the wait that it has told of. One that has been let in, and has not come to
// say so, is not: it may have been waiting for its turn to run all the time.
bool all_are_parked(const waiting_parties& circle) {
  std::size_t seen = 0;
  std::size_t goroutines = 0;
  for (const auto& [p, who] : circle) goroutines += (p & thread_bit) == 0;
  for (std::size_t i = 0; i != block_count(); ++i) {
    identity who;
    if (!read_identity(block_at(i), who)) continue;
    const auto at =
        std::find_if(circle.begin(), circle.end(), [&](const auto& c) { return c.first == who.id; });
    if (at == circle.end()) continue;
    if (who.state != goroutine_state::parked || name_of(who.waits_on) != at->second.wish.lock) return false;
    ++seen;
  }
  return seen == goroutines;
}

void report_on(void*) noexcept { the_lock_watch().run(); }
constexpr runtime_thread reporter{.name = "goro-deadlock", .stack_size = 0, .body = &report_on};

[[gnu::destructor]] void at_exit() noexcept {
  if (!locks_are_watched) return;
  try {
    std::unique_lock held(the_lock_watch().lock);
    the_lock_watch().write_all(held);
  } catch (...) {
  }
}

}  // namespace

void report_what_stands() noexcept {
  if (!locks_are_watched) return;
  try {
    lock_watch& w = the_lock_watch();
    std::unique_lock held(w.lock);
    w.be_impatient();
    w.write_all(held);
  } catch (...) {
  }
}

lock_watch& the_lock_watch() {
  static lock_watch* const made = new lock_watch;
  return *made;
}

// ---- what is told; under the lock

void lock_watch::need_thread() {
  if (!has_thread_) has_thread_ = start_thread<reporter>() == 0;
  changed_.notify_one();
}

bool lock_watch::suspect(party p) {
  suspicion s;
  s.circle = graph.circle_through(p);
  if (s.circle.empty()) {
    if (prove_stuck != nullptr && next_proof_ == clock::time_point::max()) {
      next_proof_ = clock::now() + long_enough;
      need_thread();
    }
    return false;
  }
  for (const party each : s.circle) s.waits.push_back(graph.at(each).wish.number);
  s.due = clock::now() + patience;
  suspicions_.push_back(std::move(s));
  need_thread();
  return true;
}

void lock_watch::report(finding what) {
  if (said_ == most_reports) return;
  ++said_;
  reports_.push_back(std::move(what));
  need_thread();
}

void lock_watch::replaced(lock_name lock) {
  for (const party p : graph.holders_of(lock)) {
    const lock_party* const who = graph.find(p);
    if (who == nullptr || lost_.size() >= most_lost) continue;
    for (const lock_hold& h : who->holds)
      if (h.lock == lock) lost_[{p, lock}] = h.stack;
  }
  graph.forget(lock);
}

std::vector<std::uintptr_t> lock_watch::take_lost_hold(party by, lock_name lock) {
  const auto found = lost_.find({by, lock});
  if (found == lost_.end()) return {};
  std::vector<std::uintptr_t> stack = std::move(found->second);
  lost_.erase(found);
  return stack;
}

// ---- the thread

bool lock_watch::still_stands(const suspicion& s) const {
  for (std::size_t i = 0; i != s.circle.size(); ++i) {
    const lock_party* const who = graph.find(s.circle[i]);
    if (who == nullptr || who->wish.lock == lock_name::none || who->wish.number != s.waits[i]) return false;
  }
  return graph.circle_through(s.circle.front()) == s.circle;
}

void lock_watch::look_again(std::unique_lock<std::mutex>& held) {
  suspicion first = std::move(suspicions_.front());
  suspicions_.pop_front();
  if (!still_stands(first)) return;
  waiting_parties circle;
  for (const party p : first.circle) circle.emplace_back(p, *graph.find(p));
  writing_ = true;
  held.unlock();
  const bool parked = all_are_parked(circle);
  held.lock();
  if (parked && still_stands(first)) {
    held.unlock();
    write_out(circle_report(circle));
    held.lock();
  } else {
    first.due = clock::now() + patience;
    suspicions_.push_back(std::move(first));
  }
  writing_ = false;
}

void lock_watch::write_report(std::unique_lock<std::mutex>& held) {
  const finding what = std::move(reports_.front());
  reports_.pop_front();
  writing_ = true;
  held.unlock();
  write_out(std::visit([](const auto& found) { return report_of(found); }, what));
  held.lock();
  writing_ = false;
}

void lock_watch::run() {
  std::unique_lock held(lock);
  for (;;) {
    try {
      const clock::time_point now = clock::now();
      if (!reports_.empty()) {
        write_report(held);
      } else if (!suspicions_.empty() && suspicions_.front().due <= now) {
        look_again(held);
      } else if (next_proof_ <= now) {
        ask_for_proof(held);
      } else {
        clock::time_point next = next_proof_;
        if (!suspicions_.empty()) next = std::min(next, suspicions_.front().due);
        if (next == clock::time_point::max())
          changed_.wait(held);
        else
          changed_.wait_until(held, next);
      }
    } catch (...) {  // no memory for a report: the next one may have some
      if (!held.owns_lock()) held.lock();
      writing_ = false;
    }
    if (reports_.empty() && !writing_) written_.notify_all();
  }
}

void lock_watch::write_all(std::unique_lock<std::mutex>& held) {
  const bool impatient = !suspicions_.empty() && suspicions_.front().due == clock::time_point::min();
  const auto done = [this, impatient] {
    return reports_.empty() && !writing_ && (!impatient || suspicions_.empty());
  };
  if (has_thread_ && written_.wait_for(held, time_for_names, done)) return;
  const no_more_asking names;  // the machine is slow, or a debug information large: better without names than never
  if (has_thread_)
    written_.wait_for(held, 20s, done);
  else
    while (!reports_.empty()) write_report(held);
}

void lock_watch::be_impatient() {
  for (suspicion& s : suspicions_) s.due = clock::time_point::min();
  changed_.notify_one();
}

// ---- what only a proof can tell

// Those who have waited for long, each with all that it waits for: goroutines at whose ends somebody is parked
// on something that is not in the graph, or has ended.
std::vector<std::vector<party>> lock_watch::groups_to_prove(clock::time_point now) {
  std::vector<std::vector<party>> groups;
  std::unordered_map<party, long_wait> still;
  for (const party p : graph.who_wait_without_limit()) {
    const lock_wish& wish = graph.find(p)->wish;
    const auto before = long_waits_.find(p);
    long_wait& w = still[p];
    w = before != long_waits_.end() && before->second.number == wish.number
            ? before->second
            : long_wait{wish.number, wish.since + long_enough, long_enough};
    if (w.next > now) continue;
    w.pause = std::min<clock::duration>(w.pause * 2, longest_pause);
    w.next = now + w.pause;
    std::vector<party> group = graph.waits_through(p);
    // Circles have been reported, and who waits behind one tells nothing new.
    const bool is_new = std::none_of(group.begin(), group.end(), [this](party q) {
      return (q & thread_bit) != 0 || !graph.circle_through(q).empty();
    });
    if (is_new && group.size() > 1) groups.push_back(std::move(group));
  }
  long_waits_ = std::move(still);
  return groups;
}

void lock_watch::ask_for_proof(std::unique_lock<std::mutex>& held) {
  std::vector<std::vector<party>> groups = groups_to_prove(clock::now());
  next_proof_ = clock::time_point::max();
  for (const auto& [p, w] : long_waits_) next_proof_ = std::min(next_proof_, w.next);
  if (!long_waits_.empty()) next_proof_ = std::max(next_proof_, clock::now() + breath);
  if (groups.empty()) return;
  writing_ = true;
  held.unlock();
  std::unordered_map<party, std::string> states;
  for (std::size_t i = 0; i != block_count(); ++i)
    if (identity who; read_identity(block_at(i), who)) states[who.id] = state_word(who);
  std::vector<std::uint64_t> asked;
  for (const std::vector<party>& g : groups) asked.insert(asked.end(), g.begin(), g.end());
  std::sort(asked.begin(), asked.end());
  asked.erase(std::unique(asked.begin(), asked.end()), asked.end());
  std::erase_if(asked, [&](party p) { return !states.contains(p); });
  const std::vector<std::uint64_t> answer = prove_stuck(asked);
  const std::unordered_set<std::uint64_t> stuck(answer.begin(), answer.end());
  held.lock();
  std::vector<proven_party> all;
  for (const std::vector<party>& g : groups) {
    const bool proven = std::all_of(g.begin(), g.end(), [&](party p) {
      return stuck.contains(p) || !states.contains(p);  // one that has ended does nothing more
    });
    if (!proven || !stuck.contains(g.front())) continue;
    for (const party p : g) {
      if (const auto w = long_waits_.find(p); w != long_waits_.end())
        w->second.next = clock::time_point::max();
      if (std::any_of(all.begin(), all.end(), [p](const proven_party& known) { return known.id == p; }))
        continue;
      const lock_party* const known = graph.find(p);
      const auto state = states.find(p);
      all.push_back(
          {p, known == nullptr ? lock_party{} : *known, state == states.end() ? "ended" : state->second});
      all.back().known.label.id = p;
    }
  }
  if (!all.empty()) {
    held.unlock();
    write_out(proven_report(all));
    held.lock();
  }
  writing_ = false;
}

}  // namespace goro::detail
