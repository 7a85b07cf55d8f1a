// SPDX-License-Identifier: MIT
// A socket that a goroutine can wait on: the descriptor, its place in the netpoller, and its lock. Streams,
// acceptors and datagrams are made of it.
//
// Each call is: take the turn, look at close and deadline, try the system call, wait when it says EAGAIN.
// What stays the same for all of them is attempt().
#pragma once

#include <goro/detail/fd_lock.hpp>
#include <goro/detail/pollable.hpp>
#include <goro/net/address.hpp>

#include <sys/types.h>
#include <cerrno>
#include <cstdint>
#include <system_error>

#include "net/errors.hpp"

namespace goro::detail {

class socket_handle {
 public:
  socket_handle() noexcept = default;
  socket_handle(const socket_handle&) = delete;
  socket_handle& operator=(const socket_handle&) = delete;
  ~socket_handle() { close(); }

  // Takes over `fd`, non-blocking, closing it if it cannot be registered.
  std::error_code take(int fd) noexcept;

  // Wakes all who are inside, and waits until they have gone. Again: waits until the first has done that.
  void close() noexcept;

  int fd() const noexcept { return fd_; }
  // Closed, and nobody is told of anything any more.
  bool is_gone() const noexcept { return __atomic_load_n(&gone_, __ATOMIC_ACQUIRE); }
  fd_lock& lock() noexcept { return lock_; }
  pollable& poll() noexcept { return poll_; }

  void set_deadline(direction d, std::int64_t when) noexcept {
    if (const fd_use use(lock_); use) poll_.set_deadline(d, when);
  }

  // With the turn of `d`: calls `call` until it does not say EAGAIN, waiting in between. Returns what it
  // returned: negative with `ec` set. `wait_first`: it would say so now.
  template <class Call>
  ssize_t attempt(direction d, bool wait_first, std::error_code& ec, Call call) {
    for (;;) {
      const poll_end end = wait_first ? poll_.wait(d) : poll_.check(d);
      if (end != poll_end::ready) {
        ec = error_of(end);
        return -1;
      }
      const ssize_t n = call(fd_);
      if (n >= 0) return n;
      if (errno == EINTR) {
        wait_first = false;
        continue;
      }
      if (errno != EAGAIN && errno != EWOULDBLOCK) {
        ec = last_error();
        return -1;
      }
      wait_first = true;
    }
  }

 private:
  int fd_ = -1;
  pollable poll_;
  fd_lock lock_;
  bool gone_ = false;
};

net::address name_of_socket(int fd) noexcept;
net::address name_of_peer(int fd) noexcept;

}  // namespace goro::detail
