// SPDX-License-Identifier: MIT
#include "net/connect.hpp"

#include "net/socket_stream.hpp"

#include <goro/detail/canceller.hpp>
#include <goro/detail/duration.hpp>
#include <goro/errc.hpp>

#include <cerrno>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

namespace goro::detail {

namespace {

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

}  // namespace

std::unique_ptr<net::stream> connect_to(const net::address& at, canceller* cancel, std::error_code& ec) {
  ec.clear();
  const auto cancelled = [&] { return cancel != nullptr && cancel->is_cancelled(); };
  if (cancelled()) {
    ec = make_error_code(cancel->reason());
    return nullptr;
  }
  const int family = at.is_unix() ? AF_UNIX : at.is_v6() ? AF_INET6 : AF_INET;
  const int fd = ::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) {
    ec = last_error();
    return nullptr;
  }
  if (!at.is_unix()) {
    const int on = 1;
    (void)::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    (void)::setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    const int seconds = 15;
    (void)::setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &seconds, sizeof seconds);
    (void)::setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &seconds, sizeof seconds);
  }
  auto s = socket_stream::make(fd, !at.is_unix(), ec);
  if (s == nullptr) return nullptr;
  int result;
  do {
    result = ::connect(fd, static_cast<const sockaddr*>(at.data()), static_cast<socklen_t>(at.size()));
  } while (result != 0 && errno == EINTR);
  if (result == 0) return s;
  if (errno != EINPROGRESS) {
    ec = last_error();
    return nullptr;
  }
  breaker node(s->socket());
  const bool watched = cancel != nullptr && cancel->add(node);
  if (cancel == nullptr || watched)
    wait_until_connected(s->socket(), ec);
  if (watched) cancel->remove(node);
  if (cancelled() && (ec || !watched)) ec = make_error_code(cancel->reason());
  if (ec) return nullptr;
  s->set_write_deadline(never);  // it may have been cancelled just as it stood
  return s;
}

}  // namespace goro::detail
