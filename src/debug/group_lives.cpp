// SPDX-License-Identifier: MIT
#include "debug/group_lives.hpp"

#include "sched/goroutines.hpp"
#include "sched/hold.hpp"

#include <algorithm>

namespace goro::detail {

void group_lives::destroyed(lock_name group, gone_group how) {
  how.number = ++count_;
  order_.emplace_back(group, how.number);
  gone_.insert_or_assign(group, std::move(how));
  if (order_.size() <= most) return;
  const auto [oldest, number] = order_.front();
  order_.pop_front();
  const auto found = gone_.find(oldest);
  if (found != gone_.end() && found->second.number == number) gone_.erase(found);
}

gone_group* group_lives::find(lock_name group) {
  const auto found = gone_.find(group);
  return found == gone_.end() ? nullptr : &found->second;
}

std::vector<party_label> labels_of(const std::vector<party>& goroutines) {
  std::vector<party_label> all;
  for (std::size_t i = 0; i != block_count(); ++i) {
    identity who;
    const goroutine* const g = block_at(i);
    if (!read_identity(g, who)) continue;
    if (std::find(goroutines.begin(), goroutines.end(), who.id) == goroutines.end()) continue;
    char name[256];
    copy_name(g, who.id, name, sizeof name);
    all.push_back({who.id, name, who.created_at});
  }
  return all;
}

}  // namespace goro::detail
