// SPDX-License-Identifier: MIT
// Waits for connections.
//
//   goro::net::listener l = goro::net::listen("127.0.0.1:8080");
//   for (;;) {
//     goro::net::conn c = l.accept();
//     goro::go([c = std::move(c)]() mutable { serve(c); });
//   }
//
// Go's net.Listener. All calls may be made from any goroutine and thread at the same time; several accepts
// take turns. Moving and destroying are for when nobody else uses it.
#pragma once

#include <memory>
#include <string_view>
#include <system_error>
#include <utility>

#include <goro/clock.hpp>
#include <goro/detail/export.hpp>
#include <goro/net/address.hpp>
#include <goro/net/conn.hpp>
#include <goro/net/stream.hpp>

namespace goro::net {

class listener {
 public:
  listener() noexcept = default;
  explicit listener(std::unique_ptr<acceptor> a) noexcept : acceptor_(std::move(a)) {}
  listener(listener&&) noexcept = default;
  listener& operator=(listener&&) noexcept = default;
  ~listener() = default;

  explicit operator bool() const noexcept { return acceptor_ != nullptr; }

  // The next connection. One that its peer has aborted meanwhile is passed over. When the process or the
  // system has no descriptors or no memory left for one, it tries again after 5 ms, then 10, up to a second: the
  // form with a code reports the error (too_many_files_open as a rule) instead of going on, after the pause.
  //
  // Throws   std::system_error: errc::closed when the listener is closed, deadline_exceeded. With a code:
  //          nothing,
  //          and the conn is none.
  GORO_API conn accept();
  GORO_API conn accept(std::error_code& ec);

  GORO_API void set_deadline(time_point when) noexcept;
  // Who waits in accept goes on with errc::closed. A Unix socket's file is removed.
  GORO_API void close() noexcept;
  GORO_API address local_address() const;
  GORO_API int native_handle() const noexcept;

  acceptor* get() const noexcept { return acceptor_.get(); }

 private:
  std::unique_ptr<acceptor> acceptor_;
};

struct listen_options {
  int backlog = 4096;         // the kernel's limit (somaxconn) holds too
  bool reuse_address = true;  // TCP: although connections of an earlier listener are still ending
  bool reuse_port = false;    // TCP: several listeners on one port; the kernel spreads the connections
  bool v6_only = false;       // of "[::]:port": not IPv4 as well
};

// "127.0.0.1:0" (a port that the kernel picks), ":8080" (all addresses), "[::1]:0", "localhost:80",
// "unix:/path", "unix:@abstract". Of a host's name one of its addresses is taken, IPv4 if it has one, as in Go;
// who wants several listens several times.
//
// Throws   std::system_error.
GORO_API listener listen(std::string_view address);
GORO_API listener listen(std::string_view address, const listen_options& options);
GORO_API listener listen(std::string_view address, const listen_options& options, std::error_code& ec);

}  // namespace goro::net
