// SPDX-License-Identifier: MIT
// Which of the C library's locks (pthread_mutex_t and pthread_rwlock_t, so std::mutex and std::shared_mutex) each
// goroutine holds, as goro::locks tells: so that one that parks with such a lock can be reported.
//
// Kept by goroutine and not by thread, since who parks goes on in another one. Invariants:
//   I1  A hold is noted once its lock is taken, and dropped before the lock is given back. So a hold that is found by
//       its lock's address is about the lock that is taken now, and an address is never found twice, but by readers.
//   I2  A goroutine's holds are all true at each of its own steps. Another may drop one: who gives back what he has
//       not taken (a plain thread, the next in a hand-over) drops all holds of that lock. Rather none than a wrong one.
//   I3  Ids of goroutines are never reused, so what one has left behind when it ended accuses nobody.
//
// A fixed number of holds, in lists by lock and by goroutine, under one spin lock, inside which nothing is called: a
// lock operation may come from an allocator, or from the unwinder. Locks that find no place are not noted. Counts by
// hash, read without the lock, spare it those who have nothing there: each unlock of a plain thread, each park of
// one who holds nothing.
//   P1  A count is raised and lowered under the lock. Who reads 0 for its own hold, or for a lock that it has, reads
//       what its own steps have left, or those of whoever it got the lock from.
#pragma once

#include <goro/detail/held_locks.hpp>

#include "base/spin_lock.hpp"
#include "debug/lock_graph.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace goro::detail {

// Zeros to begin with; in memory of the kernel's, some 700 KiB, of which what is used is touched.
class held_locks {
 public:
  static constexpr std::size_t capacity = 4096;
  static constexpr std::size_t most_shown = 8;

  struct hold {
    lock_name lock;
    held_kind how;
    taking at;
  };

  void add(const taking& at, lock_name lock, held_kind how) noexcept;
  // By goroutine `who` (0: a plain thread): its last hold of the lock; if it has none, all others'. Where it was
  // taken is left in `was`, which may be null.
  void drop(std::uint64_t who, lock_name lock, taking* was) noexcept;
  bool may_hold(std::uint64_t who) const noexcept;
  // The latest first. Returns how many.
  std::size_t of(std::uint64_t who, hold (&out)[most_shown]) noexcept;

 private:
  static constexpr std::size_t lists = 1024;
  using index = std::uint16_t;  // into holds_, plus 1; 0: none
  struct entry {
    hold what;
    index next_of_lock;
    index next_of_who;
  };

  void unlink(index i) noexcept;

  spin_lock lock_;
  std::size_t made_;  // this and what follows under lock_
  index free_;        // linked by next_of_lock
  index of_lock_[lists];
  index of_who_[lists];
  std::atomic<std::uint32_t> locks_[lists];  // how many there are in each list; see P1
  std::atomic<std::uint32_t> whos_[lists];
  entry holds_[capacity];
};

// Naming it brings the file into a program that is linked with the static library.
extern const char held_locks_are_linked;

}  // namespace goro::detail
