// SPDX-License-Identifier: MIT
// Who waits to be notified, in the order of arrival: what cond and condition_variable share. The protocol is
// argued in src/sync/cond.cpp. The user's lock comes as two functions, so all of it is compiled once.
#pragma once

#include <cstdint>
#include <system_error>
#include <utility>

#include <goro/detail/canceller.hpp>
#include <goro/detail/duration.hpp>
#include <goro/detail/export.hpp>

namespace goro::detail {

struct waiter;

// BasicLockable, as far as a compiler can tell.
template <class L>
concept unlockable = requires(L& lock) {
  lock.lock();
  lock.unlock();
};

// Any lock whatever, seen from the compiled part.
struct user_lock {
  template <unlockable L>
  explicit user_lock(L& l) noexcept
      : object(const_cast<void*>(static_cast<const volatile void*>(std::addressof(l)))),
        lock_object([](void* at) { static_cast<L*>(at)->lock(); }),
        unlock_object([](void* at) { static_cast<L*>(at)->unlock(); }) {}

  void lock() const { lock_object(object); }
  void unlock() const { unlock_object(object); }

  void* object;
  void (*lock_object)(void* at);
  void (*unlock_object)(void* at);
};

class notify_list {
 public:
  enum class ended : unsigned char { notified, timed_out, canceled };

  constexpr notify_list() noexcept = default;
  notify_list(const notify_list&) = delete;
  notify_list& operator=(const notify_list&) = delete;

  // One load while nobody waits.
  void notify_one() noexcept {
    if (anybody()) wake_one();
  }
  void notify_all() noexcept {
    if (anybody()) wake_everybody();
  }

  // With the lock held, on each way in and out. `deadline` may be never, `cancel` null.
  GORO_API ended wait(user_lock lock, std::int64_t deadline, canceller* cancel);

  // The same with a context: no error, or why it gave up.
  GORO_API std::error_code wait(user_lock lock, const context& ctx);

  // Waits until stop() is true, or time is up. Returns the last answer of stop().
  template <class Pred>
  bool wait_until(Pred& stop, user_lock lock, std::int64_t deadline) {
    while (!stop())
      if (wait(lock, deadline, nullptr) != ended::notified) return static_cast<bool>(stop());
    return true;
  }

  // Waits until stop() is true, or the context is done; gives up at once if that is done already.
  template <class Pred>
  std::error_code wait_until(Pred& stop, user_lock lock, const context& ctx) {
    std::error_code why = done_already(ctx);
    if (why) return why;
    while (!stop()) {
      why = wait(lock, ctx);
      if (why) return stop() ? std::error_code() : why;
    }
    return {};
  }

 private:
  GORO_API void wake_one() noexcept;
  GORO_API void wake_everybody() noexcept;
  GORO_API static std::error_code done_already(const context& ctx) noexcept;
  void enter(waiter& w) noexcept;
  bool leave(waiter& w) noexcept;
  bool anybody() const noexcept { return __atomic_load_n(&anybody_, __ATOMIC_RELAXED); }
  void note_length() noexcept { __atomic_store_n(&anybody_, first_ != nullptr, __ATOMIC_RELAXED); }

  waiter* first_ = nullptr;  // these under a lock that lies outside
  waiter* last_ = nullptr;
  bool anybody_ = false;  // atomic; written under that lock: the list is not empty
};

}  // namespace goro::detail
