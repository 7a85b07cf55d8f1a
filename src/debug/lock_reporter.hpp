// SPDX-License-Identifier: MIT
// What the watcher of locks knows, and the thread that looks again at suspicions and writes reports.
//
// A circle of waits is a suspicion: somebody outside may unlock. So it is looked at again after `patience`; if each
// party still waits the same wait for the same reason, it is reported, once. What else is to be said needs no
// second look.
#pragma once

#include "debug/group_lives.hpp"
#include "debug/lock_graph.hpp"
#include "debug/lock_ids.hpp"
#include "debug/lock_order.hpp"
#include "debug/lock_report.hpp"

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <variant>
#include <vector>

namespace goro::detail {

// All but `lock` and the condition variables is under `lock`.
class lock_watch {
 public:
  std::mutex lock;  // the C++ library's: taken inside goro's locks' slow paths, never while parked
  lock_graph graph;
  lock_ids ids;
  lock_order order;
  group_lives groups;

  // p has begun to wait. Whether that closes a circle.
  bool suspect(party p);
  // Written soon, and before the process exits.
  using finding = std::variant<lock_inversion, lock_misuse, parked_holder, group_misuse>;
  void report(finding what);
  // Once for each of the numbers that stand for places in the program.
  bool is_new_site(std::uint64_t site) { return sites_.insert(site).second; }

  // A new lock lies at this address. Who held the one before has lost it, and may not know.
  void replaced(lock_name lock);
  // Where `by` took a lock here that is gone; empty: it did not.
  std::vector<std::uintptr_t> take_lost_hold(party by, lock_name lock);

  void run();  // the thread
  // Waits until all that was to be reported is written, some seconds at most.
  void write_all(std::unique_lock<std::mutex>& held);
  void be_impatient();  // with what is suspected

 private:
  using clock = std::chrono::steady_clock;
  // The circle, and which wait each of its parties was in.
  struct suspicion {
    std::vector<party> circle;
    std::vector<std::uint64_t> waits;
    clock::time_point due;
  };
  // Waits that somebody may prove to be without end.
  struct long_wait {
    std::uint64_t number;
    clock::time_point next;  // when the proof is asked; max: never again
    clock::duration pause;
  };

  bool still_stands(const suspicion& s) const;
  void look_again(std::unique_lock<std::mutex>& held);
  void write_report(std::unique_lock<std::mutex>& held);
  void ask_for_proof(std::unique_lock<std::mutex>& held);
  std::vector<std::vector<party>> groups_to_prove(clock::time_point now);
  void need_thread();

  std::condition_variable changed_;
  std::condition_variable written_;
  std::deque<suspicion> suspicions_;  // by rising due
  std::deque<finding> reports_;
  std::map<std::pair<party, lock_name>, std::vector<std::uintptr_t>> lost_;
  std::unordered_map<party, long_wait> long_waits_;
  std::unordered_set<std::uint64_t> sites_;
  clock::time_point next_proof_ = clock::time_point::max();
  std::size_t said_ = 0;
  bool has_thread_ = false;
  bool writing_ = false;
};

// Never destroyed: locks are used until the very end.
lock_watch& the_lock_watch();

}  // namespace goro::detail
