// SPDX-License-Identifier: MIT
#include <goro/net/dial.hpp>

#include "net/connect.hpp"

#include <goro/context.hpp>
#include <goro/detail/canceller.hpp>

#include <string>

namespace goro::net {

conn dial(const context& ctx, std::string_view where, std::error_code& ec) {
  address at = address::parse(where, ec);
  if (ec && where.substr(0, 10) == "localhost:") at = address::parse("127.0.0.1:" + std::string(where.substr(10)), ec);
  if (ec) return conn();
  return conn(goro::detail::connect_to(at, goro::detail::canceller_of(ctx), ec));
}

conn dial(const context& ctx, std::string_view where) {
  std::error_code ec;
  conn c = dial(ctx, where, ec);
  if (ec) throw std::system_error(ec, "goro: dial: \"" + std::string(where) + '"');
  return c;
}

}  // namespace goro::net
