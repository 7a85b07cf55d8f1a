// SPDX-License-Identifier: MIT
// The block behind a pollable. Its protocol is in netpoll.cpp.
#pragma once

#include "base/clock.hpp"
#include "base/lock_rank.hpp"
#include "sched/task.hpp"
#include "sched/timers.hpp"

#include <goro/detail/pollable.hpp>

#include <atomic>
#include <cstdint>

namespace goro::detail {

struct alignas(64) poll_descriptor {
  struct side : timer_node {
    static constexpr std::uintptr_t idle = 0;
    static constexpr std::uintptr_t ready = 2;

    side() noexcept : timer_node(&on_time) {}
    static void on_time(timer_node& node) noexcept;

    std::atomic<std::uintptr_t> word{idle};  // idle, ready, or the bits of the task that waits
    std::atomic<std::int64_t> deadline{never};
    std::int64_t armed = never;  // under lock, where the timer is armed and moved too
    poll_descriptor* owner = nullptr;
  };

  poll_descriptor() noexcept {
    for (side& s : sides) s.owner = this;
  }

  side sides[2];
  std::atomic<bool> closing{false};
  std::atomic<bool> out_of_order{false};
  std::atomic<std::uint16_t> generation{0};
  int fd = -1;                 // -1: none, told by notify
  std::atomic<event_node*> told{nullptr};  // instead of the sides
  ranked_spin_lock<lock_rank::netpoll> lock;
  hangup_node* watcher = nullptr;        // these under lock
  bool gone = false;                     // the peer has hung up
  bool telling = false;                  // … and the watcher is being told
  poll_descriptor* next_free = nullptr;  // the free list's
};

// An event of the direction: whom to make ready, if anybody.
task tell(poll_descriptor& p, direction d) noexcept;
// Something beside readiness; gone: the peer has hung up. For that generation only.
void tell_out_of_order(poll_descriptor& p, bool gone, std::uint16_t generation) noexcept;

}  // namespace goro::detail
