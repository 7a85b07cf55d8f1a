// SPDX-License-Identifier: MIT
// Goroutines that work on parts of one task: the first failure is the task's, and tells the others to stop.
//
//   auto [group, ctx] = goro::errgroup::with_context(parent);
//   group.set_limit(8);                                  // at most 8 at a time: go() waits its turn
//   for (const url& u : urls) group.go([&u, ctx = ctx] { fetch(ctx, u); });
//   group.wait();                                        // rethrows the first failure
//
// Go's x/sync/errgroup. A goroutine fails by an exception, or by returning a std::error_code that is not zero;
// that failure counts as a std::system_error. The first failure cancels the group's context at once, with the
// exception as its cause. It is seen before wait(): as a record in goroutines() with the state
// "failed: <what>", until a wait() collects it. Later failures are dropped. A goroutine that ends by goexit()
// has ended without failure.
//
// Unlike Go, destroying a group waits for its goroutines, so they may refer to what lives longer than it; a
// failure that no wait() has collected then goes to the uncaught handler. It does not cancel anything before
// they have ended.
//
// A group can be used again after wait(), but keeps its failure, as in Go: each later wait() gives the same
// one. And its context is done after the first wait(), whatever came of it. So use a new group for a new task.
//
// go(), try_go() and wait() may be called from any goroutine and any thread at the same time, except that a
// go() which finds no goroutine active must happen before the wait, as with a wait_group. A goroutine of the
// group may call go(); if a limit makes it wait, and all others wait like it, nobody is left to end: use
// try_go() there. wait() inside a goroutine of the group waits for itself.
// Order: all that the goroutines did is visible after wait().
#pragma once

#include <concepts>
#include <system_error>
#include <type_traits>
#include <utility>

#include <goro/context.hpp>
#include <goro/detail/closure.hpp>
#include <goro/detail/export.hpp>
#include <goro/detail/throw_site.hpp>
#include <goro/go.hpp>

namespace goro {

namespace detail {

struct errgroup_state;

GORO_API errgroup_state* make_errgroup();
GORO_API void destroy_errgroup(errgroup_state* group) noexcept;
// Counts one in; waits for its turn if it may. False: the limit is reached. Throws std::logic_error for null.
GORO_API bool enter_errgroup(errgroup_state* group, const char* call, bool may_wait);
GORO_API void leave_errgroup(errgroup_state* group) noexcept;
GORO_API void fail_errgroup(errgroup_state* group, std::error_code failure);
GORO_API void escape_into_errgroup(errgroup_state* group);  // in a handler; a goexit goes on

template <class F>
concept errgroup_function = std::invocable<std::decay_t<F>> &&
    (std::is_void_v<std::invoke_result_t<std::decay_t<F>>> ||
     std::convertible_to<std::invoke_result_t<std::decay_t<F>>, std::error_code>);

// For one that has been counted in. The function is moved to the new goroutine's own stack, so that it is gone
// before the goroutine counts as ended.
template <class F>
[[gnu::always_inline]] inline void start_in_errgroup(errgroup_state* group, F&& f) {
  try {
    goro::go([group, f = std::decay_t<F>(std::forward<F>(f))]() mutable {
      struct at_end {
        errgroup_state* group;
        ~at_end() { leave_errgroup(group); }
      } const active_until_here{group};
      try {
        const auto run = [](std::decay_t<F> own) { return std::move(own)(); };
        noting_throw([&] {
          if constexpr (std::is_void_v<std::invoke_result_t<std::decay_t<F>>>) {
            run(std::move(f));
          } else {
            const std::error_code failure = run(std::move(f));
            if (failure) fail_errgroup(group, failure);
          }
        });
      } catch (...) {
        escape_into_errgroup(group);
      }
    });
  } catch (...) {
    leave_errgroup(group);
    throw;
  }
}

}  // namespace detail

class errgroup {
 public:
  // Without a context and without a limit.
  //
  // Cost     one allocation.
  errgroup() : state_(detail::make_errgroup()) {}

  // The goroutines go on, and belong to the new object. The old one can only be assigned to or destroyed: else
  // std::logic_error.
  errgroup(errgroup&& other) noexcept : state_(std::exchange(other.state_, nullptr)) {}
  // As destroying it first: waits for the goroutines that it had.
  errgroup& operator=(errgroup&& other) noexcept {
    errgroup old(std::move(other));
    std::swap(state_, old.state_);
    return *this;
  }

  // Waits for the goroutines. A failure that no wait() has collected goes to the uncaught handler.
  ~errgroup() {
    if (state_ != nullptr) detail::destroy_errgroup(state_);
  }

  // A group with a context below `parent`, for its goroutines to heed. The context is cancelled by the first
  // failure, which is then its cause; else when wait() returns, or the group ends.
  //
  // Throws   std::logic_error if the parent is empty; std::bad_alloc.
  // Go       errgroup.WithContext
  GORO_API static std::pair<errgroup, context> with_context(const context& parent);

  // Runs f() in a goroutine of the group; waits while as many as the limit allows are active. f returns void,
  // or a std::error_code. It is copied or moved in once its turn has come, and destroyed before it counts as
  // ended.
  //
  // Throws   what goro::go throws; the group is then as before.
  // Waits    only with a limit; for ever if that is 0. Shown as "errgroup" in a dump.
  // Go       Group.Go
  template <detail::errgroup_function F>
  [[gnu::always_inline]] void go(F&& f) {
    detail::check_not_empty(f, "errgroup::go");
    detail::enter_errgroup(state_, "go", true);
    detail::start_in_errgroup(state_, std::forward<F>(f));
  }

  // The same, if it need not wait. False: the limit is reached, and f is untouched.
  //
  // Go       Group.TryGo
  template <detail::errgroup_function F>
  [[nodiscard, gnu::always_inline]] bool try_go(F&& f) {
    detail::check_not_empty(f, "errgroup::try_go");
    if (!detail::enter_errgroup(state_, "try_go", false)) return false;
    detail::start_in_errgroup(state_, std::forward<F>(f));
    return true;
  }

  // At most n goroutines of the group are active at a time from now on; negative: as many as come. 0 holds up
  // each go(). Must not be called at the same time as go().
  //
  // Throws   std::logic_error while goroutines are active.
  // Go       Group.SetLimit
  GORO_API void set_limit(int n);

  // Waits until all goroutines of the group have ended, and cancels its context.
  //
  // Throws   the first failure, if there is one; an error_code as std::system_error.
  // Waits    without limit; shown as "errgroup" in a dump.
  // Go       Group.Wait
  GORO_API void wait();

  // The same, but a failure that is a code, that is, a std::system_error of any origin, is put into `ec` and
  // returned. No failure: `ec` is cleared. Any other exception is rethrown.
  GORO_API std::error_code wait(std::error_code& ec);

 private:
  detail::errgroup_state* state_;
};

}  // namespace goro
