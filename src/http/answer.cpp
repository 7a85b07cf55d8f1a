// SPDX-License-Identifier: MIT
// How a connection answers a request: the handler, its response, and what becomes of failures.
#include "http/connection.hpp"

#include "http/server_core.hpp"
#include "http/text.hpp"
#include "http/url.hpp"
#include "sync/escape.hpp"

#include <algorithm>
#include <mutex>
#include <stdexcept>

namespace goro::detail {
namespace {

constexpr std::size_t most_buffered = 64u << 10;    // bytes of a body before it goes out in parts
constexpr std::size_t most_coalesced = 64u << 10;   // bytes of answers to pipelined requests
constexpr std::size_t worth_no_copy = 16u << 10;    // bytes of a body that are sent from where they are
constexpr std::size_t most_at_once = 1u << 20;      // bytes of one write, each of which has the idle time-out
constexpr std::size_t body_read = 32u << 10;        // bytes of one read of a body
constexpr std::size_t most_discarded = 256u << 10;  // bytes of a body that the handler did not read
using how_sent = http_exchange::sending;

[[noreturn]] void throw_gone(const char* call) {
  throw std::system_error(
      std::make_error_code(std::errc::connection_reset),
      std::string("goro: http::") + call + ": the client is gone; request::context() tells in time");
}

bool has_no_body(int status) noexcept { return status == 204 || status == 304; }

}  // namespace

// ---- the request

// What the head asks can be done at all. False: it has been refused.
bool http_connection::is_acceptable() {
  http_exchange& x = *x_;
  if (x.head.method == "CONNECT") return refuse(501, "CONNECT is not known"), false;
  const auto parts = split_target(x.head.target);
  if (!parts || (parts->path == "*" && x.head.method != "OPTIONS"))
    return refuse(400, "the target is not well-formed"), false;
  x.raw_path = parts->path;
  x.raw_query = parts->query;
  x.path = x.raw_path;
  if (x.raw_path.find('%') != std::string_view::npos) {
    auto path = percent_decoded(x.raw_path);
    if (!path || path->find('\0') != std::string::npos)
      return refuse(400, "the path is not well-formed"), false;
    x.path = std::move(*path);
  }
  if (const auto expect = x.head.fields.get("Expect"); expect && x.head.http_1_1) {
    if (!equal_ignoring_case(*expect, "100-continue"))
      return refuse(417, "what is expected is not known"), false;
    x.expects_continue = !x.parser.done() && x.in.empty();
  }
  return true;
}

// False: the connection ends.
bool http_connection::respond() {
  if (!is_acceptable()) return false;
  http_exchange& x = *x_;
  x.keep_alive = x.head.keep_alive && !core_.is_draining();
  const std::exception_ptr error = run_handler();
  if (hijacked_away_) {
    if (error) report(error, true);
    return false;
  }
  if (error) answer_failure(error);
  try {
    finish();
  } catch (...) {  // a Content-Length that is not held to
    const std::exception_ptr late = escaped_exception();
    answer_failure(late);
    finish();
    report(late, false);
  }
  if (error) report(error, true);
  if (broken_) return false;
  if (!x.parser.done()) {
    unread_ = true;
    if (!x.keep_alive || !discard_body()) return false;
    unread_ = false;
  }
  return x.keep_alive;
}

// What left the handler. Where it was thrown is noted, unless it is an answer, until report() takes that.
std::exception_ptr http_connection::run_handler() {
  struct at_end {  // also when it ends by goexit()
    http_connection& c;
    ~at_end() { c.end_context(); }
  } const ended{*this};
  over_.clear();
  try {
    http::response_writer w(*x_);
    http::request r(*x_);
    std::exception_ptr answer;
    noting_throw([&] {
      try {
        core_.routes(w, r);
      } catch (const http::status_error&) {
        answer = std::current_exception();
      }
    });
    return answer;
  } catch (...) {
    if (!std::current_exception()) send_earlier_answers();  // goexit()
    return escaped_exception();
  }
}

// Those of pipelined requests, which wait in `out` for this one's.
void http_connection::send_earlier_answers() noexcept {
  if (x_->how != how_sent::nothing || x_->out.empty()) return;
  try {
    (void)send();
  } catch (const std::exception&) {  // no memory for a deadline's timer: they are lost, as if the client were gone
  }
}

void http_connection::end_context() noexcept {
  http_exchange& x = *x_;
  if (!x.context) return;
  over_ = x.context->err();
  if (conn_) conn_.get()->forget_hangup(x.watch);
  x.watch.cancel();
  {
    const std::lock_guard hold(core_.lock());
    hijacked_ = cancel_func();
  }
  x.watch.cancel = cancel_func();
  x.context.reset();
}

const goro::context& http_connection::context() {
  http_exchange& x = *x_;
  if (x.context) return *x.context;
  auto [ctx, cancel] = with_cancel(core_.request_context());
  x.context = std::move(ctx);
  x.watch.cancel = std::move(cancel);
  x.watch.hung_up = [](hangup_node& node) noexcept { static_cast<http_exchange::hangup&>(node).cancel(); };
  if (conn_ && !conn_.get()->watch_hangup(x.watch)) x.watch.cancel();
  return *x.context;
}

net::conn http_connection::hijack(std::string& read_ahead) {
  http_exchange& x = *x_;
  if (x.how != how_sent::nothing || hijacked_away_)
    throw std::logic_error(
        "goro: http::response_writer::hijack: the response has begun, or the connection was taken "
        "already; take it first, and once");
  if (!x.out.empty() && !send()) throw_gone("response_writer::hijack");
  (void)context();
  conn_.get()->forget_hangup(x.watch);
  read_ahead = x.in.view();
  x.in.used(x.in.size());
  const std::lock_guard hold(core_.lock());
  hijacked_away_ = true;
  hijacked_ = x.watch.cancel;
  if (core_.is_draining()) hijacked_();
  return std::move(conn_);
}

// ---- the request's body

void http_connection::read_more_body() {
  http_exchange& x = *x_;
  if (x.parser.fault() == parse_fault::none && !x.in.empty()) {
    const std::size_t n = x.parser.put(x.in.view(), &x.body);
    x.in.used(n);
    if (n != 0 && x.parser.fault() == parse_fault::none) return;
  }
  if (x.parser.fault() != parse_fault::none) {
    x.keep_alive = false;
    throw http::status_error(status_of(x.parser.fault()), text_of(x.parser.fault()));
  }
  if (x.expects_continue && x.how == how_sent::nothing) x.out += "HTTP/1.1 100 Continue\r\n\r\n";
  x.expects_continue = false;
  if (hijacked_away_ || broken_ || (!x.out.empty() && !send())) throw_gone("request::body");
  (void)set_limit(in_future(core_.options.idle_timeout));
  std::error_code ec;
  const std::size_t n = broken_ ? 0 : fill(ec, body_read);
  const bool in_time = set_limit(busy);
  if (n != 0 && !broken_) return;
  x.keep_alive = false;
  if (!in_time && broken_by_ == timed_out && !broken_)
    throw http::status_error(408, "the body did not come in time");
  broken_ = true;
  throw_gone("request::body");
}

std::string_view http_connection::whole_body() {
  http_exchange& x = *x_;
  while (!x.parser.done()) read_more_body();
  return std::string_view(x.body).substr(x.body_given);
}

std::size_t http_connection::read_body(std::span<char> into) {
  http_exchange& x = *x_;
  if (into.empty()) return 0;
  while (x.body_given == x.body.size()) {
    if (x.parser.done()) return 0;
    x.body.clear();
    x.body_given = 0;
    read_more_body();
  }
  const std::size_t n = x.body.copy(into.data(), into.size(), x.body_given);
  x.body_given += n;
  return n;
}

// The rest of a body that the handler has left, so that the connection can be used again. False: it is too much, or
// does not come.
bool http_connection::discard_body() {
  http_exchange& x = *x_;
  std::size_t n = 0;
  try {
    while (!x.parser.done() && n < most_discarded) {
      x.body.clear();
      read_more_body();
      n += x.body.size();
    }
  } catch (const std::exception&) {
    return false;
  }
  return x.parser.done();
}

// ---- the response

// The head. `whole`: nothing will be added to what has been written.
void http_connection::start_response(bool whole) {
  http_exchange& x = *x_;
  if (const auto text = x.headers.get("Content-Length")) {
    x.declared = parse_decimal(*text);
    if (!x.declared || (*x.declared < x.written && !has_no_body(x.status)))
      throw std::logic_error("goro: http::response_writer: Content-Length is \"" + printable(*text) +
                             "\" and more was written; leave it out, and it is counted");
  }
  const bool untold = !x.parser.done() && x.expects_continue;
  const std::uint64_t left = x.head.content_length.value_or(0) -
                             std::min<std::uint64_t>(x.head.content_length.value_or(0), x.body.size());
  if (untold || left > most_discarded) x.keep_alive = false;
  begin_response(x, whole ? std::optional<std::uint64_t>(x.written) : std::nullopt);
}

// What is buffered of the body goes to what is to be sent, as the response says that bodies are.
void http_connection::frame_content(bool last) {
  http_exchange& x = *x_;
  const bool chunked = x.how == how_sent::chunked && !x.is_head();
  if (!x.content.empty()) {
    if (chunked) {
      append_hex(x.out, x.content.size());
      x.out.append("\r\n").append(x.content).append("\r\n");
    } else {
      x.out += x.content;
    }
    x.content.clear();
  }
  if (last && chunked) x.out += "0\r\n\r\n";
}

void http_connection::write(std::string_view part) {
  http_exchange& x = *x_;
  if (part.empty()) return;
  if (broken_) throw_gone("response_writer::write");
  if (has_no_body(x.status))
    throw std::logic_error(
        "goro: http::response_writer::write: a response with status 204 or 304 has no body; "
        "choose another status, or write nothing");
  if (x.how != how_sent::nothing && x.declared && x.written + part.size() > *x.declared)
    throw std::logic_error("goro: http::response_writer::write: more than the Content-Length that was set");
  x.written += part.size();
  if (x.is_head()) return;
  x.content += part;
  if (x.content.size() >= most_buffered) flush();
}

void http_connection::flush() {
  http_exchange& x = *x_;
  if (hijacked_away_) return;
  if (x.how == how_sent::nothing) start_response(false);
  frame_content(false);
  if (!x.out.empty() && !send()) throw_gone("response_writer::flush");
}

// After the handler: what is still to be sent. With more requests at hand, the sending may wait for their answers.
void http_connection::finish() {
  http_exchange& x = *x_;
  std::string_view behind;
  if (x.how == how_sent::nothing) {
    start_response(true);
    if (x.content.size() >= worth_no_copy && x.in.empty())
      behind = x.content;
    else
      frame_content(true);
  } else {
    frame_content(true);
  }
  if (x.declared && x.written < *x.declared && !x.is_head() && !has_no_body(x.status)) x.keep_alive = false;
  const bool more_at_hand = x.keep_alive && x.parser.done() && !x.in.empty() && x.out.size() < most_coalesced;
  if (!more_at_hand) (void)send(behind);
}

// Sends what is to be sent, and `behind` after it. False: the client does not take it, or is gone.
bool http_connection::send(std::string_view behind) {
  http_exchange& x = *x_;
  std::error_code ec;
  std::string_view front = x.out;
  while (!broken_ && (!front.empty() || !behind.empty())) {
    if (!set_limit(in_future(core_.options.idle_timeout)) && broken_) break;
    const std::string_view pieces[] = {front.substr(0, most_at_once),
                                       front.size() < most_at_once ? behind.substr(0, most_at_once) : ""};
    const std::size_t size = pieces[0].size() + pieces[1].size();
    const std::size_t n = pieces[1].empty() ? conn_.write(pieces[0], ec) : conn_.writev(pieces, ec);
    if (ec || n != size) broken_ = true;
    front.remove_prefix(pieces[0].size());
    behind.remove_prefix(pieces[1].size());
  }
  (void)set_limit(busy);
  x.out.clear();
  return !broken_;
}

// ---- failures

// A request that no handler sees is answered, and the connection ends: where the next request begins is not known.
void http_connection::refuse(int status, std::string_view text) {
  http_exchange& x = *x_;
  unread_ = true;
  x.keep_alive = false;
  x.status = status;
  x.headers.clear();
  x.headers.set("Content-Type", "text/plain; charset=utf-8");
  x.content.assign(text).append("\n");
  x.written = x.content.size();
  begin_response(x, x.written);
  if (!x.is_head()) frame_content(true);
  (void)send();
}

// What is left to be done for a request whose handler has thrown. A response that is on its way is cut off, so that
// it cannot be taken for a whole one.
void http_connection::answer_failure(const std::exception_ptr& error) {
  http_exchange& x = *x_;
  if (x.how != how_sent::nothing) {
    x.keep_alive = false;
    x.how = how_sent::until_close;
    x.content.clear();
    return;
  }
  int status = 500;
  std::string text(http::status_text(500));
  try {
    std::rethrow_exception(error);
  } catch (const http::status_error& e) {
    status = e.status() >= 400 && e.status() <= 999 ? e.status() : 500;
    text = e.what();
  } catch (...) {
  }
  x.status = status;
  x.headers.clear();
  x.headers.set("Content-Type", "text/plain; charset=utf-8");
  x.declared.reset();
  x.content = text + "\n";
  x.written = x.content.size();
  if (x.is_head()) x.content.clear();
}

// To whom it may concern. A client that is gone, or a server that stops, is no failure of the handler: it may let out
// what its reads and waits threw then. And a status_error is an answer.
void http_connection::report(const std::exception_ptr& error, bool from_handler) {
  throw_site from = from_handler ? take_throw_site() : throw_site();
  try {
    std::rethrow_exception(error);
  } catch (const http::status_error&) {
    return;
  } catch (const std::system_error& e) {
    if (broken_ || (over_ && e.code() == over_)) return;
  } catch (...) {
  }
  std::exception_ptr left = error;
  if (core_.options.on_error) try {
      return noting_throw([&] { core_.options.on_error(http::request(*x_), error); });
    } catch (...) {
      left = escaped_exception();
      from = take_throw_site();
    }
  const std::string head = "goro: http: an exception of the handler of " + printable(x_->head.method) + " " +
                           printable(x_->head.target) + " in ";
  report_survived(head.c_str(), left, from);
}

}  // namespace goro::detail
