// SPDX-License-Identifier: MIT
#include "debug/lock_graph.hpp"

#include <algorithm>
#include <utility>

namespace goro::detail {

namespace {

using lists = std::unordered_map<lock_name, std::vector<party>>;

void remove_one(lists& from, lock_name lock, party p) {
  const auto list = from.find(lock);
  if (list == from.end()) return;
  const auto at = std::find(list->second.begin(), list->second.end(), p);
  if (at != list->second.end()) list->second.erase(at);
  if (list->second.empty()) from.erase(list);
}

}  // namespace

const lock_party* lock_graph::find(party p) const {
  const auto found = parties_.find(p);
  return found == parties_.end() ? nullptr : &found->second;
}

void lock_graph::drop_if_empty(party p) {
  const auto found = parties_.find(p);
  if (found != parties_.end() && found->second.holds.empty() && found->second.wish.lock == lock_name::none)
    parties_.erase(found);
}

void lock_graph::wants(party p, lock_wish wish) {
  wish.number = ++waits_;
  if (wish.how == wish_kind::exclusive) writers_[wish.lock].push_back(p);
  parties_[p].wish = std::move(wish);
}

void lock_graph::gave_up(party p) {
  const auto found = parties_.find(p);
  if (found == parties_.end()) return;
  lock_wish& wish = found->second.wish;
  if (wish.lock != lock_name::none && wish.how == wish_kind::exclusive) remove_one(writers_, wish.lock, p);
  wish = {};
  drop_if_empty(p);
}

void lock_graph::got(party p, lock_hold hold) {
  gave_up(p);
  holders_[hold.lock].push_back(p);
  parties_[p].holds.push_back(std::move(hold));
}

bool lock_graph::released(party by, lock_name lock, lock_kind how) {
  const auto take_off = [&](party p) {
    const auto found = parties_.find(p);
    if (found == parties_.end()) return false;
    std::vector<lock_hold>& holds = found->second.holds;
    const auto at = std::find_if(holds.rbegin(), holds.rend(),
                                 [&](const lock_hold& h) { return h.lock == lock && h.how == how; });
    if (at == holds.rend()) return false;
    holds.erase(std::next(at).base());
    remove_one(holders_, lock, p);
    drop_if_empty(p);
    return true;
  };
  if (take_off(by)) return true;
  const auto list = holders_.find(lock);
  if (list == holders_.end()) return true;  // taken before anybody watched
  const std::vector<party> others = list->second;
  for (const party p : others) {
    if (!take_off(p)) continue;
    handed_around_.insert(lock);
    return false;
  }
  return true;
}

void lock_graph::uncounted(party p, lock_name count) { remove_one(members_, count, p); }

std::vector<party> lock_graph::take_members(lock_name count) {
  const auto list = members_.find(count);
  if (list == members_.end()) return {};
  std::vector<party> all = std::move(list->second);
  members_.erase(list);
  return all;
}

void lock_graph::forget(lock_name lock) {
  handed_around_.erase(lock);
  const auto list = holders_.find(lock);
  if (list == holders_.end()) return;
  const std::vector<party> all = std::move(list->second);
  holders_.erase(list);
  for (const party p : all) {
    const auto found = parties_.find(p);
    if (found == parties_.end()) continue;
    std::erase_if(found->second.holds, [lock](const lock_hold& h) { return h.lock == lock; });
    drop_if_empty(p);
  }
}

std::vector<party> lock_graph::waits_for(party p) const {
  const lock_party* const who = find(p);
  if (who == nullptr || who->wish.lock == lock_name::none || who->wish.limited) return {};
  const lock_wish& wish = who->wish;
  if (wish.how == wish_kind::counted) {
    const auto list = members_.find(wish.lock);
    return list == members_.end() ? std::vector<party>{} : list->second;
  }
  std::vector<party> all;
  const auto list = holders_.find(wish.lock);
  if (list != holders_.end() && !handed_around_.contains(wish.lock)) {
    for (const party holder : list->second) {
      const auto& holds = parties_.at(holder).holds;
      const bool in_the_way = wish.how == wish_kind::exclusive ||
                              std::any_of(holds.begin(), holds.end(), [&](const lock_hold& h) {
                                return h.lock == wish.lock && h.how == lock_kind::exclusive;
                              });
      if (in_the_way) all.push_back(holder);
    }
  }
  if (wish.how == wish_kind::shared) {
    if (const auto writers = writers_.find(wish.lock); writers != writers_.end())
      for (const party writer : writers->second)
        if (parties_.at(writer).wish.number < wish.number) all.push_back(writer);  // it was there first
  }
  return all;
}

std::vector<party> lock_graph::who_wait_without_limit() const {
  std::vector<party> all;
  for (const auto& [p, who] : parties_)
    if (who.wish.lock != lock_name::none && !who.wish.limited) all.push_back(p);
  return all;
}

std::vector<party> lock_graph::holders_of(lock_name lock) const {
  const auto list = holders_.find(lock);
  return list == holders_.end() ? std::vector<party>{} : list->second;
}

std::vector<party> lock_graph::circle_through(party p) const {
  std::unordered_map<party, party> came_from;
  std::vector<party> next{p};
  for (std::size_t i = 0; i != next.size(); ++i) {
    const party here = next[i];
    for (const party there : waits_for(here)) {
      if (there == p) {
        std::vector<party> circle{here};
        while (circle.back() != p) circle.push_back(came_from.at(circle.back()));
        std::reverse(circle.begin(), circle.end());
        return circle;
      }
      if (came_from.try_emplace(there, here).second) next.push_back(there);
    }
  }
  return {};
}

std::vector<party> lock_graph::waits_through(party p) const {
  std::unordered_set<party> seen{p};
  std::vector<party> all{p};
  for (std::size_t i = 0; i != all.size(); ++i)
    for (const party there : waits_for(all[i]))
      if (seen.insert(there).second) all.push_back(there);
  return all;
}

}  // namespace goro::detail
