// SPDX-License-Identifier: MIT
// A connected TCP or Unix socket as a stream.
#pragma once

#include "net/socket.hpp"

#include <goro/net/stream.hpp>

#include <memory>

namespace goro::detail {

class socket_stream final : public net::stream {
 public:
  // Takes over `fd`. Null with an error.
  static std::unique_ptr<socket_stream> make(int fd, bool tcp, std::error_code& ec);

  ~socket_stream() override = default;
  std::size_t read(std::span<char> into, std::error_code& ec) override;
  std::size_t write(std::string_view what, std::error_code& ec) override;
  std::size_t writev(std::span<const std::string_view> pieces, std::error_code& ec) override;
  std::size_t send_file(int file, std::uint64_t offset, std::size_t count, std::error_code& ec) override;
  void wait_readable(std::error_code& ec) override;
  void set_read_deadline(std::int64_t when) noexcept override { socket_.set_deadline(direction::read, when); }
  void set_write_deadline(std::int64_t when) noexcept override {
    socket_.set_deadline(direction::write, when);
  }
  void close() noexcept override { socket_.close(); }
  void close_write(std::error_code& ec) override;
  net::address local_address() const override;
  net::address remote_address() const override;
  int native_handle() const noexcept override;
  bool watch_hangup(hangup_node& node) noexcept override;
  void forget_hangup(hangup_node& node) noexcept override;

  socket_handle& socket() noexcept { return socket_; }

 private:
  explicit socket_stream(bool tcp) noexcept : tcp_(tcp) {}
  // After a read that got less than it asked for there is nothing more, until the netpoller says so.
  bool surely_empty() noexcept { return drained_ && !socket_.poll().is_out_of_order(); }

  mutable socket_handle socket_;
  const bool tcp_;
  bool drained_ = false;  // the reader's
};

}  // namespace goro::detail
