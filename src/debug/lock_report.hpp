// SPDX-License-Identifier: MIT
// The texts of GORO_DEBUG=deadlock. All are made of copies, so that no lock operation waits while addr2line runs.
#pragma once

#include "debug/lock_graph.hpp"
#include "debug/lock_order.hpp"

#include <string>
#include <utility>
#include <vector>

namespace goro::detail {

using waiting_parties = std::vector<std::pair<party, lock_party>>;

// Each waits for the next, the last for the first.
std::string circle_report(const waiting_parties& circle);

// The proof says that none of them can go on. Of those without a wish it is known only what they hold.
struct proven_party {
  party id;
  lock_party known;
  std::string state;  // its word in a dump; empty: not known
};
std::string proven_report(const std::vector<proven_party>& stuck);

std::string report_of(const lock_inversion& circle);

// A lock that is none any more.
struct lock_misuse {
  const char* what;  // after the lock's name
  lock_name lock;
  const char* state;
  party_label who;
  std::vector<std::uintptr_t> stack;
  std::vector<std::uintptr_t> taken;  // where `who` took the lock that was there before; may be empty
};
std::string report_of(const lock_misuse& m);

// A wait_group that was destroyed too early.
struct group_misuse {
  lock_name group;
  const char* call;  // what is called of one that is gone; null: it is destroyed
  party_label who;
  std::vector<std::uintptr_t> stack;
  std::vector<party_label> counted;        // destroyed: whom it still counts
  party_label by;                          // else: who has destroyed it, and where
  std::vector<std::uintptr_t> destroyed_at;
};
std::string report_of(const group_misuse& m);

// A goroutine that parks, or yields, with locks of the C library in hand.
struct parked_holder {
  struct hold {
    lock_name lock;
    const char* kind;
    std::vector<std::uintptr_t> stack;  // where it was taken; never empty
  };
  party_label who;
  const char* state;  // what it waits for, as in a dump
  std::vector<std::uintptr_t> stack;
  std::vector<hold> holds;
};
std::string report_of(const parked_holder& h);

// "goroutine 7 "name"", "a plain thread".
void append_party(std::string& to, const party_label& who);

}  // namespace goro::detail
