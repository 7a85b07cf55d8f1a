// SPDX-License-Identifier: MIT
// A request and its response while they are at work, with the buffers of their connection: what an idle connection
// has not. Exchanges are kept in stock and used again, so that a request allocates little.
#pragma once

#include <goro/http/server.hpp>

#include "http/buffer.hpp"
#include "http/parser.hpp"
#include "http/routes.hpp"

#include <goro/context.hpp>
#include <goro/detail/pollable.hpp>

#include <cstddef>
#include <cstdint>
#include <ctime>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace goro::detail {

class http_connection;

// The Date of responses, written once a second.
struct http_date {
  std::string_view now();

  std::time_t of = 0;
  char text[30] = {};
};
std::string http_date_of(std::time_t when);  // Sun, 06 Nov 1994 08:49:37 GMT

struct http_exchange {
  enum class sending { nothing, sized, chunked, until_close };

  // Ready for a request. The buffers stay as they are: in has what was read ahead, out what is not sent yet.
  void begin();
  // Ready to be kept in stock.
  void recycle() noexcept;

  bool is_head() const noexcept { return head.method == "HEAD"; }

  // ---- the request
  byte_buffer in;
  message_parser parser;
  message_head head;
  std::string_view raw_path;  // views into head.target
  std::string_view raw_query;
  std::string path;
  route_match matched;
  std::vector<std::pair<std::string, std::string>> query;
  bool query_known = false;
  bool expects_continue = false;  // and has not been told yet
  std::string body;
  std::size_t body_given = 0;  // by read()

  // ---- the response
  http::fields headers;
  int status = 200;
  sending how = sending::nothing;
  bool keep_alive = false;
  std::optional<std::uint64_t> declared;  // the Content-Length that the handler has set
  std::uint64_t written = 0;
  std::string content;  // of the body, not in out yet
  std::string out;      // what is to be sent, of earlier responses too
  http_date date;

  // ---- the request's context, once asked for
  struct hangup : hangup_node {
    cancel_func cancel;
  };
  std::optional<goro::context> context;
  hangup watch;

  http_connection* connection = nullptr;
};

// Head of the response into x.out: status line, fields, and how the body ends. Settles x.how and x.keep_alive.
// `length`: of the whole body, if it is known.
void begin_response(http_exchange& x, std::optional<std::uint64_t> length);

}  // namespace goro::detail
