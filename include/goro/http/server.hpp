// SPDX-License-Identifier: MIT
// An HTTP/1.1 server: a goroutine a connection, handlers in plain blocking style.
//
//   goro::http::server web;
//   web.handle("GET /hello/{name}", [](auto& w, auto& r) { w.write("hello, "); w.write(r.path_value("name")); });
//   web.listen("127.0.0.1:8080");
//   web.serve(ctx);                                       // until ctx is done; then drains, and returns
//
// Go's http.Server and http.ServeMux. Connections are kept alive; pipelined requests are answered in order, in one
// write if they came in one. A response that is written in one piece costs one system call, and so does the
// request. While a connection is idle it has no buffers.
//
// Handlers run in the connection's goroutine, many at the same time. One that throws is answered with 500, if
// nothing was sent yet, and the server goes on. The exception goes to on_error; without it to the uncaught handler that
// the program has set, or, with goroutine, creation site and what(), to standard error. Not so what says that the
// request's context is done. goexit() in a handler ends the connection.
//
// Messages that two servers in a row might read differently are refused (400), and the connection is closed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>

#include <goro/clock.hpp>
#include <goro/context.hpp>
#include <goro/detail/export.hpp>
#include <goro/http/message.hpp>
#include <goro/http/router.hpp>
#include <goro/net/address.hpp>
#include <goro/net/conn.hpp>
#include <goro/net/listener.hpp>

namespace goro {

namespace detail {
class server_core;
}

namespace http {

// What a handler is asked. It is the connection's: valid while the handler runs, for the handler's goroutine and
// those that it waits for, one at a time. context() may be handed on.
class request {
 public:
  GORO_API std::string_view method() const noexcept;  // as it was sent: "GET"
  GORO_API std::string_view target() const noexcept;  // likewise: "/a%20b?c=d"
  GORO_API std::string_view path() const noexcept;    // decoded: "/a b"

  // What {name} of the router's pattern stands for, decoded; "" if it has no such name.
  GORO_API std::string_view path_value(std::string_view name) const noexcept;

  // The first value of that name in the query, decoded; nothing if there is none.
  GORO_API std::optional<std::string_view> query(std::string_view name) const;

  GORO_API const fields& headers() const noexcept;
  GORO_API std::optional<std::uint64_t> content_length() const noexcept;  // nothing: none was said

  // The body, read to its end. A client that asked to be told to go on (Expect: 100-continue) is told so now.
  //
  // Throws   status_error: it is larger than server_options::max_body (413), badly framed (400), or does not come
  //          (408). std::system_error: the connection broke. Let these through: they are answered as they should be.
  // Waits    for all of it.
  GORO_API std::string_view body();

  // The next bytes of the body, as they come; 0: its end. For bodies that are better not kept whole. Throws as body().
  GORO_API std::size_t read(std::span<char> into);

  // Done when the client goes away or ends its side, as far as the kernel is told, when the server is closed hard,
  // and once the handler has returned. It carries the values of serve's context, and not its end: requests under
  // way are not broken off when a server is to stop.
  //
  // Cost     the first call of a request makes it: one allocation. No goroutine reads ahead.
  // Go       Request.Context
  GORO_API const goro::context& context() const;

  GORO_API net::address remote_address() const;

  explicit request(goro::detail::http_exchange& x) noexcept : x_(&x) {}  // for the library
  friend goro::detail::http_exchange* exchange_of(const request& r) noexcept { return r.x_; }

 private:
  goro::detail::http_exchange* x_;
};

// Where a handler writes its answer. Valid as the request is.
//
// What is written is kept until the handler returns, or flush(), or there are 64 KiB: then head and body go out
// together, with a Content-Length if all of it is known, else in chunks (to HTTP/1.0: until the end of the
// connection). A handler that writes nothing answers 200 without a body.
class response_writer {
 public:
  // Fields of the response, until it has begun to go out. Date, Content-Length, Transfer-Encoding and Connection are
  // set as they must be; a Content-Length that is set here is held to, and "Connection: close" heeded.
  GORO_API fields& headers() noexcept;

  // Sets the status: 200 to 999. 1xx is std::invalid_argument, and so is any other number.
  //
  // Throws   std::logic_error once the head has gone out.
  GORO_API void status(int code);

  // Adds to the body. Of a response to HEAD it is counted and not sent.
  //
  // Throws   std::system_error when the client is gone or takes nothing for server_options::idle_timeout;
  //          std::logic_error: more than the Content-Length that was set, or any at all for 204 and 304.
  // Waits    only if there is much, for the client to take it.
  GORO_API void write(std::string_view part);

  // Sends what there is, now; the head first.
  // Go       Flusher.Flush
  GORO_API void flush();

  // Whether the head has gone out.
  GORO_API bool begun() const noexcept;

  // Takes the connection out of the server's hands, for another protocol; `read_ahead` gets what was read behind
  // the request. Nothing is sent, and the server is done with it when the handler returns. The connection has no
  // deadline. serve() still waits for the handler, and cancels the request's context when it is to stop.
  //
  // Throws   std::logic_error if the response has begun, or the connection is taken already.
  // Go       Hijacker.Hijack
  GORO_API net::conn hijack(std::string& read_ahead);

  explicit response_writer(goro::detail::http_exchange& x) noexcept : x_(&x) {}  // for the library
  friend goro::detail::http_exchange* exchange_of(const response_writer& w) noexcept { return w.x_; }

 private:
  goro::detail::http_exchange* x_;
};

// What is told of an exception that left a handler.
using error_handler = goro::detail::shared_function<const request&, std::exception_ptr>;
// What is told of a connection that could not be accepted, in the goroutine that accepts. What it throws ends serve.
using accept_error_handler = goro::detail::shared_function<std::error_code>;

struct server_options {
  duration header_timeout =
      std::chrono::seconds(10);  // for a whole head, from its first byte or the accept on
  duration idle_timeout =
      std::chrono::seconds(120);       // between requests, and of a body or a response standing still
  std::size_t max_header = 64u << 10;  // bytes of a head: 431
  std::size_t max_body = 8u << 20;     // bytes of a body: 413
  duration drain_timeout{};            // after so long of draining, close(); 0: never
  error_handler on_error = {};         // none: the uncaught handler if one is set, or stderr
  // When descriptors or memory run out. It is tried again, after a pause that grows from 5 ms to a second, and those
  // who are connected are served meanwhile. None: stderr is told, once each time that it begins.
  accept_error_handler on_accept_error = {};
};

class server {
 public:
  GORO_API explicit server(server_options options = {});
  // After serve has returned.
  GORO_API ~server();
  server(const server&) = delete;
  server& operator=(const server&) = delete;

  // Registers a handler: router::handle. Before serve.
  GORO_API void handle(std::string_view pattern, handler h);

  // Listens on an address as net::listen takes it; several calls, several addresses. From now on connections wait
  // for serve().
  //
  // Throws   std::system_error.
  GORO_API void listen(std::string_view address);

  // Of the first listener. Throws std::logic_error if there is none.
  GORO_API net::address local_address() const;

  // Answers requests until ctx is done. Then it accepts what is queued already and listens no longer; requests
  // that have come are answered, with Connection: close; idle connections are closed. Returns when no connection is
  // left. It can be called again after another listen().
  //
  // Throws   std::logic_error if nothing listens, or it runs already; std::system_error if a listener breaks.
  // Waits    for handlers, without limit unless drain_timeout is set. A connection that has not sent anything yet
  //          is given a second.
  // Go       Server.Serve and Server.Shutdown
  GORO_API void serve(const goro::context& ctx);
  GORO_API void serve(const goro::context& ctx, net::listener l);

  // Ends it at once: contexts of requests are cancelled, connections broken; serve returns when the handlers have.
  // From any goroutine and thread. For good.
  // Go       Server.Close
  GORO_API void close() noexcept;

 private:
  goro::detail::server_core* core_;
};

}  // namespace http
}  // namespace goro
