// SPDX-License-Identifier: MIT
// A client's connection: sends a request and reads its response, one after another.
#pragma once

#include "http/buffer.hpp"
#include "http/parser.hpp"
#include "http/url.hpp"

#include <goro/context.hpp>
#include <goro/http/message.hpp>
#include <goro/net/conn.hpp>
#include <goro/net/tls.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

namespace goro::detail {

// Connects to where the URL leads, with TLS if it says so, by `tls` or else by the system's roots. Throws
// std::system_error.
net::conn connect_for(const goro::context& ctx, const url& u, const std::optional<net::tls_config>& tls);

// The head of a request, with what must be in it and is not among `headers`.
std::string request_text(std::string_view method, const url& u, const http::fields& headers,
                         std::string_view body);

class client_connection {
 public:
  explicit client_connection(net::conn c) noexcept : conn_(std::move(c)) {}

  // Sends `text`, head and body, and reads the response; 1xx are passed over, but 101. Ends at once when ctx is done.
  // False: `ec` says what went wrong.
  bool round_trip(const goro::context& ctx, std::string_view text, bool is_head, std::uint64_t max_body,
                  http::response& r, std::error_code& ec);

  // Of the last round trip.
  bool anything_came() const noexcept { return came_; }
  bool can_be_used_again() const noexcept { return reusable_; }

  // Whether the server has closed it, or sent what nobody has asked for, since it was last used.
  bool is_stale() const noexcept;

  std::int64_t idle_since = 0;  // ns of goro::clock

  // For another protocol: the connection, and what was read behind the response.
  net::conn take(std::string& read_ahead);

 private:
  bool read_response(bool is_head, std::uint64_t max_body, http::response& r, std::error_code& ec);

  net::conn conn_;
  byte_buffer in_;
  bool came_ = false;
  bool reusable_ = false;
};

}  // namespace goro::detail
