// SPDX-License-Identifier: MIT
// Who holds which lock and who wants which, and the circles in that: what GORO_DEBUG=deadlock finds.
//
// An edge leads from one who wants a lock to each one that has to do something before it can have it:
//   exclusive   to all holders
//   shared      to the exclusive holder, and to those who want it exclusively: they keep new readers out
// A party waits for one lock at a time. It is stuck if one of those it waits for is stuck, because all of them
// have to go on; so any circle through the party that has just begun to wait is a deadlock, unless a wait in it
// has a limit or an outsider unlocks: a goroutine's mutex may be unlocked by another. That is why a circle is
// not reported when it closes but when it still stands a while later (lock_watch.cpp), unchanged.
//
// Wait groups and channels are not in the graph: who will count down or send is not known before it does.
#pragma once

#include <goro/detail/lock_watch.hpp>

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

namespace goro::detail {

// A goroutine (its id) or a plain thread (an odd address with the top bit set): never reused for another one.
using party = std::uint64_t;

struct lock_hold {
  const void* lock = nullptr;
  lock_kind how = lock_kind::exclusive;
  const char* state = "";
  std::vector<std::uintptr_t> stack;  // where it was taken
};

struct lock_wish {
  const void* lock = nullptr;  // null: waits for none
  lock_kind how = lock_kind::exclusive;
  const char* state = "";
  std::uint64_t number = 0;  // of this wait; another wait has another one
  std::vector<std::uintptr_t> stack;
};

struct lock_party {
  std::string name;  // as it was when it last wanted or got a lock
  lock_wish wish;
  std::vector<lock_hold> holds;
};

// One thread at a time.
class lock_graph {
 public:
  lock_party& at(party p) { return parties_[p]; }
  const lock_party* find(party p) const;

  void wants(party p, lock_wish wish);
  void got(party p, lock_hold hold);
  void gave_up(party p);
  // By its holder as a rule; else the hold of anybody.
  void released(party by, const void* lock, lock_kind how);

  // A shortest circle of waits through `p`: p first, each waits for the next, the last for p. Empty: there is none.
  std::vector<party> circle_through(party p) const;

 private:
  std::vector<party> waits_for(party p) const;
  void drop_if_empty(party p);

  std::unordered_map<party, lock_party> parties_;
  std::unordered_map<const void*, std::vector<party>> holders_;
  std::unordered_map<const void*, std::vector<party>> writers_;  // who want it exclusively
  std::uint64_t waits_ = 0;
};

}  // namespace goro::detail
