// SPDX-License-Identifier: MIT
// Connects to an address by name or number.
//
//   auto [ctx, cancel] = goro::with_timeout(goro::background(), 2s);
//   goro::net::conn c = goro::net::dial(ctx, "example.org:80");
//
// Go: net.Dialer.DialContext.
#pragma once

#include <string_view>
#include <system_error>

#include <goro/detail/export.hpp>
#include <goro/net/conn.hpp>

namespace goro {
class context;
}

namespace goro::net {

// "host:port", "[::1]:port", "unix:/path", "unix:@abstract". A name is looked up; all its addresses are
// tried.
//
// Throws   std::system_error: what the context is done for, errc::no_such_host, or the first address's error.
// Waits    until connected, or ctx is done.
GORO_API conn dial(const context& ctx, std::string_view address);
GORO_API conn dial(const context& ctx, std::string_view address, std::error_code& ec);

}  // namespace goro::net
