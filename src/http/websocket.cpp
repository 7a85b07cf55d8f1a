// SPDX-License-Identifier: MIT
#include <goro/http/websocket.hpp>

#include "http/base64.hpp"
#include "http/buffer.hpp"
#include "http/client_connection.hpp"
#include "http/frames.hpp"
#include "http/text.hpp"
#include "http/url.hpp"

#include <goro/detail/canceller.hpp>
#include <goro/errc.hpp>
#include <goro/mutex.hpp>

#include <sys/random.h>
#include <mutex>
#include <stdexcept>
#include <utility>

namespace goro {

namespace detail {

namespace {

constexpr std::size_t one_read = 4096;
constexpr auto goodbye = std::chrono::milliseconds(200);  // for the destructor's close frame

// Ends reads when a context is done.
struct read_break : cancel_node {
  read_break(net::conn& c, const goro::context& ctx) noexcept : of(c), by(canceller_of(ctx)) {
    cancelled = [](cancel_node& n) noexcept {
      static_cast<read_break&>(n).of.set_read_deadline(time_point::min());
    };
    watching = by != nullptr && by->add(*this);
    if (by != nullptr && !watching) of.set_read_deadline(time_point::min());
  }
  ~read_break() {
    if (watching) by->remove(*this);
  }
  bool is_done() const noexcept { return by != nullptr && by->is_cancelled(); }

  net::conn& of;
  canceller* const by;
  bool watching;
};

[[noreturn]] void fail(std::errc why, const char* what) {
  throw std::system_error(std::make_error_code(why), std::string("goro: http::websocket::") + what);
}

}  // namespace

struct websocket_state {
  websocket_state(net::conn c, std::string_view read_ahead, bool server, const http::websocket_options& o)
      : conn(std::move(c)), is_server(server), options(o) {
    in.append(read_ahead);
  }
  ~websocket_state();

  std::optional<http::websocket::message> read(const goro::context& ctx);
  void write(opcode op, std::string_view payload, duration limit);
  void close(std::uint16_t code, std::string_view reason, duration limit);

  net::conn conn;
  const bool is_server;
  const http::websocket_options options;
  goro::context until = background();  // of the request: the server is to stop
  std::string subprotocol;

  // The reader's.
  byte_buffer in;
  std::string message;                 // so far
  opcode kind = opcode::continuation;  // of it; continuation: none has begun
  std::uint16_t close_code = 1006;
  std::string close_reason;
  bool ended = false;

 private:
  void next_frame(const goro::context& ctx, frame_head& head);
  void take_more(const goro::context& ctx);
  bool take_control(const frame_head& head, std::string payload);
  [[noreturn]] void refuse(std::uint16_t code, const char* why);
  const unsigned char* next_mask();

  goro::mutex lock;
  std::string out;  // under lock, as the rest
  bool close_sent = false;
  bool broken = false;
  unsigned char masks[256];
  std::size_t masks_left = 0;
};

websocket_state::~websocket_state() {
  try {
    if (conn && !ended) close(1000, {}, goodbye);
  } catch (const std::exception&) {
  }
}

// Masks are to be no guess for whoever can choose what is sent. Under the lock.
const unsigned char* websocket_state::next_mask() {
  if (is_server) return nullptr;
  if (masks_left == 0) {
    if (::getrandom(masks, sizeof masks, 0) != sizeof masks)
      fail(std::errc::io_error, "write: no random numbers");
    masks_left = sizeof masks;
  }
  masks_left -= 4;
  return masks + masks_left;
}

void websocket_state::write(opcode op, std::string_view payload, duration limit) {
  const std::lock_guard hold(lock);
  if (close_sent || broken) {
    if (op == opcode::pong || op == opcode::close) return;
    fail(std::errc::not_connected, "write: it is closed");
  }
  if (op == opcode::close) close_sent = true;
  out.clear();
  append_frame(out, op, payload, next_mask());
  conn.set_write_deadline(clock::now() + limit);
  std::error_code ec;
  (void)conn.write(out, ec);
  if (out.capacity() > (64u << 10)) std::string().swap(out);
  if (!ec) return;
  broken = true;
  throw std::system_error(ec, "goro: http::websocket::write");
}

void websocket_state::close(std::uint16_t code, std::string_view reason, duration limit) {
  std::string payload;
  if (code != 1005) {
    payload += static_cast<char>(code >> 8);
    payload += static_cast<char>(code & 0xff);
    payload += reason;
  }
  write(opcode::close, payload, limit);
}

// What the peer sent cannot be gone on from: it is told why.
void websocket_state::refuse(std::uint16_t code, const char* why) {
  ended = true;
  try {
    close(code, why, goodbye);
  } catch (const std::system_error&) {
  }
  std::error_code ec;
  conn.close_write(ec);
  throw std::system_error(
      std::make_error_code(code == 1009 ? std::errc::message_size : std::errc::protocol_error),
      std::string("goro: http::websocket::read: ") + why);
}

void websocket_state::take_more(const goro::context& ctx) {
  std::error_code ec;
  std::size_t n = 0;
  bool stopped;
  {
    const read_break on_stop(conn, until);
    const read_break on_cancel(conn, ctx);
    n = conn.read(in.room(one_read), ec);
    in.filled(n);
    stopped = on_stop.is_done();
  }
  if (n != 0) return;
  if (stopped || ctx.err()) {
    conn.set_read_deadline(time_point::max());
    if (stopped) {
      ended = true;
      close(1001, "the server stops", goodbye);
    }
    throw std::system_error(stopped ? make_error_code(errc::canceled) : ctx.err(),
                            "goro: http::websocket::read");
  }
  ended = true;
  if (ec) throw std::system_error(ec, "goro: http::websocket::read");
  fail(std::errc::connection_reset, "read: the peer went away without closing");
}

// Waits until the next frame is in the buffer as a whole, and gives its head.
void websocket_state::next_frame(const goro::context& ctx, frame_head& head) {
  for (;;) {
    const frame_state state = parse_frame_head(in.view(), head);
    if (state == frame_state::bad) refuse(1002, "a frame that does not exist");
    if (state == frame_state::whole) {
      if (head.masked != is_server)
        refuse(1002, is_server ? "a frame without a mask" : "a frame with a mask");
      if (!is_control(head.op)) {
        if ((head.op == opcode::continuation) != (kind != opcode::continuation))
          refuse(1002, "a frame that belongs to no message");
        if (head.length > options.max_message - message.size()) refuse(1009, "a message that is too long");
      }
      if (in.size() - head.size >= head.length) return;
    }
    take_more(ctx);
  }
}

// False: it was the peer's close.
bool websocket_state::take_control(const frame_head& head, std::string payload) {
  if (head.op == opcode::ping) write(opcode::pong, payload, options.write_timeout);
  if (head.op != opcode::close) return true;
  close_code = 1005;
  if (payload.size() == 1) refuse(1002, "a close code of one byte");
  if (!payload.empty()) {
    const auto byte = [&](std::size_t i) {
      return static_cast<unsigned>(static_cast<unsigned char>(payload[i]));
    };
    close_code = static_cast<std::uint16_t>(byte(0) << 8 | byte(1));
    close_reason = payload.substr(2);
    if (!is_close_code(close_code)) refuse(1002, "a close code that does not exist");
    if (!is_utf8(close_reason)) refuse(1007, "text that is not UTF-8");
  }
  ended = true;
  try {
    close(close_code, {}, options.write_timeout);  // unless we began
  } catch (const std::system_error&) {
  }
  std::error_code ec;
  conn.close_write(ec);
  return false;
}

std::optional<http::websocket::message> websocket_state::read(const goro::context& ctx) {
  if (ctx.err()) throw std::system_error(ctx.err(), "goro: http::websocket::read");
  while (!ended) {
    frame_head head;
    next_frame(ctx, head);
    std::string payload(in.view().substr(head.size, head.length));
    in.used(head.size + head.length);
    if (head.masked) apply_mask(payload.data(), payload.size(), head.mask, 0);
    if (is_control(head.op)) {
      if (!take_control(head, std::move(payload))) return std::nullopt;
      continue;
    }
    if (head.op != opcode::continuation) kind = head.op;
    if (message.empty())
      message = std::move(payload);
    else
      message += payload;
    if (!head.last) continue;
    if (kind == opcode::text && !is_utf8(message)) refuse(1007, "text that is not UTF-8");
    const auto type = kind == opcode::text ? http::websocket::kind::text : http::websocket::kind::binary;
    kind = opcode::continuation;
    return http::websocket::message{type, std::exchange(message, {})};
  }
  return std::nullopt;
}

}  // namespace detail

namespace http {

namespace {

// The Origin that browsers add names the page's host; a page of another one has no business here.
bool is_same_host(std::string_view origin, std::string_view host) noexcept {
  const std::size_t at = origin.find("://");
  return at != std::string_view::npos && goro::detail::equal_ignoring_case(origin.substr(at + 3), host);
}

std::string random_key() {
  char bytes[16];
  if (::getrandom(bytes, sizeof bytes, 0) != sizeof bytes)
    throw std::system_error(std::make_error_code(std::errc::io_error),
                            "goro: http::websocket::dial: no random numbers");
  return goro::detail::base64(std::string_view(bytes, sizeof bytes));
}

}  // namespace

websocket::websocket(std::unique_ptr<goro::detail::websocket_state> state) noexcept
    : state_(std::move(state)) {}
websocket::websocket(websocket&& other) noexcept = default;
websocket& websocket::operator=(websocket&& other) noexcept = default;
websocket::~websocket() = default;

websocket websocket::accept(response_writer& w, request& r, const websocket_options& options) {
  const fields& h = r.headers();
  const auto has = [&](const char* name, const char* token) {
    return goro::detail::list_contains(h.get(name).value_or(""), token);
  };
  if (!has("Upgrade", "websocket") || !has("Connection", "upgrade") || r.method() != "GET")
    throw status_error(426, "this is a WebSocket; ask with Upgrade: websocket");
  const std::string_view key = h.get("Sec-WebSocket-Key").value_or("");
  if (h.get("Sec-WebSocket-Version") != "13" || key.size() != 24)
    throw status_error(400, "the WebSocket handshake is not that of version 13");
  const auto origin = h.get("Origin");
  if (!options.any_origin && origin && !is_same_host(*origin, h.get("Host").value_or("")))
    throw status_error(403, "the page is of another host");
  const bool agreed =
      !options.subprotocol.empty() && has("Sec-WebSocket-Protocol", options.subprotocol.c_str());

  std::string answer = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n";
  answer.append("Sec-WebSocket-Accept: ").append(goro::detail::websocket_accept_key(key)).append("\r\n");
  if (agreed) answer.append("Sec-WebSocket-Protocol: ").append(options.subprotocol).append("\r\n");
  answer += "\r\n";
  std::string ahead;
  net::conn c = w.hijack(ahead);
  c.set_write_deadline(clock::now() + options.write_timeout);
  c.write(answer);
  auto state = std::make_unique<goro::detail::websocket_state>(std::move(c), ahead, true, options);
  state->until = r.context();
  if (agreed) state->subprotocol = options.subprotocol;
  return websocket(std::move(state));
}

websocket websocket::dial(const goro::context& ctx, std::string_view text, const fields& headers,
                          const websocket_options& options) {
  std::string fault;
  const auto u = goro::detail::parse_url(text, fault);
  if (!u)
    throw std::system_error(std::make_error_code(std::errc::invalid_argument),
                            "goro: http::websocket::dial: \"" + goro::detail::printable(text) + "\" " +
                                fault + "; write ws://host/path");
  const std::string key = random_key();
  fields h = headers;
  h.set("Upgrade", "websocket");
  h.set("Connection", "Upgrade");
  h.set("Sec-WebSocket-Key", key);
  h.set("Sec-WebSocket-Version", "13");
  if (!options.subprotocol.empty()) h.set("Sec-WebSocket-Protocol", options.subprotocol);
  goro::detail::client_connection c(goro::detail::connect_for(ctx, *u, options.tls));
  response r;
  std::error_code ec;
  if (!c.round_trip(ctx, goro::detail::request_text("GET", *u, h, {}), false, 1u << 20, r, ec))
    throw std::system_error(ec, "goro: http::websocket::dial: " + goro::detail::printable(text));
  if (r.status != 101 || r.headers.get("Sec-WebSocket-Accept") != goro::detail::websocket_accept_key(key))
    throw std::system_error(std::make_error_code(std::errc::protocol_error),
                            "goro: http::websocket::dial: " + goro::detail::printable(text) + " answered " +
                                std::to_string(r.status) + ", and is no WebSocket");
  std::string ahead;
  net::conn conn = c.take(ahead);
  auto state = std::make_unique<goro::detail::websocket_state>(std::move(conn), ahead, false, options);
  state->subprotocol = r.headers.get("Sec-WebSocket-Protocol").value_or("");
  return websocket(std::move(state));
}

std::optional<websocket::message> websocket::read() { return state_->read(background()); }
std::optional<websocket::message> websocket::read(const goro::context& ctx) { return state_->read(ctx); }

void websocket::write(std::string_view data, kind type) {
  using goro::detail::opcode;
  if (type == kind::text && !goro::detail::is_utf8(data))
    throw std::invalid_argument("goro: http::websocket::write: the text is not UTF-8; send it as binary");
  state_->write(type == kind::text ? opcode::text : opcode::binary, data, state_->options.write_timeout);
}

void websocket::ping(std::string_view data) {
  if (data.size() > 125)
    throw std::invalid_argument("goro: http::websocket::ping: more than 125 bytes; send a message");
  state_->write(goro::detail::opcode::ping, data, state_->options.write_timeout);
}

void websocket::close(std::uint16_t code, std::string_view reason) {
  if (!goro::detail::is_close_code(code) || reason.size() > 123 || !goro::detail::is_utf8(reason))
    throw std::invalid_argument(
        "goro: http::websocket::close: code 1000, 3000 to 4999 and the like, and a reason of at "
        "most 123 bytes of UTF-8");
  state_->close(code, reason, state_->options.write_timeout);
}

std::uint16_t websocket::close_code() const noexcept { return state_->close_code; }
std::string_view websocket::close_reason() const noexcept { return state_->close_reason; }
std::string_view websocket::subprotocol() const noexcept { return state_->subprotocol; }

}  // namespace http
}  // namespace goro
