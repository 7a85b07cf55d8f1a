// SPDX-License-Identifier: MIT
// The part of errgroup that knows no types.
//
// Count. count says how many goroutines have not ended; wait() and the destructor wait for its zero. It is
// wait_group's countdown, and so is its rule that after the step to zero the group may be destroyed at once:
// leave_errgroup's last touch is that step.
//
// Limit. active is how many have a turn, under the lock (address_lock.hpp), while there is a limit. A goroutine
// that ends while a go() waits hands it both its turn and its place in count: neither goes down in between, so
// turns are first come, first served, and a wait() does not return between an old goroutine and the new one
// that has been waiting for it.
//   I1  A go() waits only while active == limit (or more, after misuse). Who makes a turn free looks for one
//       that waits under the same lock. So no turn is free while somebody waits.
// A group without a limit takes no lock.
//
// Failure. none -> taken (by one goroutine, which writes it) -> kept. It stays until the group ends.
//   P1  fail: kept, release -> collect: acquire. Whoever sees `kept` sees the failure and its record. A wait
//       sees it, because it was stored before the goroutine was counted off.
//   I2  The record is shown from before `kept` until the one who changes `collected` hides it: once.
// Tests: test/context/errgroup_{test,stress_test}.cpp.
#include <goro/errgroup.hpp>

#include "sched/throw_site.hpp"
#include "sched/uncaught.hpp"
#include "sync/address_lock.hpp"
#include "sync/escape.hpp"
#include "sync/failures.hpp"
#include "sync/waiter.hpp"

#include <goro/wait_group.hpp>

#include <atomic>
#include <cstdint>
#include <stdexcept>
#include <string>

namespace goro::detail {

enum class failure_stage : std::uint8_t { none, taken, kept };

struct errgroup_state {
  countdown count;
  std::atomic<int> limit{-1};  // changes while nobody is active
  int active = 0;              // this and what waits under the lock
  waiter* first_waiting = nullptr;
  waiter* last_waiting = nullptr;

  std::atomic<failure_stage> stage{failure_stage::none};
  std::atomic<bool> collected{false};
  std::exception_ptr failure;  // P1
  throw_site thrown;           // P1
  uncollected_failure record;  // I2

  cancel_cause_func cancel;  // does nothing in a group without a context
};

namespace {

constexpr int reason = static_cast<int>(wait_reason::errgroup);

struct waiting_go : waiter {
  using waiter::waiter;
  bool counted = false;  // it has taken over a place in count
};

[[noreturn]] void misuse(const char* call, const char* what) {
  throw std::logic_error(std::string("goro: errgroup::") + call + ": " + what);
}

errgroup_state& state_of(errgroup_state* group, const char* call) {
  if (group == nullptr) misuse(call, "the group has been moved from; use the one that it was moved to");
  return *group;
}

// The first one that waits, off the list, under the lock. Nothing but a turn ends its wait.
waiting_go* take_waiting(errgroup_state& s) noexcept {
  if (s.first_waiting == nullptr) return nullptr;
  auto& first = static_cast<waiting_go&>(*s.first_waiting);
  unlink(s.first_waiting, s.last_waiting, first);
  return &first;
}

// Gives a turn to the next one, or back. `counted`: together with a place in count. False: nobody took it.
bool pass_turn(errgroup_state& s, bool counted) noexcept {
  task next;
  {
    const spin_guard guard(lock_of(&s));
    waiting_go* const w = take_waiting(s);  // I1
    if (w == nullptr) {
      --s.active;
      return false;
    }
    w->counted = counted;
    next = w->who;
  }
  ready(next);
  return true;
}

void count_in(errgroup_state& s, const char* call, bool has_turn) {
  try {
    s.count.add(1);
  } catch (const std::logic_error&) {
    if (has_turn) pass_turn(s, false);
    misuse(call,
           "nothing was active while wait() is about to return; start goroutines before wait(), or from "
           "inside one of the group");
  }
}

void keep_failure(errgroup_state& s, std::exception_ptr error, const throw_site& thrown) noexcept {
  failure_stage expected = failure_stage::none;
  if (!s.stage.compare_exchange_strong(expected, failure_stage::taken, std::memory_order_relaxed)) return;
  show_failure(s.record, &s, error);  // I2
  s.failure = error;
  s.thrown = thrown;
  s.stage.store(failure_stage::kept, std::memory_order_release);  // P1
  s.cancel(std::move(error));
}

// Once nobody is active: the failure, or null.
std::exception_ptr collect(errgroup_state& s, bool& first_time) noexcept {
  first_time = false;
  if (s.stage.load(std::memory_order_acquire) != failure_stage::kept) return nullptr;  // P1
  first_time = !s.collected.exchange(true, std::memory_order_relaxed);
  if (first_time) hide_failure(s.record);  // I2
  return s.failure;
}

std::exception_ptr wait_for_all(errgroup_state& s) {
  s.count.wait(reason, never, nullptr);
  bool first_time;
  std::exception_ptr failure = collect(s, first_time);
  s.cancel(failure);
  return failure;
}

}  // namespace

errgroup_state* make_errgroup() { return new errgroup_state; }

void destroy_errgroup(errgroup_state* group) noexcept {
  group->count.wait(reason, never, nullptr);
  bool first_time;
  std::exception_ptr failure = collect(*group, first_time);
  group->cancel(nullptr);
  const throw_site thrown = group->thrown;
  delete group;
  if (first_time) report_uncaught(std::move(failure), thrown);
}

bool enter_errgroup(errgroup_state* group, const char* call, bool may_wait) {
  errgroup_state& s = state_of(group, call);
  const int limit = s.limit.load(std::memory_order_relaxed);
  if (limit < 0) {
    count_in(s, call, false);
    return true;
  }
  wait_list_lock& lock = lock_of(&s);
  lock.lock();
  if (s.active < limit) {
    ++s.active;
    lock.unlock();
    count_in(s, call, true);
    return true;
  }
  if (!may_wait) {
    lock.unlock();
    return false;
  }
  waiting_go self(task::current());
  link(s.first_waiting, s.last_waiting, self);  // I1
  lock.unlock();
  park(self.who, wait_reason::errgroup, group);
  if (!self.counted) count_in(s, call, s.limit.load(std::memory_order_relaxed) >= 0);
  return true;
}

void leave_errgroup(errgroup_state* group) noexcept {
  if (group->limit.load(std::memory_order_relaxed) >= 0 && pass_turn(*group, true)) return;
  group->count.add(-1);
}

void fail_errgroup(errgroup_state* group, std::error_code failure) {
  keep_failure(*group, std::make_exception_ptr(std::system_error(failure)), {});
}

void escape_into_errgroup(errgroup_state* group) {
  std::exception_ptr error = escaped_exception();
  keep_failure(*group, std::move(error), take_throw_site());
}

}  // namespace goro::detail

namespace goro {

std::pair<errgroup, context> errgroup::with_context(const context& parent) {
  auto [ctx, cancel] = with_cancel_cause(parent);
  errgroup group;
  group.state_->cancel = std::move(cancel);
  return {std::move(group), std::move(ctx)};
}

void errgroup::set_limit(int n) {
  detail::errgroup_state& s = detail::state_of(state_, "set_limit");
  detail::waiter* admitted = nullptr;
  bool active = !s.count.is_zero();
  if (!active) {
    const detail::spin_guard guard(detail::lock_of(&s));
    active = s.active != 0;
    if (!active) {
      s.limit.store(n < 0 ? -1 : n, std::memory_order_relaxed);
      detail::waiter** end = &admitted;
      while (n < 0 || s.active < n) {  // those whom a smaller limit has held up
        detail::waiting_go* const w = detail::take_waiting(s);
        if (w == nullptr) break;
        if (n >= 0) ++s.active;
        w->next = nullptr;
        *end = w;
        end = &w->next;
      }
    }
  }
  if (active)
    detail::misuse(
        "set_limit",
        "goroutines of the group are active; set the limit before the first go(), or after wait()");
  detail::wake_all(admitted);
}

void errgroup::wait() {
  detail::errgroup_state& s = detail::state_of(state_, "wait");
  if (std::exception_ptr failure = detail::wait_for_all(s)) detail::rethrow_from(&s.thrown, std::move(failure));
}

std::error_code errgroup::wait(std::error_code& ec) {
  ec.clear();
  std::exception_ptr failure = detail::wait_for_all(detail::state_of(state_, "wait"));
  if (!failure) return ec;
  try {
    std::rethrow_exception(std::move(failure));
  } catch (const std::system_error& known) {
    if (!known.code()) throw;  // a code of zero would say that nothing had failed
    ec = known.code();
  }
  return ec;
}

}  // namespace goro
