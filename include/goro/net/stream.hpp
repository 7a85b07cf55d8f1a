// SPDX-License-Identifier: MIT
// What stands behind a conn and a listener. For libraries that bring another kind of connection (TLS does):
// derive, and make a conn of it. Programs use conn.
//
//   class upper_case final : public goro::net::stream { … };          // over another conn
//   goro::net::conn c(std::make_unique<upper_case>(std::move(inner)));
//
// The rules for who implements it
//   read and write of one stream may be called at the same time, and each by several tasks: they take turns.
//   close may be called at any time, any number of times: whoever is inside another call gets errc::closed,
//   and when close returns, be it the first or not, nobody is inside any more. The destructor closes; nobody
//   else is inside by then.
//   A deadline that is over fails each call of its direction, even if it need not wait, until it is moved.
//   No call throws but std::bad_alloc and, for misuse, std::logic_error.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <system_error>

#include <goro/detail/export.hpp>
#include <goro/net/address.hpp>

namespace goro::detail {
struct hangup_node;
}

namespace goro::net {

class GORO_API stream {
 public:
  stream() noexcept = default;
  stream(const stream&) = delete;
  stream& operator=(const stream&) = delete;
  virtual ~stream();

  // At least one byte, unless the span is empty. 0 without an error: the end.
  virtual std::size_t read(std::span<char> into, std::error_code& ec) = 0;
  // All of it; less only with an error.
  virtual std::size_t write(std::string_view what, std::error_code& ec) = 0;
  // All of all of them, in order, in as few packets as may be. By default one write each.
  virtual std::size_t writev(std::span<const std::string_view> pieces, std::error_code& ec);
  // `count` bytes of a file, from `offset` on; fewer at its end. By default read and written in pieces.
  virtual std::size_t send_file(int file, std::uint64_t offset, std::size_t count, std::error_code& ec);
  // Waits until read would not have to wait, and takes nothing: so that an idle connection needs no buffer.
  virtual void wait_readable(std::error_code& ec) = 0;

  // ns of goro::clock; detail::never is none.
  virtual void set_read_deadline(std::int64_t when) noexcept = 0;
  virtual void set_write_deadline(std::int64_t when) noexcept = 0;

  virtual void close() noexcept = 0;
  // No more will be written: the peer reads to the end.
  virtual void close_write(std::error_code& ec) = 0;

  virtual address local_address() const = 0;
  virtual address remote_address() const = 0;
  // The socket, or -1. It stays this stream's.
  virtual int native_handle() const noexcept = 0;

  // Is told once when the peer has gone or ended its side (detail/pollable.hpp). False: it has already, or this
  // stream is closed; then the node is not taken. A stream that cannot tell, as by default, never does.
  virtual bool watch_hangup(goro::detail::hangup_node& node) noexcept;
  virtual void forget_hangup(goro::detail::hangup_node& node) noexcept;
};

class GORO_API acceptor {
 public:
  acceptor() noexcept = default;
  acceptor(const acceptor&) = delete;
  acceptor& operator=(const acceptor&) = delete;
  virtual ~acceptor();

  // Null with an error.
  virtual std::unique_ptr<stream> accept(std::error_code& ec) = 0;
  virtual void set_deadline(std::int64_t when) noexcept = 0;
  virtual void close() noexcept = 0;
  virtual address local_address() const = 0;
  virtual int native_handle() const noexcept = 0;
};

}  // namespace goro::net
