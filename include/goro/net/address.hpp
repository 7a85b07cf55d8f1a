// SPDX-License-Identifier: MIT
// Addresses of sockets: IPv4, IPv6 and Unix.
//
//   goro::net::address at("127.0.0.1:80");
//   at.host();        // "127.0.0.1"
//   at.port();        // 80
//   at.to_string();   // "127.0.0.1:80"; "[::1]:80"; "unix:/run/a.sock"; "unix:@abstract"
//
// A value; copies are cheap and equal. Go: net.Addr, netip.AddrPort.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>

#include <goro/detail/export.hpp>

namespace goro::net {

class address {
 public:
  // None: empty() is true, to_string() "".
  constexpr address() noexcept = default;

  // From text as to_string() writes it. The host must be a number, not a name; an empty one ("`:80`") is
  // every address of this machine. "%eth0" or "%2" behind an IPv6 address is its scope.
  //
  // Throws   std::system_error, errc::bad_address.
  GORO_API explicit address(std::string_view text);
  GORO_API static address parse(std::string_view text, std::error_code& ec);

  // From a sockaddr of the operating system; cut off at 110 bytes.
  GORO_API static address from_native(const void* sockaddr, std::size_t size) noexcept;
  // One that only has a name, of things that are no sockets ("pipe").
  GORO_API static address named(std::string_view name) noexcept;

  // The number, without brackets; of a Unix socket its path, '@' first if it is abstract.
  GORO_API std::string host() const;
  // 0: it has none.
  GORO_API std::uint16_t port() const noexcept;
  GORO_API std::string to_string() const;

  bool empty() const noexcept { return size_ == 0; }
  GORO_API bool is_unix() const noexcept;
  GORO_API bool is_v4() const noexcept;
  GORO_API bool is_v6() const noexcept;

  GORO_API address with_port(std::uint16_t port) const noexcept;

  // The sockaddr.
  const void* data() const noexcept { return bytes_; }
  std::size_t size() const noexcept { return size_; }

  GORO_API friend bool operator==(const address& a, const address& b) noexcept;

 private:
  alignas(8) unsigned char bytes_[112] = {};
  std::uint16_t size_ = 0;
};

}  // namespace goro::net
