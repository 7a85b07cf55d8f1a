// SPDX-License-Identifier: MIT
// What lies between a promise and its future, compiled once: only the making and taking of the value is
// typed.
//
//      empty --claim--> claimed --publish--> value
//        ^--unclaim------'  '-------fail---> failed
//
// Invariants
//   I1  Only the one who has moved `status` from empty to claimed writes the value or the error.
//   I2  The list, the channel and the step to value or failed change under `lock`. So whoever links itself,
//       or makes the channel, either sees the result or is seen by the one who brings it.
//   I3  The block lives while `ends` is not zero: the promise has one, and the future once it is fetched.
//       Whoever waits has the future.
// Pair
//   P1  publish, fail: status release -> ready, wait, result: acquire. The result is visible to who sees it.
// Tests: test/sync/future_{test,stress_test}.cpp.
#include <goro/future.hpp>

#include "base/lock_rank.hpp"
#include "sched/throw_site.hpp"
#include "sync/future_sight.hpp"
#include "sync/waiter.hpp"

#include <goro/errc.hpp>

#include <atomic>
#include <cstdint>
#include <future>
#include <new>

namespace goro::detail {

enum class future_status : std::uint8_t { empty, claimed, value, failed };

struct future_core {
  future_core(void (*end_value)(void*) noexcept, std::size_t value_align, std::size_t value_size) noexcept
      : destroy(end_value),
        align(static_cast<std::uint32_t>(value_align)),
        size(static_cast<std::uint32_t>(value_size < UINT32_MAX ? value_size : UINT32_MAX)) {}

  void (*const destroy)(void*) noexcept;
  const std::uint32_t align;
  const std::uint32_t size;  // of the value; UINT32_MAX: that or more
  std::atomic<std::uint32_t> ends{1};  // I3
  std::atomic<future_status> status{future_status::empty};
  bool retrieved = false;  // the promise's
  ranked_spin_lock<lock_rank::wait_list> lock;
  waiter* first = nullptr;  // these under lock
  union {
    waiter* last = nullptr;
    throw_site* thrown;  // once the status is `failed`, when nobody waits any more: where, or null
  };
  chan<std::monostate> done;  // nil until somebody asks
  std::exception_ptr error;   // I1
};

namespace {

std::size_t value_offset(std::size_t align) noexcept {
  return (sizeof(future_core) + align - 1) / align * align;
}
std::align_val_t block_align(std::size_t align) noexcept {
  return std::align_val_t{align > alignof(future_core) ? align : alignof(future_core)};
}
void* storage(future_core* core) noexcept {
  return reinterpret_cast<char*>(core) + value_offset(core->align);
}

static_assert(sizeof(future_core) == future_core_size);  // the size is kept at no cost

bool is_done(future_status status) noexcept { return status >= future_status::value; }

void drop(future_core* core) noexcept {
  if (core->ends.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  if (core->status.load(std::memory_order_relaxed) == future_status::value && core->destroy != nullptr)
    core->destroy(storage(core));
  if (core->status.load(std::memory_order_relaxed) == future_status::failed) delete core->thrown;
  const std::align_val_t align = block_align(core->align);
  core->~future_core();
  ::operator delete(static_cast<void*>(core), align);
}

bool try_claim(future_core* core) noexcept {
  future_status expected = future_status::empty;
  return core->status.compare_exchange_strong(expected, future_status::claimed, std::memory_order_relaxed);
}

// The result is there: wakes all. `thrown`: of a failure.
void settle(future_core* core, future_status status, throw_site* thrown = nullptr) noexcept {
  waiter* claimed = nullptr;
  chan<std::monostate> done;
  {
    const spin_guard guard(core->lock);
    claimed = take_all(core->first, core->last);
    if (status == future_status::failed) core->thrown = thrown;
    core->status.store(status, std::memory_order_release);  // P1, I2
    done = core->done;
  }
  wake_all(claimed);
  if (done) done.close();
}

// Whether the result came before the wait was given up, and by what that was.
woken wait_until(future_core* core, std::int64_t deadline, canceller* cancel) {
  if (future_ready(core)) return woken::event;
  waiter self(task::current());
  {
    const spin_guard guard(core->lock);
    if (future_ready(core)) return woken::event;
    link(core->first, core->last, self);
  }
  const auto leave = [&]() noexcept {  // true: it was still waiting
    const spin_guard guard(core->lock);
    if (!self.linked) return false;
    unlink(core->first, core->last, self);
    return true;
  };
  woken by = woken::nobody;
  try {
    by = park_waiter(self, wait_reason::future, core, deadline, cancel);
  } catch (...) {
    if (leave()) throw;
    return woken::event;
  }
  return by == woken::event || !leave() ? woken::event : by;
}

}  // namespace

void throw_future_error(future_misuse what) {
  switch (what) {
    case future_misuse::already_retrieved:
      throw std::future_error(std::future_errc::future_already_retrieved);
    case future_misuse::already_satisfied:
      throw std::future_error(std::future_errc::promise_already_satisfied);
    case future_misuse::no_state: break;
  }
  throw std::future_error(std::future_errc::no_state);
}

future_core* make_future_core(std::size_t size, std::size_t align, void (*destroy)(void*) noexcept) {
  void* const block = ::operator new(value_offset(align) + size, block_align(align));
  return ::new (block) future_core(destroy, align, size);
}

void retrieve_future(future_core* core) {
  if (core->retrieved) throw_future_error(future_misuse::already_retrieved);
  core->retrieved = true;
  core->ends.fetch_add(1, std::memory_order_relaxed);
}

void drop_future(future_core* core) noexcept { drop(core); }

void drop_promise(future_core* core) noexcept {
  // Nobody may be left to see it; a channel from done() may have outlived its future, though.
  if (core->retrieved && try_claim(core)) {
    core->error = std::make_exception_ptr(std::future_error(std::future_errc::broken_promise));
    settle(core, future_status::failed);
  }
  drop(core);
}

void* claim_future(future_core* core) {
  if (!try_claim(core)) throw_future_error(future_misuse::already_satisfied);
  return storage(core);
}

void unclaim_future(future_core* core) noexcept {
  core->status.store(future_status::empty, std::memory_order_relaxed);
}

void publish_future(future_core* core) noexcept { settle(core, future_status::value); }

// Where it was thrown nobody has seen: whoever has it has caught it himself, or has never thrown it. He is in the
// place where it is given to the promise, and that says most of what can be known.
void fail_future(future_core* core, std::exception_ptr error) {
  if (!try_claim(core)) throw_future_error(future_misuse::already_satisfied);
  throw_site given;
  append_stack_here(given);
  throw_site* const kept = keep_throw_site(given);
  core->error = std::move(error);
  settle(core, future_status::failed, kept);
}

void fail_async(future_core* core, std::exception_ptr error) {
  throw_site* const thrown = keep_throw_site(take_throw_site());
  (void)try_claim(core);  // nobody else has the promise
  core->error = std::move(error);
  settle(core, future_status::failed, thrown);
}

bool future_ready(const future_core* core) noexcept {
  return is_done(core->status.load(std::memory_order_acquire));  // P1
}

future_sight look_at_future(const future_core* core) noexcept {
  return {core->lock.is_locked(), core->size == UINT32_MAX ? 0 : value_offset(core->align) + core->size, core->first};
}

void wait_future(future_core* core) { wait_until(core, never, nullptr); }

bool wait_future_ns(future_core* core, std::int64_t d) {
  if (future_ready(core)) return true;
  if (d <= 0) return false;
  return wait_until(core, deadline_after(std::chrono::nanoseconds(d)), nullptr) == woken::event;
}

std::error_code wait_future(future_core* core, canceller* cancel) {
  if (cancel != nullptr && cancel->is_cancelled()) return make_error_code(cancel->reason());
  if (wait_until(core, never, cancel) == woken::event) return {};
  return make_error_code(cancel->reason());
}

recv_chan<std::monostate> future_done(future_core* core) {
  {
    const spin_guard guard(core->lock);
    if (core->done) return core->done;
  }
  chan<std::monostate> fresh = make_chan<std::monostate>();
  bool close_now = false;
  chan<std::monostate> done;
  {
    const spin_guard guard(core->lock);
    if (!core->done) {
      core->done = fresh;
      close_now = future_ready(core);  // else settle closes it: I2
    }
    done = core->done;
  }
  if (close_now) done.close();
  return done;
}

void* future_result(future_core* core) {
  wait_future(core);
  if (core->status.load(std::memory_order_acquire) == future_status::failed)  // P1
    rethrow_from(core->thrown, std::move(core->error));                       // get() is called once
  return storage(core);
}

}  // namespace goro::detail
