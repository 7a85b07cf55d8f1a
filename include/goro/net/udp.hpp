// SPDX-License-Identifier: MIT
// Datagrams, over UDP and over Unix sockets.
//
//   goro::net::udp_socket s("127.0.0.1:0");
//   char buffer[1500];
//   auto [n, from] = s.recv_from(buffer);
//   s.send_to({buffer, n}, from);
//
// Go's net.UDPConn and net.UnixConn ("unixgram"). All calls may be made from any goroutine and thread at the
// same time; several receives, or several sends, take turns.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>
#include <system_error>
#include <utility>

#include <goro/clock.hpp>
#include <goro/detail/export.hpp>
#include <goro/net/address.hpp>
#include <goro/net/error.hpp>

namespace goro::detail {
class socket_handle;
}

namespace goro::net {

class udp_socket {
 public:
  // "127.0.0.1:0", "[::1]:0", ":5353" (all addresses), "unix:/path", "unix:@abstract".
  //
  // Throws   std::system_error.
  GORO_API explicit udp_socket(std::string_view bind_address);
  GORO_API udp_socket(udp_socket&&) noexcept;
  GORO_API udp_socket& operator=(udp_socket&&) noexcept;
  GORO_API ~udp_socket();

  // One datagram, and who sent it. What does not fit is cut off. An empty datagram gives 0.
  GORO_API std::pair<std::size_t, address> recv_from(std::span<char> into);
  GORO_API std::pair<std::size_t, address> recv_from(std::span<char> into, std::error_code& ec);

  // One datagram, whole.
  GORO_API void send_to(std::string_view what, const address& to);
  GORO_API void send_to(std::string_view what, const address& to, std::error_code& ec);

  // As conn's.
  GORO_API void set_deadline(time_point when) noexcept;
  GORO_API void set_read_deadline(time_point when) noexcept;
  GORO_API void set_write_deadline(time_point when) noexcept;
  // Who is inside goes on with errc::closed. A Unix socket's file is removed.
  GORO_API void close() noexcept;
  GORO_API address local_address() const;
  GORO_API int native_handle() const noexcept;

 private:
  std::unique_ptr<goro::detail::socket_handle> socket_;
  address at_;
};

// The same for Unix sockets.
using unix_datagram = udp_socket;

}  // namespace goro::net
