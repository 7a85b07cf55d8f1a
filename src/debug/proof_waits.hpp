// SPDX-License-Identifier: MIT
// The first half of a proof, while all threads stand still: which goroutines are parked, on what, and whether they
// are asleep for sure.
//
// A goroutine that is parked may be as good as awake: a thread was stopped between taking it off a queue and
// making it ready. So none counts as asleep that is not found where it waits: in the queue of what park was told
// of, which nobody holds the lock of, linked, and claimed by nobody (contract K1 of sched/park.hpp: the right to
// wake it is won by just these steps). Everything that does not look as expected makes it live.
#pragma once

#include "debug/memory_map.hpp"
#include "debug/proof_graph.hpp"
#include "debug/stop_world.hpp"

#include <cstddef>
#include <cstdint>

namespace goro::detail {

struct hchan;

struct address_range {
  std::uintptr_t first;
  std::uintptr_t last;
};

class proof_waits {
 public:
  proof_waits(scratch& memory, const memory_map& map, const stopped_world& world) noexcept
      : memory_(memory), map_(map), world_(world) {}
  proof_waits(const proof_waits&) = delete;
  proof_waits& operator=(const proof_waits&) = delete;

  enum class outcome : std::uint8_t { good, unsteady, no_memory };

  // Finds the parked ones, and who of them is asleep. unsteady: let the threads go on for a moment.
  outcome look() noexcept;

  unit* units() const noexcept { return units_; }
  std::uint32_t unit_count() const noexcept { return unit_count_; }
  // Sorted, each once.
  const object* objects() const noexcept { return objects_; }
  std::uint32_t object_count() const noexcept { return object_count_; }
  std::size_t waiters_seen() const noexcept { return waiters_seen_; }

  // The unit of the goroutine in this block, or of the one whose stack or closure this address lies in.
  std::uint32_t unit_of(const goroutine* g) const noexcept;
  std::uint32_t unit_at(std::uintptr_t address) const noexcept;
  // The same, if the address is a reference. One of what the switch has saved is not, nor one of the waiter, nor of
  // the words at the stack's end: only goro has those, in queues and left over on stacks.
  std::uint32_t unit_referred_to(std::uintptr_t address) const noexcept;

  // Shows each address whose memory, once marked, lets `u` be woken. `u` is `waiting`.
  template <class F>
  void for_each_waker(const unit& u, F&& show) const noexcept {
    if (u.channels != nullptr) {
      for (std::uint32_t i = 0; i != u.channel_count; ++i)
        show(reinterpret_cast<std::uintptr_t>(u.channels[i]));
    } else if (u.on != nullptr) {
      show(reinterpret_cast<std::uintptr_t>(u.on));
    }
  }

  // Of the timers' heaps: their arrays, in which there are stale items too; and the nodes that are armed.
  const address_range* heap_arrays() const noexcept { return arrays_; }
  std::size_t heap_array_count() const noexcept { return array_count_; }
  const std::uint64_t* armed() const noexcept { return armed_; }
  std::size_t armed_count() const noexcept { return armed_count_; }

 private:
  bool collect() noexcept;
  void add_unit(goroutine* g) noexcept;
  bool look_at_timers(bool& steady) noexcept;
  bool look_at_queues() noexcept;
  void look_at(const unit& first_of_all) noexcept;
  void look_at_channel(std::uintptr_t channel) noexcept;
  void walk_channel_queue(std::uintptr_t waiter, std::uintptr_t channel) noexcept;
  void walk_waiters(std::uintptr_t waiter, const void* on) noexcept;
  void add_channel(std::uintptr_t channel) noexcept;
  void add_object(std::uintptr_t first, std::size_t bytes, std::size_t end) noexcept;
  bool add_objects() noexcept;

  scratch& memory_;
  const memory_map& map_;
  const stopped_world& world_;
  unit* units_ = nullptr;
  std::uint32_t unit_count_ = 0;
  std::uint32_t* unit_of_block_ = nullptr;  // number plus 1; or occupied
  std::size_t blocks_ = 0;
  object* objects_ = nullptr;
  std::uint32_t object_count_ = 0;
  std::uint32_t object_room_ = 0;
  address_range* arrays_ = nullptr;
  std::size_t array_count_ = 0;
  std::uint64_t* armed_ = nullptr;
  std::size_t armed_count_ = 0;
  std::size_t waiters_seen_ = 0;
};

}  // namespace goro::detail
