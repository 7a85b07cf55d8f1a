// SPDX-License-Identifier: MIT
// Who holds which lock and who wants which, and the circles in that: what GORO_DEBUG=deadlock finds.
//
// An edge leads from one who waits to each one that has to do something before it can go on:
//   exclusive   to all holders
//   shared      to the exclusive holder, and to those who want it exclusively: they keep new readers out
//   counted     to each goroutine that the wait_group or scope has started and that has not ended
// A party waits for one thing at a time. It is stuck if one of those it waits for is stuck, because all of them
// have to go on; so any circle through the party that has just begun to wait is a deadlock, if nobody outside
// unlocks. Hence
//   a wait that ends by itself (a limit of time, a context) waits for nobody;
//   a lock that was once unlocked by another than its holder (it is handed around, which a mutex allows) has no
//   holders to wait for;
//   and a circle is not reported when it closes but when it still stands a while later (lock_watch.cpp).
//
// Who calls done() by hand, sends or receives is not known before it does: no edges.
#pragma once

#include <goro/detail/lock_watch.hpp>

#include <chrono>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace goro::detail {

// The address of a lock or a count, negated: so that a scan of memory for references (leak::proven) does not take
// what is known of a lock for somebody who could use it.
enum class lock_name : std::uintptr_t { none = 0 };
inline lock_name name_of(const void* address) noexcept {
  return lock_name{0 - reinterpret_cast<std::uintptr_t>(address)};
}
inline const void* address_of(lock_name name) noexcept {
  return reinterpret_cast<const void*>(0 - static_cast<std::uintptr_t>(name));
}

// A goroutine (its id) or a plain thread (a number of its own with the top bit set): never reused for another one.
using party = std::uint64_t;

inline constexpr party thread_bit = party{1} << 63;

struct lock_hold {
  lock_name lock = lock_name::none;
  std::uint32_t id = 0;  // of lock_ids; 0: not known
  lock_kind how = lock_kind::exclusive;
  const char* state = "";
  std::vector<std::uintptr_t> stack;  // where it was taken
};

enum class wish_kind : unsigned char { exclusive, shared, counted };

struct lock_wish {
  lock_name lock = lock_name::none;  // waits for none
  wish_kind how = wish_kind::exclusive;
  const char* state = "";
  bool limited = false;      // it ends by itself
  std::uint64_t number = 0;  // of this wait; another wait has another one
  std::vector<std::uintptr_t> stack;
  std::chrono::steady_clock::time_point since{};
};

// Of a goroutine or thread, as it was when it last did something.
struct party_label {
  party id = 0;
  std::string name;
  std::uintptr_t created_at = 0;  // 0: not known
};

struct lock_party {
  party_label label;
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
  // By its holder as a rule; else the hold of anybody, and then false: the lock is handed around from now on.
  bool released(party by, lock_name lock, lock_kind how);
  void counted(party p, lock_name count) { members_[count].push_back(p); }
  void uncounted(party p, lock_name count);
  // The count is gone: whom it counted.
  std::vector<party> take_members(lock_name count);
  // Another lock lies at this address now.
  void forget(lock_name lock);

  // A shortest circle of waits through `p`: p first, each waits for the next, the last for p. Empty: there is none.
  std::vector<party> circle_through(party p) const;
  // p, and all that it waits for, directly or not; those that wait for nobody are at the ends.
  std::vector<party> waits_through(party p) const;
  std::vector<party> waits_for(party p) const;
  std::vector<party> who_wait_without_limit() const;
  // In the order in which they got it.
  std::vector<party> holders_of(lock_name lock) const;

 private:
  void drop_if_empty(party p);

  using lists = std::unordered_map<lock_name, std::vector<party>>;
  std::unordered_map<party, lock_party> parties_;
  lists holders_;
  lists writers_;  // who want it exclusively
  lists members_;  // whom it counts
  std::unordered_set<lock_name> handed_around_;
  std::uint64_t waits_ = 0;
};

}  // namespace goro::detail
