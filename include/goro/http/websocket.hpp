// SPDX-License-Identifier: MIT
// WebSocket (RFC 6455), both sides.
//
//   web.handle("GET /echo", [](auto& w, auto& r) {
//     auto socket = goro::http::websocket::accept(w, r);
//     while (auto message = socket.read()) socket.write(message->data, message->type);
//   });
//   auto socket = goro::http::websocket::dial(ctx, "ws://127.0.0.1:8080/echo");
//   socket.write("hello");
//
// One goroutine reads; any number of goroutines write, ping and close, at the same time: messages are not mixed.
// Pings are answered by read(), so somebody should be reading. Text is checked to be UTF-8, frames to be masked as
// they must be, and lengths before anything is kept.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <goro/clock.hpp>
#include <goro/context.hpp>
#include <goro/detail/export.hpp>
#include <goro/http/message.hpp>
#include <goro/http/server.hpp>
#include <goro/net/tls.hpp>

namespace goro {

namespace detail {
struct websocket_state;
}

namespace http {

struct websocket_options {
  std::size_t max_message = 1u << 20;                 // bytes, of all its frames: close code 1009
  duration write_timeout = std::chrono::seconds(30);  // for a peer that does not take what is written
  bool any_origin = false;                            // accept: also for pages of other hosts
  std::string subprotocol = {};                       // one that this side speaks: accepted or asked for
  std::optional<net::tls_config> tls = {};            // dial, wss://: as client_options::tls
};

class websocket {
 public:
  enum class kind : unsigned char { text, binary };
  struct message {
    kind type;
    std::string data;
  };

  // In a handler: answers the request with 101 and takes its connection. The socket is the handler's: when the
  // handler returns, it is to be gone. It ends when the server is to stop (close code 1001).
  //
  // Throws   status_error, and the client is answered so: 426 or 400, the request asks for no WebSocket; 403, it comes
  //          from a page of another host (the Origin field), unless any_origin is set.
  GORO_API static websocket accept(response_writer& w, request& r, const websocket_options& options = {});

  // Connects to ws://host:port/path.
  //
  // Throws   std::system_error: as http::client; protocol_error if the server answers otherwise.
  // Waits    until it is open, or ctx is done. What comes later is not the context's.
  GORO_API static websocket dial(const goro::context& ctx, std::string_view url, const fields& headers = {},
                                 const websocket_options& options = {});

  GORO_API websocket(websocket&& other) noexcept;
  GORO_API websocket& operator=(websocket&& other) noexcept;
  // Says goodbye (1000) if nobody has yet, without waiting for the answer, and closes.
  GORO_API ~websocket();

  // The next message. Nothing: the peer has closed it, or we have and its answer came; close_code() says how.
  //
  // Throws   std::system_error: what ctx is done for, after which it can be called again, nothing being lost;
  //          errc::canceled if the server is to stop; connection_reset; protocol_error or message_size: what the peer
  //          sent is no WebSocket or not UTF-8, or is too long, and it has been told so. After these it is over.
  // Waits    for a whole message.
  GORO_API std::optional<message> read();
  GORO_API std::optional<message> read(const goro::context& ctx);

  // Sends a message, whole, in one write.
  //
  // Throws   std::system_error: not connected (closed by either side), timed out, reset. std::invalid_argument: text
  //          that is not UTF-8.
  GORO_API void write(std::string_view data, kind type = kind::text);

  // At most 125 bytes. The answer is taken by read() and not shown.
  GORO_API void ping(std::string_view data = {});

  // Says that we are done. The peer answers by closing, which read() then gives as the end. A second call does nothing.
  //
  // Throws   std::invalid_argument: a code that cannot be sent, or a reason of more than 123 bytes.
  GORO_API void close(std::uint16_t code = 1000, std::string_view reason = {});

  // What the peer said when it closed: 1005 for nothing, 1006 while it has not. Go: websocket.CloseStatus
  GORO_API std::uint16_t close_code() const noexcept;
  GORO_API std::string_view close_reason() const noexcept;
  GORO_API std::string_view subprotocol() const noexcept;  // what both agreed on; "" for none

 private:
  explicit websocket(std::unique_ptr<goro::detail::websocket_state> state) noexcept;

  std::unique_ptr<goro::detail::websocket_state> state_;
};

}  // namespace http
}  // namespace goro
