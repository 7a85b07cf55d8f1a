// SPDX-License-Identifier: MIT
// The gate under once, once_func and once_value.
//
//      fresh --begin, the first--> running --end--> done
//
// Invariants
//   I1  All steps of state_, runner_ and the list are made under our lock (address_lock.hpp), which is not
//       held while f runs. So f is called once, and whoever links itself is seen by end.
//   I2  runner_ is set exactly while `running`: who runs f, and thus is alive. Whoever begins and finds itself
//       there has come back from inside f, and would wait for itself.
//   I3  The step to done is end's last touch of the object: whoever sees it may return and destroy it.
//   I4  Who gives up is still linked, or end has passed it over: it looks under our lock, and touches the object no
//       more after that; so it counts as a call that has not returned yet.
// Pair
//   P1  end: state_ release -> is_done, begin: acquire. What f did is visible to who sees done. Those who
//       park meet end by contract K3 of park.hpp.
// Tests: test/sync/once_{test,stress_test}.cpp.
#include <goro/errc.hpp>
#include <goro/once.hpp>

#include "sync/address_lock.hpp"
#include "sync/escape.hpp"
#include "sync/waiter.hpp"

#include <stdexcept>
#include <utility>

namespace goro {

namespace {

const void* identity(detail::task t) noexcept {
  if (const detail::goroutine* const g = t.as_goroutine()) return g;
  return t.as_thread();
}

}  // namespace

once::outcome once::begin(std::int64_t deadline, detail::canceller* by) {
  using namespace detail;
  if (by != nullptr && by->is_cancelled()) return outcome::gave_up;
  waiter self(task::current());
  const void* const me = identity(self.who);
  const bool too_late = deadline != never && deadline <= clock::now().time_since_epoch().count();
  bool own = false;
  {
    const spin_guard guard(lock_of(this));  // I1
    if (is_done()) return outcome::done;    // P1
    if (__atomic_load_n(&state_, __ATOMIC_RELAXED) == fresh) {
      runner_ = me;
      __atomic_store_n(&state_, running, __ATOMIC_RELAXED);
      return outcome::first;
    }
    own = runner_ == me;  // I2
    if (!own && too_late) return outcome::gave_up;
    if (!own) link(first_, last_, self);
  }
  if (own)
    throw std::logic_error(
        "goro: once::call: called again from inside its own function, which would wait for itself for ever; "
        "let the function finish without it");
  const auto give_up = [&] {
    const spin_guard guard(lock_of(this));
    if (self.linked) unlink(first_, last_, self);
  };
  try {
    if (park_waiter(self, wait_reason::once, this, deadline, by) == woken::event) return outcome::done;
  } catch (...) {
    give_up();
    throw;
  }
  give_up();
  return outcome::gave_up;
}

std::error_code once::reason_of(const detail::canceller& by) noexcept { return make_error_code(by.reason()); }

void once::end() noexcept {
  using namespace detail;
  waiter* claimed = nullptr;
  {
    const spin_guard guard(lock_of(this));  // I1
    claimed = take_all(first_, last_);
    runner_ = nullptr;
    __atomic_store_n(&state_, done, __ATOMIC_RELEASE);  // P1, I3
  }
  wake_all(claimed);
}

namespace detail {

void throw_once_failure(const once_block& block) {
  if (block.outcome == once_outcome::failed) std::rethrow_exception(block.error);
  throw std::logic_error(
      "goro: once_func: the function ended by goexit in its first call, so it has no result and is not "
      "called "
      "again; let it return or throw");
}

}  // namespace detail

}  // namespace goro
