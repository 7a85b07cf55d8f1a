// SPDX-License-Identifier: MIT
// Listening sockets. What accept gives inherits TCP_NODELAY and keep-alive from the listener, so an accepted
// connection costs accept4 and epoll_ctl, and no setsockopt.
#include "net/resolver.hpp"
#include "net/socket_stream.hpp"

#include <goro/clock.hpp>
#include <goro/context.hpp>
#include <goro/detail/duration.hpp>
#include <goro/net/listener.hpp>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <algorithm>
#include <chrono>

namespace goro::detail {

namespace {

using namespace std::chrono_literals;

// The peer went away between its connection and our accept, or the network has something to say about it: see
// accept(2), "Error handling". The next one may be well.
bool is_that_connections_own(int error) noexcept {
  switch (error) {
    case ECONNABORTED:
    case EPROTO:
    case ENETDOWN:
    case ENOPROTOOPT:
    case EHOSTDOWN:
    case ENONET:
    case EHOSTUNREACH:
    case ENETUNREACH: return true;
    default: return false;
  }
}

class socket_acceptor final : public net::acceptor {
 public:
  explicit socket_acceptor(bool tcp) noexcept : tcp_(tcp) {}
  ~socket_acceptor() override { socket_acceptor::close(); }

  std::error_code take(int fd) {
    const std::error_code ec = socket_.take(fd);
    if (!ec) at_ = name_of_socket(fd);
    return ec;
  }

  std::unique_ptr<net::stream> accept(std::error_code& ec) override {
    ec.clear();
    const fd_turn turn(socket_.lock(), direction::read);
    if (!turn) {
      ec = net::make_error_code(net::errc::closed);
      return nullptr;
    }
    const auto fd = static_cast<int>(socket_.attempt(direction::read, false, ec, [](int own) -> ssize_t {
      for (;;) {
        const int got = ::accept4(own, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (got >= 0 || !is_that_connections_own(errno)) return got;
      }
    }));
    if (fd >= 0) {
      if (auto s = socket_stream::make(fd, tcp_, ec)) {
        pause_ = 0ns;
        return s;
      }
    }
    if (is_shortage(ec)) back_off();
    return nullptr;
  }

  void set_deadline(std::int64_t when) noexcept override { socket_.set_deadline(direction::read, when); }

  void close() noexcept override {
    if (at_.is_unix() && !socket_.lock().is_closed()) {
      const std::string path = at_.host();
      if (!path.empty() && path.front() != '@') (void)::unlink(path.c_str());
    }
    socket_.close();
  }

  net::address local_address() const override { return at_; }
  int native_handle() const noexcept override { return socket_.lock().is_closed() ? -1 : socket_.fd(); }

 private:
  // With the turn. Waits for a writability that does not come, up to a deadline, so that close ends it.
  void back_off() {
    pause_ = pause_ == 0ns ? 5ms : std::min<duration>(pause_ * 2, 1s);
    socket_.poll().set_deadline(direction::write, deadline_after(pause_));
    (void)socket_.poll().wait(direction::write);
  }

  mutable socket_handle socket_;
  net::address at_;
  duration pause_{};  // of who has the turn
  const bool tcp_;
};

bool prepare(int fd, const net::address& at, const net::listen_options& options) noexcept {
  const int on = 1;
  const auto set = [fd](int level, int name, int value) {
    return ::setsockopt(fd, level, name, &value, sizeof value) == 0;
  };
  if (!at.is_unix()) {
    if (options.reuse_address && !set(SOL_SOCKET, SO_REUSEADDR, on)) return false;
    if (options.reuse_port && !set(SOL_SOCKET, SO_REUSEPORT, on)) return false;
    if (at.is_v6() && !set(IPPROTO_IPV6, IPV6_V6ONLY, options.v6_only ? 1 : 0)) return false;
    (void)set(IPPROTO_TCP, TCP_NODELAY, on);
    (void)set(SOL_SOCKET, SO_KEEPALIVE, on);
    (void)set(IPPROTO_TCP, TCP_KEEPIDLE, 15);
    (void)set(IPPROTO_TCP, TCP_KEEPINTVL, 15);
  }
  return ::bind(fd, static_cast<const sockaddr*>(at.data()), static_cast<socklen_t>(at.size())) == 0 &&
         ::listen(fd, options.backlog) == 0;
}

}  // namespace
}  // namespace goro::detail

namespace goro::net {

listener listen(std::string_view text, const listen_options& options, std::error_code& ec) {
  address at = address::parse(text, ec);
  if (ec) {
    std::string_view host;
    std::string_view service;
    if (text.substr(0, 5) == "unix:" || !goro::detail::split_host_port(text, host, service))
      return listener();
    const auto all = goro::detail::look_up(background(), host, service, ec);
    if (ec) return listener();
    const auto v4 = std::find_if(all.begin(), all.end(), [](const address& each) { return each.is_v4(); });
    at = v4 != all.end() ? *v4 : all.front();
  }
  const int family = at.is_unix() ? AF_UNIX : at.is_v6() ? AF_INET6 : AF_INET;
  int fd = ::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0 && errno == EAFNOSUPPORT && at.is_v6() && at.host() == "::") {  // a kernel without IPv6
    at = address("0.0.0.0:" + std::to_string(at.port()));
    fd = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  }
  if (fd < 0 || !goro::detail::prepare(fd, at, options)) {
    ec = goro::detail::last_error();
    if (fd >= 0) ::close(fd);
    return listener();
  }
  auto a = std::make_unique<goro::detail::socket_acceptor>(!at.is_unix());
  ec = a->take(fd);
  return ec ? listener() : listener(std::move(a));
}

}  // namespace goro::net
