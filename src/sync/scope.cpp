// SPDX-License-Identifier: MIT
#include <goro/scope.hpp>

#include "sched/throw_site.hpp"
#include "sched/uncaught.hpp"
#include "sched/wait_reason.hpp"
#include "sync/escape.hpp"

#include <cstddef>
#include <memory>
#include <type_traits>

namespace goro {

namespace {

constexpr int reason = static_cast<int>(detail::wait_reason::scope);

using kept_site = std::unique_ptr<detail::throw_site>;

// The failure, if there is one; it is then collected. `thrown`: where, if that is known.
std::exception_ptr collect(detail::scope_state& state, kept_site& thrown) noexcept {
  if (__atomic_exchange_n(&state.failed, 0u, __ATOMIC_ACQUIRE) == 0) return nullptr;
  thrown.reset(std::exchange(state.thrown, nullptr));
  return std::exchange(state.first, nullptr);
}

// Apart from the frame that waits, for what it needs of the stack.
[[gnu::noinline, gnu::cold]] void report_uncollected(std::exception_ptr error, kept_site thrown) noexcept {
  detail::report_uncaught(std::move(error), thrown != nullptr ? *thrown : detail::throw_site());
}

}  // namespace

namespace detail {

void keep_escape(countdown& count) {
  static_assert(std::is_standard_layout_v<countdown> && offsetof(scope_state, count) == 0);
  scope_state& state = reinterpret_cast<scope_state&>(count);
  std::exception_ptr error = escaped_exception();
  const throw_site thrown = take_throw_site();
  // The count that follows orders all stores before whoever waits; nobody collects before that.
  if (__atomic_exchange_n(&state.failed, 1u, __ATOMIC_RELAXED) != 0) return;
  state.first = std::move(error);
  state.thrown = keep_throw_site(thrown);
}

}  // namespace detail

void scope::wait() {
  state_.count.wait(reason, detail::never, nullptr);
  kept_site thrown;
  if (std::exception_ptr error = collect(state_, thrown)) detail::rethrow_from(thrown.get(), std::move(error));
}

scope::~scope() {
  state_.count.wait(reason, detail::never, nullptr);
  kept_site thrown;
  if (std::exception_ptr error = collect(state_, thrown)) report_uncollected(std::move(error), std::move(thrown));
}

}  // namespace goro
