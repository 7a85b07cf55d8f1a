// SPDX-License-Identifier: MIT
// Which lock is which. A lock has no constructor that runs and no destructor, so its address says nothing about
// whether it is the same one as before. But it is constructed with a tag of 0, so the number that the watcher
// puts there lasts exactly as long as the lock:
//
//   tag 0                            a lock that has not been seen before. If another one was known at this
//                                    address, that one is gone
//   a number that lies here          the lock that it was
//   a number that lies elsewhere,    no lock at all: its memory has been overwritten, or copied as bytes from
//   or was never given out           another lock. A lock that was destroyed, as a rule
//   a number that was given up       as tag 0, but nothing is known to be gone
//
// Numbers are never used again. There are 2^28; after that locks stay without, and are not told apart.
#pragma once

#include "debug/lock_graph.hpp"

#include <cstddef>
#include <cstdint>
#include <unordered_map>

namespace goro::detail {

// One thread at a time.
class lock_ids {
 public:
  enum class seen : unsigned char { before, fresh, renewed, wrong };
  struct look {
    seen how;
    std::uint32_t id;    // 0: none
    std::uint32_t gone;  // fresh: the one that was at this address; 0: none
  };

  // Only looks; `fresh` and `renewed` have no id then.
  look at(lock_name lock, const std::uint32_t* tag) const noexcept;
  // By one who has the lock: gives it a number if it has none.
  look number(lock_name lock, std::uint32_t* tag);
  bool known(std::uint32_t id) const noexcept { return by_id_.contains(id); }

  struct given_up {
    std::uint32_t id;  // 0: nothing to give up
    lock_name lock;
  };
  // Gives up the oldest number while there are more than `most`.
  given_up forget_oldest(std::size_t most);

 private:
  static constexpr int tag_bits = 4;  // the lock's own
  static constexpr std::uint32_t last = (std::uint32_t{1} << 28) - 1;

  std::unordered_map<std::uint32_t, lock_name> by_id_;
  std::unordered_map<lock_name, std::uint32_t> by_address_;
  std::uint32_t next_ = 1;
  std::uint32_t oldest_ = 1;  // all below have been given up, or are gone
};

}  // namespace goro::detail
