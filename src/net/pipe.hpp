// SPDX-License-Identifier: MIT
// One end of an in-memory connection.
#pragma once

#include <goro/detail/fd_lock.hpp>
#include <goro/detail/pollable.hpp>
#include <goro/net/stream.hpp>

#include <cstddef>
#include <memory>
#include <utility>

namespace goro::detail {

struct pipe_core;

class pipe_end final : public net::stream {
 public:
  // Throws std::bad_alloc.
  static std::pair<std::unique_ptr<pipe_end>, std::unique_ptr<pipe_end>> make(const net::address& near,
                                                                              const net::address& far);
  ~pipe_end() override;

  std::size_t read(std::span<char> into, std::error_code& ec) override;
  std::size_t write(std::string_view what, std::error_code& ec) override;
  std::size_t writev(std::span<const std::string_view> pieces, std::error_code& ec) override;
  void wait_readable(std::error_code& ec) override;
  void set_read_deadline(std::int64_t when) noexcept override;
  void set_write_deadline(std::int64_t when) noexcept override;
  void close() noexcept override;
  void close_write(std::error_code& ec) override;
  net::address local_address() const override { return local_; }
  net::address remote_address() const override { return remote_; }
  int native_handle() const noexcept override { return -1; }
  bool watch_hangup(hangup_node& node) noexcept override;
  void forget_hangup(hangup_node& node) noexcept override;

 private:
  friend struct pipe_core;
  pipe_end(std::shared_ptr<pipe_core> core, int index, const net::address& local, const net::address& remote);

  std::size_t put(std::string_view what, std::error_code& ec);
  poll_end wait_for_bytes();

  const std::shared_ptr<pipe_core> core_;
  const int index_;
  pollable poll_;
  fd_lock lock_;
  const net::address local_;
  const net::address remote_;
};

}  // namespace goro::detail
