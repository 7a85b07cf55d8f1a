// SPDX-License-Identifier: MIT
// In which order locks are taken, and the circles in that: deadlocks that have not happened yet.
//
// A step a -> b: somebody who holds a takes b, by a call that waits without limit. Steps stay when the locks are
// given back. A circle of steps is a deadlock to come if all of them can stand at the same time:
//
//   D1  each step is another goroutine's;
//   D2  no two of them hold a lock that only one can hold (a gate: what is under it cannot meet);
//   D3  at each lock the step that comes in has to wait for the one that goes out: one of them is exclusive, or
//       both read and somebody else, by D1 and D2 a party to it as well, write-locks it: who reads waits behind a
//       writer, and the writer for who has it.
//
// A read lock taken again by who has it is a circle of one step: with a writer as in D3 it is a deadlock.
//
// Locks are told apart by lock_ids, so a lock that took another one's place is not mistaken for it. Each lock is
// its own class. To take all locks that were first taken in one line for one class would find inversions between
// instances that have not met; it would also report programs that order equal locks among themselves (by address,
// parent before child), and these are many. See docs/design/deadlock.md.
//
// Whoever takes what it took before costs a look-up for each lock held. Each step keeps some ways in which it was
// done (modes, locks held, goroutines); when one is new, circles through it are sought.
#pragma once

#include "debug/lock_graph.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace goro::detail {

// `who` held `held` and took `taken`.
struct order_step {
  party_label who;
  lock_hold held;
  lock_hold taken;
};

struct lock_inversion {
  std::vector<order_step> steps;  // each one's `taken` is the next one's `held`
  std::vector<order_step>
      writers;  // who has to come in between, if only readers meet at a lock; `held` is empty
};

// One thread at a time.
class lock_order {
 public:
  static constexpr std::size_t longest = 6;           // circles with more steps are not looked for
  static constexpr std::size_t ways_kept = 8;         // of a step
  static constexpr std::size_t parties_kept = 8;      // of a way
  static constexpr std::size_t most_ways = 1u << 15;  // in all: then it forgets, and begins anew
  static constexpr std::size_t most_reported = 1000;  // then it says no more

  // `who` takes, or is about to wait without limit for, `taken`. Appends circles that were not found before.
  void takes(const party_label& who, std::span<const lock_hold> holds, const lock_hold& taken,
             std::vector<lock_inversion>& found);
  // It has gone.
  void forget(std::uint32_t lock);
  // It is handed around: who unlocks it is not who has it, so its order says nothing.
  void distrust(std::uint32_t lock);

  std::size_t ways() const noexcept { return ways_; }

 private:
  struct gate {
    std::uint32_t lock;
    bool exclusive;
    bool operator==(const gate&) const = default;
  };
  struct way {
    lock_kind held;
    lock_kind taken;
    std::vector<gate> gates;  // all that was held, by rising number
    std::vector<party> parties;
    order_step first;  // as it was the first time
  };
  struct node {
    std::unordered_map<std::uint32_t, std::vector<way>> out;
    std::unordered_set<std::uint32_t> in;
    std::vector<way> writers;
  };
  struct chosen {
    const way* how;
    party who;
    std::uint32_t to;
  };

  static bool meet(const std::vector<gate>& a, const std::vector<gate>& b) noexcept;
  const way* note(std::vector<way>& ways, way&& w, party p);
  bool fits(const way& w, party p) const noexcept;
  void measure(std::uint32_t to);
  bool search(std::uint32_t from, std::uint32_t here);
  bool choose(std::uint32_t from, std::uint32_t next, const way& w);
  bool has_writers(std::uint32_t from);
  void seek(std::uint32_t from, std::uint32_t to, const way& w, party p, std::vector<lock_inversion>& found);
  void seek_behind_writer(std::uint32_t lock, std::vector<lock_inversion>& found);
  bool was_reported(const lock_inversion& circle);

  std::unordered_map<std::uint32_t, node> nodes_;
  std::unordered_set<std::uint32_t> distrusted_;
  std::unordered_set<std::uint64_t> reported_;
  std::size_t ways_ = 0;
  // While circles are sought.
  std::unordered_map<std::uint32_t, std::size_t> distance_;
  std::vector<chosen> path_;
  std::vector<chosen> writers_;
  int budget_ = 0;
};

}  // namespace goro::detail
