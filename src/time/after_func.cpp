// SPDX-License-Identifier: MIT
// Functions that run later.
//
// A call is one block: this struct, then the user's callable. `counts` has one for the handle, one while the
// node is in a heap or fires, and one for each goroutine that runs it. These descend from whoever made the call,
// though a timer starts them.
//
//   C1  Arming makes a count; disarming returns it; firing passes it on to the goroutine that it starts, or
//       keeps it for the next try. So fire never ends the block, and its last user, which waits for a fire
//       that is still under way, is never fire itself.
//   C2  rearm has one caller at a time by `lock`. Moving and disarming an armed node need no more than the
//       heap's own lock.
#include "time/after_func.hpp"

#include "base/clock.hpp"
#include "base/lock_rank.hpp"
#include "sched/family.hpp"
#include "sched/timer_heap.hpp"
#include "sched/uncaught.hpp"

#include <goro/detail/duration.hpp>
#include <goro/go.hpp>
#include <goro/time.hpp>

#include <atomic>
#include <exception>
#include <new>

namespace goro::detail {

namespace {

constexpr std::int64_t retry_after = 10'000'000;

void on_expiry(timer_node& node) noexcept;

// A time that is always in a heap, so that C1 needs no exception for calls that are never due.
std::int64_t due_after(std::int64_t d) noexcept {
  const std::int64_t at = saturating_add(deadline_now(), d < 0 ? 0 : d);
  return at == never ? never - 1 : at;
}

}  // namespace

struct timer_call : timer_node {
  explicit timer_call(const timer_call_type& t) noexcept : timer_node(&on_expiry), type(t) {}

  const timer_call_type type;
  const std::uint16_t family = current_family();
  std::atomic<std::uint32_t> counts{1};
  ranked_spin_lock<lock_rank::wait_list> lock;  // C2
};

namespace {

std::size_t callable_offset(std::size_t align) noexcept {
  return (sizeof(timer_call) + align - 1) / align * align;
}
std::align_val_t block_align(std::size_t align) noexcept {
  return std::align_val_t{align > alignof(timer_call) ? align : alignof(timer_call)};
}

void free_block(timer_call* call) noexcept {
  const std::align_val_t align = block_align(call->type.align);
  call->~timer_call();
  ::operator delete(static_cast<void*>(call), align);
}

// What the goroutine runs. It owns its count only once it runs: if it cannot be started, fire still has it.
struct run_call {
  timer_call* call;

  void operator()() const {
    struct at_end {
      timer_call* call;
      ~at_end() { drop_timer_call(call); }
    } const counted{call};
    call->type.run(timer_call_storage(call));
  }
};

void on_expiry(timer_node& node) noexcept {
  timer_call& call = static_cast<timer_call&>(node);
  try {
    const as_family its(call.family);
    goro::go(run_call{&call});
  } catch (...) {
    report_uncaught(std::current_exception());
    // Its handler returned, so the program goes on: try again. A node that fires has a place in the heap, so
    // this cannot throw. True: reset() has been quicker, with a count of its own.
    if (timer_rearm(call, saturating_add(deadline_now(), retry_after)))
      call.counts.fetch_sub(1, std::memory_order_relaxed);
  }
}

}  // namespace

timer_call* make_timer_call(const timer_call_type& type) {
  void* const block = ::operator new(callable_offset(type.align) + type.size, block_align(type.align));
  return ::new (block) timer_call(type);
}

void* timer_call_storage(timer_call* call) noexcept {
  return reinterpret_cast<char*>(call) + callable_offset(call->type.align);
}

void discard_timer_call(timer_call* call) noexcept { free_block(call); }

void start_timer_call(timer_call* call, std::int64_t d) { reset_timer_call(call, d); }

bool stop_timer_call(timer_call* call) noexcept {
  if (!timer_disarm(*call)) return false;
  call->counts.fetch_sub(1, std::memory_order_relaxed);  // C1; the handle still has one
  return true;
}

bool reset_timer_call(timer_call* call, std::int64_t d) {
  const std::int64_t at = due_after(d);
  if (timer_move(*call, at)) return true;
  const spin_guard guard(call->lock);
  call->counts.fetch_add(1, std::memory_order_relaxed);  // C1
  bool was_armed = false;
  try {
    was_armed = timer_rearm(*call, at);
  } catch (...) {
    call->counts.fetch_sub(1, std::memory_order_relaxed);
    throw;
  }
  if (was_armed) call->counts.fetch_sub(1, std::memory_order_relaxed);
  return was_armed;
}

void drop_timer_call(timer_call* call) noexcept {
  if (call->counts.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  timer_disarm_sync(*call);  // not armed, but the fire that started us may still be on its way out
  call->type.destroy(timer_call_storage(call));
  free_block(call);
}

}  // namespace goro::detail
