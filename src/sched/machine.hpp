// SPDX-License-Identifier: MIT
// M: a thread of the runtime. It has a stack of its own ("the M's stack": the thread's), on which it looks
// for work, waits for it, and does what cannot be done on a goroutine's stack; the loop there is
// machine.cpp's. While it runs goroutines it is on their stacks, and switches between them directly.
//
// What is to be done with the goroutine or stack that an M has just left (`left`, `left_stack`) is done by
// whoever runs next on that M, first thing: settle(). Only then is the old one really off its stack.
//
// Fields are the thread's own unless they say otherwise. M blocks are never freed: the monitor and takers
// may look at one whose thread has ended.
#pragma once

#include "base/exception_state.hpp"
#include "base/fence.hpp"
#include "base/parker.hpp"
#include "base/random.hpp"
#include "base/sanitizer.hpp"
#include "sched/goroutine.hpp"
#include "sched/processor.hpp"
#include "sched/revoke.hpp"

#include <atomic>
#include <cstdint>

namespace goro::detail {

enum class leaving : std::uint8_t { parked, yielded, displaced };

struct alignas(128) machine {
  // ---- the hand-shake of revoke.hpp
  std::atomic<std::uint32_t> in_runtime{1};
  std::atomic<revocation> revoke{revocation::none};  // CASed by takers too

  processor* p = nullptr;             // what we hold; null after it was taken and we have found out
  goroutine* current = nullptr;
  goroutine* left = nullptr;          // just left its stack, or is about to
  leaving why_left = leaving::parked;
  stack_header* left_stack = nullptr; // left for good: to be reused
  goroutine* chosen = nullptr;        // for the M's stack to run next, in one of the rarer ways
  thread_state thread;                // addresses of errno and the exception globals
  saved_context* own_context = nullptr;  // where the M's stack goes on
  const void* own_bottom = nullptr;   // of the thread's own stack: for AddressSanitizer and proofs
  std::size_t own_size = 0;
  const void* own_top = nullptr;      // above all frames of the loop on it, below what the C library keeps there
  void* own_fake_stack = nullptr;
  void* own_fiber = nullptr;          // ThreadSanitizer's
  void* dead_fiber = nullptr;
  random rng{0};

  // ---- idle.hpp: under its lock, or handed over through the parker
  parker sleep;
  processor* handed = nullptr;        // the P that the waker gave
  bool spinning = false;              // looks for work and is counted in the spinning ones
  bool told_to_end = false;
  machine* idle_link = nullptr;
  bool idle = false;
  goroutine* locked = nullptr;        // the goroutine that is bound to this thread
  bool waits_for_locked = false;      // under idle.lock: sleeps until that one is ready
  bool ends_with_goroutine = false;   // its bound goroutine ended

  // ---- for the monitor
  std::atomic<int> tid{0};            // 0: no thread
  // When it seems to have gone into the kernel, unannounced; set before its P is taken for that, and otherwise 0.
  std::atomic<std::int64_t> blocked_since{0};
  int stat_fd = -1;                   // monitor's
  int stat_tid = 0;                   // monitor's

  const machine* older = nullptr;     // made before this one; set before it is known, then constant

  // Entering and leaving the runtime: see revoke.hpp. Nested sections keep the outer one's state.
  GORO_HOT std::uint32_t enter() noexcept {
    const std::uint32_t outer = in_runtime.load(std::memory_order_relaxed);
    in_runtime.store(1, std::memory_order_relaxed);
    light_fence();  // F1a
    if (revoke.load(std::memory_order_relaxed) != revocation::none) [[unlikely]]
      answer();
    return outer;
  }
  GORO_HOT void leave(std::uint32_t outer = 0) noexcept {
    in_runtime.store(outer, std::memory_order_release);  // P2 of revoke.hpp
  }
  void answer() noexcept;             // revoke.cpp
  void tell_blocked() noexcept;       // revoke.cpp

  // On whatever stack runs next: finishes what the one before began.
  GORO_HOT void settle() noexcept {
    goroutine* const g = left;
    if (g != nullptr) {
      left = nullptr;
      if (why_left == leaving::parked) [[likely]]
        g->off_stack.store(1, std::memory_order_release);  // P1 of park.cpp
      else
        settle_rest(g);
    }
    if (left_stack != nullptr || dead_fiber != nullptr) [[unlikely]] settle_stack();
  }
  void settle_rest(goroutine* g) noexcept;   // machine.cpp
  void settle_stack() noexcept;              // machine.cpp
};

// The M that the caller's thread is; null: a plain thread. On a goroutine's stack this is that goroutine's
// `m`; elsewhere a thread_local behind a call, so that no compiler can keep it over a switch.
machine* this_machine_slow() noexcept;
[[gnu::always_inline]] inline machine* current_machine() noexcept {
  const goroutine* const g = current_goroutine();
  return g != nullptr ? g->m : this_machine_slow();
}

// A section in the runtime: while it lasts nobody takes this M's P, so `p` can be used. m is null on plain
// threads; p may be null. No switch may happen inside: park and yield do it themselves.
class runtime_section {
 public:
  runtime_section() noexcept : m(current_machine()) {
    if (m != nullptr) outer_ = m->enter();
  }
  ~runtime_section() {
    if (m != nullptr) m->leave(outer_);
  }
  runtime_section(const runtime_section&) = delete;
  runtime_section& operator=(const runtime_section&) = delete;

  processor* p() const noexcept { return m == nullptr ? nullptr : m->p; }

  machine* const m;

 private:
  std::uint32_t outer_ = 0;
};

// Starts a thread that begins with P `p` (which it then owns), spinning or not. False: no thread to be had;
// nothing has changed.
bool start_machine(processor* p, bool spinning) noexcept;

// The walk: every M that ever was, those without a thread included; on from each by `older`.
const machine* newest_machine() noexcept;
int machine_count() noexcept;          // threads alive or being started
int set_machine_limit(int n) noexcept;

// The M's stack: from a goroutine's stack, go there. Saves the caller in *from, or leaves for good.
[[gnu::always_inline]] inline void switch_to_machine(machine* m, saved_context* from, stack_header* h) noexcept {
  if constexpr (sanitizer::tsan) sanitizer::switch_fiber(m->own_fiber);
  sanitizer::leave(&h->fake_stack, m->own_bottom, m->own_size);
  switch_stacks(from, m->own_context);
}
[[noreturn]] inline void jump_to_machine(machine* m) noexcept {
  if constexpr (sanitizer::tsan) sanitizer::switch_fiber(m->own_fiber);
  sanitizer::leave(nullptr, m->own_bottom, m->own_size);
  jump_to(m->own_context);
}

}  // namespace goro::detail
