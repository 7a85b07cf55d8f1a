// SPDX-License-Identifier: MIT
#include "http/client_connection.hpp"

#include "http/base64.hpp"
#include "http/text.hpp"

#include <goro/detail/canceller.hpp>
#include <goro/errc.hpp>
#include <goro/net/dial.hpp>

#include <sys/socket.h>
#include <cerrno>

namespace goro::detail {

namespace {

constexpr std::size_t one_read = 16u << 10;
constexpr std::size_t max_head = 256u << 10;

// Ends reads and writes of a connection when the context is done.
struct io_break : cancel_node {
  io_break(net::conn& c, canceller* b) noexcept : of(c), by(b) {
    cancelled = [](cancel_node& n) noexcept { static_cast<io_break&>(n).of.set_deadline(time_point::min()); };
    watching = by != nullptr && by->add(*this);
  }
  ~io_break() {
    if (watching) by->remove(*this);
  }
  bool is_done() const noexcept { return by != nullptr && by->is_cancelled(); }

  net::conn& of;
  canceller* const by;
  bool watching;
};

bool sends_a_body(std::string_view method) noexcept {
  return method == "POST" || method == "PUT" || method == "PATCH";
}

}  // namespace

net::conn connect_for(const goro::context& ctx, const url& u, const std::optional<net::tls_config>& tls) {
  if (!u.secure()) return net::dial(ctx, u.address());
#ifdef GORO_HAS_TLS
  static const net::tls_config usual([] {
    net::tls_options options;
    options.alpn = {"http/1.1"};
    return options;
  }());
  return net::dial_tls(ctx, u.address(), tls ? *tls : usual);
#else
  (void)tls;
  throw std::system_error(
      std::make_error_code(std::errc::protocol_not_supported),
      "goro: http: " + u.scheme + "://" + u.host +
          " needs TLS, and goro was built without it; build goro::tls (Debian: libssl-dev), or use " +
          (u.scheme == "wss" ? "ws" : "http") + "://");
#endif
}

std::string request_text(std::string_view method, const url& u, const http::fields& headers,
                         std::string_view body) {
  std::string text;
  text.reserve(256 + body.size());
  text.append(method).append(" ").append(u.target).append(" HTTP/1.1\r\n");
  if (!headers.contains("Host")) text.append("Host: ").append(u.authority()).append("\r\n");
  for (const auto [name, value] : headers) {
    if (equal_ignoring_case(name, "Content-Length") || equal_ignoring_case(name, "Transfer-Encoding"))
      continue;
    text.append(name).append(": ").append(value).append("\r\n");
  }
  if (!headers.contains("User-Agent")) text += "User-Agent: goro\r\n";
  if (!u.user_info.empty() && !headers.contains("Authorization"))
    text.append("Authorization: Basic ").append(base64(u.user_info)).append("\r\n");
  if (!body.empty() || sends_a_body(method)) {
    text += "Content-Length: ";
    append_decimal(text, body.size());
    text += "\r\n";
  }
  return text.append("\r\n").append(body);
}

bool client_connection::round_trip(const goro::context& ctx, std::string_view text, bool is_head,
                                   std::uint64_t max_body, http::response& r, std::error_code& ec) {
  came_ = reusable_ = false;
  ec.clear();
  bool good = false;
  std::error_code sent;
  canceller* const by = canceller_of(ctx);
  {
    const io_break on_cancel(conn_, by);
    if (on_cancel.is_done()) {
      ec = ctx.err();
      return false;
    }
    // A server that refuses a large body may answer and close before it has all of it: the answer counts.
    (void)conn_.write(text, sent);
    good = read_response(is_head, max_body, r, ec);
  }
  if (by != nullptr && by->is_cancelled()) {
    reusable_ = false;  // its deadline is past
    if (!good) ec = ctx.err();
  } else if (!good && sent && !came_) {
    ec = sent;
  }
  if (sent) reusable_ = false;
  return good;
}

bool client_connection::read_response(bool is_head, std::uint64_t max_body, http::response& r,
                                      std::error_code& ec) {
  message_head head;
  message_parser parser;
  for (;;) {
    parser.begin(message_parser::kind::response, head, {max_head, max_body}, is_head);
    r.body.clear();
    for (;;) {
      while (!in_.empty() && !parser.done()) {
        const std::size_t n = parser.put(in_.view(), &r.body);
        in_.used(n);
        if (parser.fault() != parse_fault::none) {
          ec =
              std::make_error_code(parser.fault() == parse_fault::body_too_large ? std::errc::message_size
                                                                                 : std::errc::protocol_error);
          return false;
        }
        if (n == 0) break;
      }
      if (parser.done()) break;
      const std::span<char> room = in_.room(one_read);
      const std::size_t n = conn_.read(room, ec);
      if (ec) return false;
      in_.filled(n);
      if (n != 0) {
        came_ = true;
        continue;
      }
      if (!parser.until_eof()) {
        ec = std::make_error_code(std::errc::connection_reset);  // cut off
        return false;
      }
      parser.put_eof();
    }
    if (head.status / 100 != 1 || head.status == 101) break;
    head.clear();
  }
  r.status = head.status;
  reusable_ = head.keep_alive && in_.empty() && head.status != 101;
  r.headers = std::move(head.fields);
  return true;
}

bool client_connection::is_stale() const noexcept {
  const int fd = conn_.native_handle();
  if (fd < 0) return false;
  char byte;
  return ::recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) >= 0 || (errno != EAGAIN && errno != EWOULDBLOCK);
}

net::conn client_connection::take(std::string& read_ahead) {
  read_ahead = in_.view();
  in_.used(in_.size());
  return std::move(conn_);
}

}  // namespace goro::detail
