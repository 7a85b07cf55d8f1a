// SPDX-License-Identifier: MIT
// The lock of a descriptor: reads take turns, writes take turns, other uses are counted, and a close waits
// until all have gone. So the number of a descriptor that is closed, which may be another one's by then, is
// never used.
//
// The protocol is in src/sched/fd_lock.cpp. Any task may call; who waits does so in "IO wait".
#pragma once

#include <cstdint>

#include <goro/detail/export.hpp>
#include <goro/detail/pollable.hpp>

namespace goro::detail {

struct fd_waiter;

class fd_lock {
 public:
  constexpr fd_lock() noexcept = default;
  fd_lock(const fd_lock&) = delete;
  fd_lock& operator=(const fd_lock&) = delete;

  // Counts a use. False: it is closed. Throws std::logic_error when a million uses are under way.
  GORO_API bool use();
  GORO_API void unuse() noexcept;

  // Waits for the turn, and counts a use. False: it is closed, perhaps only since we waited. Throws as use().
  GORO_API bool lock(direction d);
  GORO_API void unlock(direction d) noexcept;

  // From now on the calls above fail, and those who wait for a turn go on and fail. True: the caller is the
  // one who closes: when it has woken those that wait inside a turn, it calls wait_until_unused, and when the
  // descriptor is closed, end_close. False: another one is, or was; it has done all of that by now.
  GORO_API bool begin_close() noexcept;
  GORO_API void wait_until_unused() noexcept;
  GORO_API void end_close() noexcept;

  GORO_API bool is_closed() const noexcept;

 private:
  struct queue {
    fd_waiter* first = nullptr;
    fd_waiter* last = nullptr;
  };

  mutable std::uint32_t lock_ = 0;  // a spin lock over the rest
  std::uint32_t uses_ = 0;
  bool closed_ = false;
  bool ended_ = false;
  bool taken_[2] = {};
  queue waiting_[2];
  fd_waiter* closer_ = nullptr;
  fd_waiter* others_ = nullptr;  // who close, too
};

// Has the turn, or not: fd_turn turn(lock, direction::read); if (!turn) …
class fd_turn {
 public:
  fd_turn(fd_lock& lock, direction d) : lock_(lock), d_(d), held_(lock.lock(d)) {}
  ~fd_turn() {
    if (held_) lock_.unlock(d_);
  }
  fd_turn(const fd_turn&) = delete;
  fd_turn& operator=(const fd_turn&) = delete;
  explicit operator bool() const noexcept { return held_; }

 private:
  fd_lock& lock_;
  const direction d_;
  const bool held_;
};

// Counts a use, or not.
class fd_use {
 public:
  explicit fd_use(fd_lock& lock) : lock_(lock), held_(lock.use()) {}
  ~fd_use() {
    if (held_) lock_.unuse();
  }
  fd_use(const fd_use&) = delete;
  fd_use& operator=(const fd_use&) = delete;
  explicit operator bool() const noexcept { return held_; }

 private:
  fd_lock& lock_;
  const bool held_;
};

}  // namespace goro::detail
