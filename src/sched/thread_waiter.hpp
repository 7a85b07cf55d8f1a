// SPDX-License-Identifier: MIT
// A plain thread that waits like a goroutine: what its task refers to. The runtime's own threads have none.
//
// The thread itself parks; whoever has won the right to wake it (contract K1 of park.hpp) unparks it, once.
// Lifetime: as long as the thread. It needs no destructor, so it can still be used by destructors of other
// thread_local objects and during static destruction; a thread that does so counts again until it ends.
#pragma once

#include "base/parker.hpp"
#include "sched/process_end.hpp"
#include "sched/wait_reason.hpp"

#include <atomic>

namespace goro::detail {

class thread_waiter {
 public:
  constexpr thread_waiter() noexcept = default;
  thread_waiter(const thread_waiter&) = delete;
  thread_waiter& operator=(const thread_waiter&) = delete;

  // The thread itself. Returns at once if unpark came first.
  void park(wait_reason why, const void* on) noexcept {
    on_.store(on, std::memory_order_relaxed);
    why_.store(why, std::memory_order_relaxed);
    if (goroutines_have_stopped()) [[unlikely]]
      park_while_process_ends(parker_, why, on);
    else
      parker_.park();
    why_.store(wait_reason::none, std::memory_order_relaxed);
  }

  // Any thread.
  void unpark() noexcept { parker_.unpark(); }

  // What it waits for at the moment; hints for dumps.
  wait_reason why() const noexcept { return why_.load(std::memory_order_relaxed); }
  const void* on() const noexcept { return on_.load(std::memory_order_relaxed); }

 private:
  parker parker_;
  std::atomic<wait_reason> why_{wait_reason::none};
  std::atomic<const void*> on_{nullptr};
};

// This thread's, counted from its first use on. Never inline, so that no compiler keeps the address across a
// switch to another thread.
thread_waiter& this_thread_waiter();

// How many living threads have one.
int plain_threads() noexcept;

}  // namespace goro::detail
