// SPDX-License-Identifier: MIT
#include "net/connect.hpp"

#include "net/socket_stream.hpp"

#include <goro/context.hpp>
#include <goro/detail/canceller.hpp>
#include <goro/detail/duration.hpp>
#include <goro/time.hpp>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <algorithm>
#include <cerrno>
#include <chrono>

namespace goro::detail {

namespace {

using namespace std::chrono_literals;

constexpr std::int64_t long_ago = 1;  // a deadline that is over

// Breaks the wait for a connection: by a deadline, as any other wait of the socket is broken.
struct breaker : cancel_node {
  explicit breaker(socket_handle& s) noexcept : socket(s) { cancelled = &on_cancel; }
  static void on_cancel(cancel_node& node) noexcept {
    static_cast<breaker&>(node).socket.set_deadline(direction::write, long_ago);
  }
  socket_handle& socket;
};

// Readiness alone is no proof: it may be for nothing.
bool is_connected(int fd, std::error_code& ec) noexcept {
  int error = 0;
  socklen_t size = sizeof error;
  if (::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0) error = errno;
  if (error != 0) {
    ec = system_error_of(error);
    return true;
  }
  alignas(8) char name[128];
  size = sizeof name;
  return ::getpeername(fd, reinterpret_cast<sockaddr*>(name), &size) == 0;
}

void wait_until_connected(socket_handle& socket, std::error_code& ec) {
  const fd_turn turn(socket.lock(), direction::write);
  do {
    const poll_end end = socket.poll().wait(direction::write);
    if (end != poll_end::ready) {
      ec = error_of(end);
      return;
    }
  } while (!is_connected(socket.fd(), ec));
}

// A new socket for `at`, or -1 with `ec`.
int make_socket(const net::address& at, std::error_code& ec) noexcept {
  const int family = at.is_unix() ? AF_UNIX : at.is_v6() ? AF_INET6 : AF_INET;
  const int fd = ::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) {
    ec = last_error();
  } else if (!at.is_unix()) {
    const auto set = [fd](int level, int name, int value) {
      (void)::setsockopt(fd, level, name, &value, sizeof value);
    };
    set(IPPROTO_TCP, TCP_NODELAY, 1);
    set(SOL_SOCKET, SO_KEEPALIVE, 1);
    set(IPPROTO_TCP, TCP_KEEPIDLE, 15);
    set(IPPROTO_TCP, TCP_KEEPINTVL, 15);
  }
  return fd;
}

// Calls connect. 0, or the errno.
int try_to_connect(const context& ctx, int fd, const net::address& at) {
  for (duration pause = 100us;; pause = std::min<duration>(pause * 2, 20ms)) {
    if (::connect(fd, static_cast<const sockaddr*>(at.data()), static_cast<socklen_t>(at.size())) == 0)
      return 0;
    if (errno == EINTR) continue;
    if (errno != EAGAIN || !at.is_unix()) return errno;
    // The listener's queue is full. The kernel tells nobody when it no longer is, so it can only be tried
    // again.
    if (goro::sleep_for(pause, ctx)) return EAGAIN;
  }
}

}  // namespace

std::unique_ptr<net::stream> connect_to(const context& ctx, const net::address& at, std::error_code& ec) {
  ec = ctx.err();
  if (ec) return nullptr;
  const int fd = make_socket(at, ec);
  if (fd < 0) return nullptr;
  auto s = socket_stream::make(fd, !at.is_unix(), ec);
  if (s == nullptr) return nullptr;
  const int error = try_to_connect(ctx, fd, at);
  if (error == 0) return s;
  if (error != EINPROGRESS) {
    ec = ctx.err() ? ctx.err() : system_error_of(error);
    return nullptr;
  }
  canceller* const cancel = canceller_of(ctx);
  breaker node(s->socket());
  const bool watched = cancel != nullptr && cancel->add(node);
  if (cancel == nullptr || watched) wait_until_connected(s->socket(), ec);
  if (watched) cancel->remove(node);
  if (ctx.err() && (ec || !watched)) ec = ctx.err();
  if (ec) return nullptr;
  s->set_write_deadline(never);  // it may have been cancelled just as it stood
  return s;
}

}  // namespace goro::detail
