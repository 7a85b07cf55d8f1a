// SPDX-License-Identifier: MIT
// Sleeping. The timer lies on the sleeper's stack.
#include <goro/time.hpp>

#include "base/clock.hpp"
#include "sched/park.hpp"
#include "sched/timers.hpp"

#include <goro/detail/canceller.hpp>
#include <goro/detail/duration.hpp>
#include <goro/errc.hpp>

#include <atomic>

namespace goro::detail {
namespace {

struct sleeper : timer_node {
  explicit sleeper(task t) noexcept
      : timer_node([](timer_node& node) noexcept { ready(static_cast<sleeper&>(node).who); }, t.as_goroutine()),
        who(t) {}

  const task who;
};

// Two may want to end this one, its timer and its canceller; the first one does.
struct cancellable_sleeper : timer_node, cancel_node {
  enum : int { asleep, slept, cancelled_early };

  explicit cancellable_sleeper(task t) noexcept : timer_node(&on_time, t.as_goroutine()), who(t) {
    cancelled = &on_cancel;
  }

  static void on_time(timer_node& node) noexcept { static_cast<cancellable_sleeper&>(node).end(slept); }
  static void on_cancel(cancel_node& node) noexcept {
    static_cast<cancellable_sleeper&>(node).end(cancelled_early);
  }

  // True: it was not over yet; whoever gets this wakes the sleeper.
  bool claim(int how) noexcept {
    int expected = asleep;
    return how_.compare_exchange_strong(expected, how,
                                        std::memory_order_relaxed);  // ready and park order the rest
  }
  void end(int how) noexcept {
    if (claim(how)) ready(who);
  }
  int how() const noexcept { return how_.load(std::memory_order_relaxed); }

  const task who;

 private:
  std::atomic<int> how_{asleep};
};

void sleep_parked(std::int64_t when) {
  sleeper self(task::current());
  timer_arm(self, when);
  park(self.who, wait_reason::sleep, nullptr);
  timer_wait_idle(self);  // the heap may not have let go of the node yet
}

}  // namespace

void sleep_until_ns(std::int64_t when) {
  if (when == never || when > now_ns())
    sleep_parked(when);
  else
    yield_now();
}

void sleep_ns(std::int64_t d) {
  if (d > 0)
    sleep_parked(saturating_add(deadline_now(), d));
  else
    yield_now();
}

std::error_code sleep_ns(std::int64_t d, canceller* by) {
  if (by == nullptr) {
    sleep_ns(d);
    return {};
  }
  if (by->is_cancelled()) return make_error_code(by->reason());
  if (d <= 0) {
    yield_now();
    return {};
  }
  cancellable_sleeper self(task::current());
  timer_arm(self, saturating_add(deadline_now(), d));
  const bool watched = by->add(self);
  if (watched ||
      !self.claim(cancellable_sleeper::cancelled_early))  // lost to the timer: its ready is to be met
    park(self.who, wait_reason::sleep, nullptr);
  timer_disarm_sync(self);
  if (watched) by->remove(self);
  return self.how() == cancellable_sleeper::slept ? std::error_code() : make_error_code(by->reason());
}

}  // namespace goro::detail
