// SPDX-License-Identifier: MIT
// Functions that run once a context is done.
//
// A call is one block: after_call, then the user's callable. Who changes `now` from waiting has the callable:
// the ender, who starts it, or stop(). If nobody ever does, the callable ends with the block.
// A call that is registered has a count for the list, and, if its context ends by itself, holds the context;
// the cycle that this makes is broken when the context ends or by stop().
#include "context/core.hpp"
#include "sched/uncaught.hpp"

#include <goro/go.hpp>

#include <new>

namespace goro::detail {
namespace {

std::size_t callable_offset(std::size_t align) noexcept {
  return (sizeof(after_call) + align - 1) / align * align;
}
std::align_val_t block_align(std::size_t align) noexcept {
  return std::align_val_t{align > alignof(after_call) ? align : alignof(after_call)};
}

void free_block(after_call* call) noexcept {
  const std::align_val_t align = block_align(call->type.align);
  call->~after_call();
  ::operator delete(static_cast<void*>(call), align);
}

void destroy_callable(after_call* call) noexcept { call->type.destroy(after_call_storage(call)); }

bool settle(after_call* call, after_call::state how) noexcept {
  after_call::state expected = after_call::state::waiting;
  return call->now.compare_exchange_strong(expected, how,
                                           std::memory_order_relaxed);  // decides, carries nothing
}

}  // namespace

after_call* make_after_call(const context& ctx, const after_call_type& type) {
  parent_of(ctx, "after_func");
  void* const block = ::operator new(callable_offset(type.align) + type.size, block_align(type.align));
  return ::new (block) after_call(type);
}

void* after_call_storage(after_call* call) noexcept {
  return reinterpret_cast<char*>(call) + callable_offset(call->type.align);
}

void discard_after_call(after_call* call) noexcept { free_block(call); }

void start_after_call(const context& ctx, after_call* call) {
  cancel_core* const core = raw(ctx)->breaker;
  if (core == nullptr) return;
  share_after_call(call);
  if (!core->add_call(call)) run_after_call(call);
}

// Takes over the count of the list.
void run_after_call(after_call* call) noexcept {
  if (!settle(call, after_call::state::started)) {
    drop_after_call(call);
    return;
  }
  struct at_end {
    after_call* call;
    ~at_end() {
      destroy_callable(call);
      drop_after_call(call);
    }
  };
  try {
    goro::go([call] {
      const at_end counted{call};
      call->type.run(after_call_storage(call));
    });
  } catch (...) {
    report_uncaught(std::current_exception());
    const at_end counted{call};  // the handler returned: the program goes on without it
  }
}

void share_after_call(after_call* call) noexcept { call->counts.fetch_add(1, std::memory_order_relaxed); }

void drop_after_call(after_call* call) noexcept {
  if (call->counts.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  if (call->now.load(std::memory_order_relaxed) == after_call::state::waiting) destroy_callable(call);
  free_block(call);
}

bool stop_after_call(const context& ctx, after_call* call) noexcept {
  if (!settle(call, after_call::state::stopped)) return false;
  cancel_core* const core = raw(ctx)->breaker;
  if (core != nullptr && core->remove_call(call)) drop_after_call(call);  // not the last: the handle has one
  destroy_callable(call);
  return true;
}

}  // namespace goro::detail
