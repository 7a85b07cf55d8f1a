// SPDX-License-Identifier: MIT
#include "debug/lock_order.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

namespace goro::detail {

namespace {

constexpr int most_looks = 20'000;  // at steps, in each of the two passes of one search

std::uint64_t mixed(std::uint64_t seed, std::uint64_t value) noexcept {
  seed ^= value + 0x9e3779b97f4a7c15u + (seed << 6) + (seed >> 2);
  return seed * 0xff51afd7ed558ccdu;
}

std::uint64_t hash_of(const std::vector<std::uintptr_t>& stack) noexcept {
  std::uint64_t h = stack.size();
  for (const std::uintptr_t pc : stack) h = mixed(h, pc);
  return h;
}

bool has_readers(const lock_hold& h) noexcept { return std::string_view(h.state) != "mutex"; }

}  // namespace

// D2: whether both can be held at the same time.
bool lock_order::meet(const std::vector<gate>& a, const std::vector<gate>& b) noexcept {
  for (auto x = a.begin(), y = b.begin(); x != a.end() && y != b.end();) {
    if (x->lock < y->lock)
      ++x;
    else if (y->lock < x->lock)
      ++y;
    else if (x->exclusive || y->exclusive)
      return false;
    else
      ++x, ++y;
  }
  return true;
}

// Null: it was known, or there is no room for it.
const lock_order::way* lock_order::note(std::vector<way>& ways, way&& w, party p) {
  for (way& known : ways) {
    if (known.held != w.held || known.taken != w.taken || known.gates != w.gates) continue;
    if (known.parties.size() >= parties_kept ||
        std::find(known.parties.begin(), known.parties.end(), p) != known.parties.end())
      return nullptr;
    known.parties.push_back(p);
    return &known;
  }
  if (ways.size() >= ways_kept) return nullptr;
  w.parties.push_back(p);
  ways.push_back(std::move(w));
  ++ways_;
  return &ways.back();
}

void lock_order::takes(const party_label& who, std::span<const lock_hold> holds, const lock_hold& taken,
                       std::vector<lock_inversion>& found) {
  const bool writes = taken.how == lock_kind::exclusive && has_readers(taken);
  if (taken.id == 0 || (holds.empty() && !writes)) return;
  std::vector<gate> gates;
  for (const lock_hold& h : holds) {
    if (h.id == taken.id && (h.how == lock_kind::exclusive || taken.how == lock_kind::exclusive))
      return;  // waits for itself: the other graph's business
    if (h.id != 0) gates.push_back({h.id, h.how == lock_kind::exclusive});
  }
  std::sort(gates.begin(), gates.end(), [](const gate& a, const gate& b) { return a.lock < b.lock; });
  if (ways_ > most_ways) {
    nodes_.clear();
    ways_ = 0;
  }
  if (distrusted_.contains(taken.id)) return;
  for (const lock_hold& h : holds) {
    if (h.id == 0 || distrusted_.contains(h.id)) continue;
    const way* const fresh =
        note(nodes_[h.id].out[taken.id], {h.how, taken.how, gates, {}, {who, h, taken}}, who.id);
    if (fresh == nullptr) continue;
    nodes_[taken.id].in.insert(h.id);
    seek(h.id, taken.id, *fresh, who.id, found);
  }
  if (!writes) return;
  way w{lock_kind::exclusive, lock_kind::exclusive, std::move(gates), {}, {who, {}, taken}};
  if (note(nodes_[taken.id].writers, std::move(w), who.id) != nullptr) seek_behind_writer(taken.id, found);
}

// ---- the search: path_ is a chain of steps that can stand at the same time

bool lock_order::fits(const way& w, party p) const noexcept {
  for (const chosen& c : path_)
    if (c.who == p || !meet(c.how->gates, w.gates)) return false;  // D1, D2
  for (const chosen& c : writers_)
    if (c.who == p || !meet(c.how->gates, w.gates)) return false;
  return true;
}

// D3 for the locks at which only readers meet: a writer for each, from the `from`-th step on.
bool lock_order::has_writers(std::uint32_t at) {
  for (; at != path_.size(); ++at) {
    const chosen& in = path_[at];
    const chosen& out = path_[(at + 1) % path_.size()];
    if (in.how->taken == lock_kind::exclusive || out.how->held == lock_kind::exclusive) continue;
    for (const way& w : nodes_[in.to].writers) {
      for (const party p : w.parties) {
        if (--budget_ < 0) return false;
        if (!fits(w, p)) continue;
        writers_.push_back({&w, p, in.to});
        if (has_writers(at + 1)) return true;
        writers_.pop_back();
      }
    }
    return false;
  }
  return true;
}

// One more step, by one of those who did it in this way.
bool lock_order::choose(std::uint32_t from, std::uint32_t next, const way& w) {
  for (const party p : w.parties) {
    if (--budget_ < 0) return false;
    if (!fits(w, p)) continue;
    path_.push_back({&w, p, next});
    if (next == from ? has_writers(0) : search(from, next)) return true;
    path_.pop_back();
  }
  return false;
}

// How many steps lead from each lock to this one, if they are few enough; so the search looks at no other. Most
// often there is none from where it begins, and that is all.
void lock_order::measure(std::uint32_t to) {
  distance_ = {{to, 0}};
  std::vector<std::uint32_t> next{to};
  for (std::size_t i = 0; i != next.size(); ++i) {
    const std::size_t steps = distance_.at(next[i]) + 1;
    const auto here = nodes_.find(next[i]);
    if (steps == longest || here == nodes_.end()) continue;
    for (const std::uint32_t from : here->second.in) {
      if (--budget_ < 0) return;
      if (distance_.try_emplace(from, steps).second) next.push_back(from);
    }
  }
}

// Whether the chain, which ends at `here`, can be closed to `from`.
bool lock_order::search(std::uint32_t from, std::uint32_t here) {
  const auto found = nodes_.find(here);
  if (found == nodes_.end()) return false;
  for (const auto& [next, ways] : found->second.out) {
    if (budget_ < 0) return false;
    const std::uint32_t to = next;
    const auto left = distance_.find(to);
    if (left == distance_.end() || path_.size() + 1 + left->second > longest) continue;
    if (to == here || std::any_of(path_.begin(), path_.end(),
                                  [to, from](const chosen& c) { return c.to == to && to != from; }))
      continue;
    for (const way& w : ways)
      if (choose(from, to, w)) return true;
  }
  return false;
}

void lock_order::seek(std::uint32_t from, std::uint32_t to, const way& w, party p,
                      std::vector<lock_inversion>& found) {
  if (reported_.size() >= most_reported) return;
  path_ = {{&w, p, to}};
  writers_.clear();
  budget_ = most_looks;
  measure(from);
  if (!distance_.contains(to)) return;
  budget_ = most_looks;
  if (!(from == to ? has_writers(0) : search(from, to))) return;
  lock_inversion circle;
  const auto as_done = [](const chosen& c) {
    order_step s = c.how->first;
    if (s.who.id != c.who) s.who = {c.who, "", 0};  // another did it in the same way; its name is not kept
    return s;
  };
  for (const chosen& c : path_) circle.steps.push_back(as_done(c));
  for (const chosen& c : writers_) circle.writers.push_back(as_done(c));
  if (!was_reported(circle)) found.push_back(std::move(circle));
}

// A writer is new at this lock: the steps that meet there may have been waiting for it.
void lock_order::seek_behind_writer(std::uint32_t lock, std::vector<lock_inversion>& found) {
  const auto at = nodes_.find(lock);
  if (at == nodes_.end()) return;
  for (const auto& [to, ways] : at->second.out)
    for (const way& w : ways)
      if (w.held == lock_kind::shared)
        for (const party p : w.parties) {
          const std::size_t before = found.size();
          seek(lock, to, w, p, found);
          if (found.size() != before) return;
        }
}

// The same locks, or the same places in the program with other locks.
bool lock_order::was_reported(const lock_inversion& circle) {
  std::vector<std::uint32_t> locks;
  std::uint64_t places = 0;
  for (const order_step& s : circle.steps) {
    locks.push_back(s.taken.id);
    places += mixed(hash_of(s.held.stack), hash_of(s.taken.stack));
  }
  std::sort(locks.begin(), locks.end());
  std::uint64_t all = 1;
  for (const std::uint32_t l : locks) all = mixed(all, l);
  const bool new_locks = reported_.insert(all).second;
  const bool new_places = reported_.insert(mixed(2, places)).second;
  return !new_locks || !new_places;
}

// ---- forgetting

void lock_order::forget(std::uint32_t lock) {
  distrusted_.erase(lock);
  const auto found = nodes_.find(lock);
  if (found == nodes_.end()) return;
  for (const auto& [to, ways] : found->second.out) {
    ways_ -= ways.size();
    if (const auto end = nodes_.find(to); end != nodes_.end()) end->second.in.erase(lock);
  }
  for (const std::uint32_t from : found->second.in) {
    const auto start = nodes_.find(from);
    if (start == nodes_.end() || from == lock) continue;
    const auto step = start->second.out.find(lock);
    if (step == start->second.out.end()) continue;
    ways_ -= step->second.size();
    start->second.out.erase(step);
  }
  ways_ -= found->second.writers.size();
  nodes_.erase(lock);
}

void lock_order::distrust(std::uint32_t lock) {
  if (lock == 0) return;
  forget(lock);
  distrusted_.insert(lock);
}

}  // namespace goro::detail
