// SPDX-License-Identifier: MIT
// Which wait_groups are gone. A wait_group tells when it is constructed and destroyed, so an address that is in here is
// one at which there was a group and is none now: whoever uses a group there uses a destroyed one.
//
// Not told are constructions that the compiler has done, those of statics and thread_locals. So these are never taken
// for gone: they live as long as anybody could use them, whatever their destructors say (base/static_storage.hpp).
// Memory that is reused without a destructor call stays as it was, and a new group there is told of. Any other count (of
// a scope, an errgroup) is told of when it is constructed, and so is never found in here.
#pragma once

#include "debug/lock_graph.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <unordered_map>
#include <utility>
#include <vector>

namespace goro::detail {

struct gone_group {
  party_label by;
  std::vector<std::uintptr_t> stack;
  bool said = false;       // that it was misused: once is enough
  std::uint64_t number = 0;
};

// One thread at a time. Remembers the last 4096 destructions.
class group_lives {
 public:
  void made(lock_name group) { gone_.erase(group); }
  void destroyed(lock_name group, gone_group how);
  gone_group* find(lock_name group);

 private:
  static constexpr std::size_t most = 4096;

  std::unordered_map<lock_name, gone_group> gone_;
  std::deque<std::pair<lock_name, std::uint64_t>> order_;
  std::uint64_t count_ = 0;
};

// Names and places of creation of these goroutines, as far as they have not ended.
std::vector<party_label> labels_of(const std::vector<party>& goroutines);

}  // namespace goro::detail
