// SPDX-License-Identifier: MIT
#include <goro/net/udp.hpp>

#include "net/socket.hpp"

#include <goro/time.hpp>

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>
#include <algorithm>
#include <cerrno>
#include <chrono>
#include <string>

namespace goro::net {

using goro::detail::direction;
using goro::detail::fd_turn;

namespace {

using namespace std::chrono_literals;

std::int64_t ns_of(time_point when) noexcept { return when.time_since_epoch().count(); }

[[noreturn]] void fail(const std::error_code& ec, const char* call) {
  throw std::system_error(ec, std::string("goro: udp_socket::") + call);
}

}  // namespace

udp_socket::udp_socket(std::string_view text) : socket_(std::make_unique<goro::detail::socket_handle>()) {
  const auto failed = [&](const std::error_code& ec) {
    throw std::system_error(ec, "goro: udp_socket: \"" + std::string(text) + '"');
  };
  std::error_code ec;
  const address at = address::parse(text, ec);
  if (ec) failed(ec);
  const int family = at.is_unix() ? AF_UNIX : at.is_v6() ? AF_INET6 : AF_INET;
  const int fd = ::socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) failed(goro::detail::last_error());
  const int off = 0;
  if (at.is_v6()) (void)::setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
  if (::bind(fd, static_cast<const sockaddr*>(at.data()), static_cast<socklen_t>(at.size())) != 0) {
    ec = goro::detail::last_error();
    ::close(fd);
    failed(ec);
  }
  ec = socket_->take(fd);
  if (ec) failed(ec);
  at_ = goro::detail::name_of_socket(fd);
}

udp_socket::udp_socket(udp_socket&&) noexcept = default;
udp_socket& udp_socket::operator=(udp_socket&& other) noexcept {
  if (this == &other) return *this;
  close();
  socket_ = std::move(other.socket_);
  at_ = other.at_;
  return *this;
}
udp_socket::~udp_socket() { close(); }

std::pair<std::size_t, address> udp_socket::recv_from(std::span<char> into, std::error_code& ec) {
  ec = errc::closed;
  if (socket_ == nullptr) return {};
  const fd_turn turn(socket_->lock(), direction::read);
  if (!turn) return {};
  ec.clear();
  alignas(8) unsigned char from[128];
  socklen_t size = 0;
  const ssize_t n = socket_->attempt(direction::read, false, ec, [&](int fd) {
    size = sizeof from;
    return ::recvfrom(fd, into.data(), into.size(), 0, reinterpret_cast<sockaddr*>(from), &size);
  });
  if (n < 0) return {};
  return {static_cast<std::size_t>(n), address::from_native(from, size)};
}

std::pair<std::size_t, address> udp_socket::recv_from(std::span<char> into) {
  std::error_code ec;
  auto got = recv_from(into, ec);
  if (ec) fail(ec, "recv_from");
  return got;
}

void udp_socket::send_to(std::string_view what, const address& to, std::error_code& ec) {
  ec = errc::closed;
  if (socket_ == nullptr) return;
  const fd_turn turn(socket_->lock(), direction::write);
  if (!turn) return;
  ec.clear();
  const auto send = [&](int fd) {
    return ::sendto(fd, what.data(), what.size(), MSG_NOSIGNAL, static_cast<const sockaddr*>(to.data()),
                    static_cast<socklen_t>(to.size()));
  };
  // A Unix socket says EAGAIN while the *receiver's* queue is full, for which the kernel has no event: it
  // can only be tried again.
  for (duration pause = 50us; to.is_unix(); pause = std::min<duration>(pause * 2, 5ms)) {
    ec = goro::detail::error_of(socket_->poll().check(direction::write));
    if (ec || send(socket_->fd()) >= 0) return;
    if (errno != EAGAIN && errno != EINTR) {
      ec = goro::detail::last_error();
      return;
    }
    goro::sleep_for(pause);
  }
  (void)socket_->attempt(direction::write, false, ec, send);
}

void udp_socket::send_to(std::string_view what, const address& to) {
  std::error_code ec;
  send_to(what, to, ec);
  if (ec) fail(ec, "send_to");
}

void udp_socket::set_read_deadline(time_point when) noexcept {
  if (socket_ != nullptr) socket_->set_deadline(direction::read, ns_of(when));
}
void udp_socket::set_write_deadline(time_point when) noexcept {
  if (socket_ != nullptr) socket_->set_deadline(direction::write, ns_of(when));
}
void udp_socket::set_deadline(time_point when) noexcept {
  set_read_deadline(when);
  set_write_deadline(when);
}

void udp_socket::close() noexcept {
  if (socket_ == nullptr) return;
  if (at_.is_unix() && !socket_->lock().is_closed()) {
    const std::string path = at_.host();
    if (!path.empty() && path.front() != '@') (void)::unlink(path.c_str());
  }
  socket_->close();
}

address udp_socket::local_address() const { return at_; }
int udp_socket::native_handle() const noexcept {
  return socket_ == nullptr || socket_->lock().is_closed() ? -1 : socket_->fd();
}

}  // namespace goro::net
