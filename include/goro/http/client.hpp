// SPDX-License-Identifier: MIT
// An HTTP/1.1 client.
//
//   auto [ctx, cancel] = goro::with_timeout(goro::background(), 5s);
//   goro::http::response r = goro::http::get(ctx, "https://example.org/");
//   if (r.status == 200) use(r.body);
//
//   goro::http::client api({.max_idle_per_host = 8, .timeout = 2s});
//   r = api.send(ctx, "PUT", "http://api.internal/items/7", headers, body);
//
// Go's http.Get, http.Post and http.Client. Connections are kept and used again, for each host; one that the server
// has closed meanwhile is noticed. Responses are read to their end, so there is no body to be closed.
//
// A client is used by any number of goroutines and threads at the same time. It starts no goroutine.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include <goro/clock.hpp>
#include <goro/context.hpp>
#include <goro/detail/export.hpp>
#include <goro/http/message.hpp>
#include <goro/net/tls.hpp>

namespace goro {

namespace detail {
class client_core;
}

namespace http {

struct client_options {
  std::size_t max_idle_per_host = 100;  // connections that are kept when nobody uses them; they last 90 s
  int max_redirects = 10;               // 0: a redirection is given as it is
  duration timeout{};                   // for a whole call, redirections included; 0: none but the context's
  std::size_t max_body = 64u << 20;     // bytes of a response
  // For https://; none: verified by the system's roots. A library that was built without goro::tls refuses https://.
  std::optional<net::tls_config> tls = {};
};

class client {
 public:
  GORO_API explicit client(client_options options = {});
  // Closes what is idle. Not while calls are under way.
  GORO_API ~client();
  client(const client&) = delete;
  client& operator=(const client&) = delete;

  // As send("GET", url, {}, "").
  // Go       Client.Get
  GORO_API response get(const goro::context& ctx, std::string_view url);

  // Sends a request and reads its response. Host, Content-Length and, for a name and password in the URL,
  // Authorization are added unless they are given. A redirection is followed: 301, 302 and 303 with GET (HEAD stays
  // HEAD) and without the body, 307 and 308 with what was sent. Authorization and Cookie are not sent on to another
  // host.
  //
  // Returns  the response, whatever its status.
  // Throws   std::system_error: errc::canceled or deadline_exceeded (ctx, options.timeout), an error of the network,
  //          std::errc::invalid_argument (no URL, a method or field that cannot be sent), protocol_error (the
  //          response is not HTTP), message_size (longer than max_body), too_many_symbolic_link_levels (redirected
  //          too often), connection_reset (the response was cut off).
  // Waits    for the response; a context that is done ends it at once.
  // A request on a connection that was kept, and broke before any byte of a response came, is sent once more on a new
  // one if the method is idempotent (GET, HEAD, OPTIONS, TRACE, PUT, DELETE).
  // Go       Client.Do
  GORO_API response send(const goro::context& ctx, std::string_view method, std::string_view url,
                         const fields& headers, std::string_view body);

 private:
  goro::detail::client_core* core_;
};

// With a client that is the process's own.
// Go       http.Get, http.Post
GORO_API response get(const goro::context& ctx, std::string_view url);
GORO_API response post(const goro::context& ctx, std::string_view url, std::string_view content_type,
                       std::string_view body);

}  // namespace http
}  // namespace goro
