// SPDX-License-Identifier: MIT
// Connections inside this process, without sockets: for tests, and for parts that talk to each other as if
// over a network.
//
//   auto [a, b] = goro::net::pipe();
//   a.write("hello");
//   char buffer[16];
//   std::size_t n = b.read(buffer);
//
// They are conns and a listener like any other: deadlines, close, half close, the same errors. Their waiting
// is goro's alone, so it follows a virtual clock, and "all goroutines are asleep" is noticed. A direction
// holds 64 KiB; a write waits for room. Go: net.Pipe, which has no buffer.
#pragma once

#include <memory>
#include <string_view>
#include <system_error>
#include <utility>

#include <goro/detail/export.hpp>
#include <goro/net/conn.hpp>
#include <goro/net/listener.hpp>

namespace goro {
class context;
}

namespace goro::detail {
class pipe_queue;
}

namespace goro::net {

// Two ends of one connection.
GORO_API std::pair<conn, conn> pipe();

// Connects to an in-memory listener. Copies lead to the same one.
class pipe_dialer {
 public:
  // Throws   std::system_error: what ctx is done for; connection_refused if the listener is closed.
  // Waits    never: the connection stands in the listener's queue, which has no limit.
  GORO_API conn dial(const context& ctx) const;
  GORO_API conn dial(const context& ctx, std::error_code& ec) const;

 private:
  friend GORO_API std::pair<listener, pipe_dialer> pipe_listen(std::string_view name);
  explicit pipe_dialer(std::shared_ptr<goro::detail::pipe_queue> q) noexcept : queue_(std::move(q)) {}

  std::shared_ptr<goro::detail::pipe_queue> queue_;
};

// A listener in memory, and the way to it. `name` is what local_address() says.
GORO_API std::pair<listener, pipe_dialer> pipe_listen(std::string_view name = "pipe");

}  // namespace goro::net
