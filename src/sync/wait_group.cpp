// SPDX-License-Identifier: MIT
#include <goro/wait_group.hpp>

#include "sched/uncaught.hpp"
#include "sched/wait_reason.hpp"
#include "sync/escape.hpp"

#include <goro/errc.hpp>

#include <exception>
#include <stdexcept>

namespace goro {

namespace detail {

void report_escape(countdown&) { report_uncaught(escaped_exception()); }

}  // namespace detail

namespace {

constexpr int reason = static_cast<int>(detail::wait_reason::wait_group);

// Go's rule, and like there it is seen only if the timing is right.
void check_reuse(const detail::countdown& count) {
  if (count.has_ended()) count.report_ended("wait");  // by another, whose wait returned before
  if (!count.is_zero())
    throw std::logic_error(
        "goro: wait_group::wait: the group was reused before this wait had returned; let all waits return "
        "before "
        "adding again, or use a new group");
}

}  // namespace

void wait_group::wait() {
  told("wait");
  if (count_.is_zero()) return;
  count_.wait(reason, detail::never, nullptr);
  check_reuse(count_);
}

bool wait_group::wait_ns(std::int64_t d) {
  told("wait_for");
  if (count_.is_zero()) return true;
  const std::int64_t deadline = detail::deadline_after(std::chrono::nanoseconds(d));
  if (count_.wait(reason, deadline, nullptr) != detail::countdown::ended::zero) return false;
  check_reuse(count_);
  return true;
}

std::error_code wait_group::wait_until(detail::canceller* by) {
  told("wait");
  if (count_.wait(reason, detail::never, by) != detail::countdown::ended::zero)
    return make_error_code(by->reason());
  check_reuse(count_);
  return {};
}

}  // namespace goro
