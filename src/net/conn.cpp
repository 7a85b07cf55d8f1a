// SPDX-License-Identifier: MIT
#include <goro/net/conn.hpp>

#include "net/errors.hpp"

#include <goro/detail/duration.hpp>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <algorithm>
#include <cerrno>

namespace goro::net {

namespace {

[[noreturn]] void fail(const std::error_code& ec, const char* call) {
  throw std::system_error(ec, std::string("goro: conn::") + call);
}
void check(const std::error_code& ec, const char* call) {
  if (ec) fail(ec, call);
}
std::int64_t ns_of(time_point when) noexcept { return when.time_since_epoch().count(); }

void set_option(int fd, int level, int name, int value, const char* call) {
  if (::setsockopt(fd, level, name, &value, sizeof value) == 0) return;
  if (errno == EOPNOTSUPP || errno == ENOPROTOOPT || errno == ENOTSOCK) return;  // not TCP
  fail(goro::detail::last_error(), call);
}

}  // namespace

std::size_t conn::read(std::span<char> into, std::error_code& ec) {
  if (stream_ != nullptr) return stream_->read(into, ec);
  ec = errc::closed;
  return 0;
}

std::size_t conn::read(std::span<char> into) {
  std::error_code ec;
  const std::size_t n = read(into, ec);
  check(ec, "read");
  return n;
}

std::size_t conn::write(std::string_view what, std::error_code& ec) {
  if (stream_ != nullptr) return stream_->write(what, ec);
  ec = errc::closed;
  return 0;
}

void conn::write(std::string_view what) {
  std::error_code ec;
  (void)write(what, ec);
  check(ec, "write");
}

std::size_t conn::writev(std::span<const std::string_view> pieces, std::error_code& ec) {
  if (stream_ != nullptr) return stream_->writev(pieces, ec);
  ec = errc::closed;
  return 0;
}

void conn::writev(std::span<const std::string_view> pieces) {
  std::error_code ec;
  (void)writev(pieces, ec);
  check(ec, "writev");
}

std::size_t conn::send_file(int file, std::uint64_t offset, std::size_t count, std::error_code& ec) {
  if (stream_ != nullptr) return stream_->send_file(file, offset, count, ec);
  ec = errc::closed;
  return 0;
}

std::size_t conn::send_file(int file, std::uint64_t offset, std::size_t count) {
  std::error_code ec;
  const std::size_t n = send_file(file, offset, count, ec);
  check(ec, "send_file");
  return n;
}

void conn::wait_readable(std::error_code& ec) {
  if (stream_ != nullptr)
    stream_->wait_readable(ec);
  else
    ec = errc::closed;
}

void conn::wait_readable() {
  std::error_code ec;
  wait_readable(ec);
  check(ec, "wait_readable");
}

void conn::set_read_deadline(time_point when) noexcept {
  if (stream_ != nullptr) stream_->set_read_deadline(ns_of(when));
}

void conn::set_write_deadline(time_point when) noexcept {
  if (stream_ != nullptr) stream_->set_write_deadline(ns_of(when));
}

void conn::set_deadline(time_point when) noexcept {
  set_read_deadline(when);
  set_write_deadline(when);
}

void conn::close() noexcept {
  if (stream_ != nullptr) stream_->close();
}

void conn::close_write(std::error_code& ec) {
  if (stream_ != nullptr)
    stream_->close_write(ec);
  else
    ec = errc::closed;
}

void conn::close_write() {
  std::error_code ec;
  close_write(ec);
  check(ec, "close_write");
}

address conn::local_address() const { return stream_ != nullptr ? stream_->local_address() : address(); }
address conn::remote_address() const { return stream_ != nullptr ? stream_->remote_address() : address(); }
int conn::native_handle() const noexcept { return stream_ != nullptr ? stream_->native_handle() : -1; }

void conn::set_no_delay(bool on) {
  if (const int fd = native_handle(); fd >= 0)
    set_option(fd, IPPROTO_TCP, TCP_NODELAY, on ? 1 : 0, "set_no_delay");
}

void conn::set_keep_alive(duration interval) {
  const int fd = native_handle();
  if (fd < 0) return;
  const bool on = interval > duration::zero();
  set_option(fd, SOL_SOCKET, SO_KEEPALIVE, on ? 1 : 0, "set_keep_alive");
  if (!on) return;
  const auto seconds = std::clamp<std::int64_t>((interval.count() + 999'999'999) / 1'000'000'000, 1, 32767);
  set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, static_cast<int>(seconds), "set_keep_alive");
  set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, static_cast<int>(seconds), "set_keep_alive");
  set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, 3, "set_keep_alive");
}

std::size_t conn::some_in(goro::detail::raw_buffer into, std::error_code& ec) {
  const std::size_t n = read(std::span<char>(static_cast<char*>(into.data), into.size), ec);
  if (n == 0 && !ec && into.size != 0) ec = errc::end_of_stream;
  return n;
}

}  // namespace goro::net
