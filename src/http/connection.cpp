// SPDX-License-Identifier: MIT
// A connection's life: waiting for requests, reading their heads, ending. How requests are answered is in answer.cpp.
#include "http/connection.hpp"

#include "http/server_core.hpp"
#include "http/url.hpp"

#include <goro/detail/duration.hpp>

#include <algorithm>
#include <mutex>
#include <string>

namespace goro::detail {

namespace {

constexpr std::size_t first_read = 4096;  // bytes; most requests fit
constexpr auto last_look_takes = std::chrono::milliseconds(2);
constexpr auto lingers = std::chrono::seconds(1);
constexpr std::size_t most_lingering = 1u << 20;  // bytes

}  // namespace

http_connection::http_connection(server_core& core, net::conn conn) noexcept
    : core_(core), conn_(std::move(conn)), limit_(in_future(core.options.header_timeout, fresh)) {
  core_.add(*this);
}

http_connection::~http_connection() {
  core_.remove(*this);  // before the conn goes
  if (!x_) return;
  end_context();
  x_->recycle();  // what this client has sent is not the next one's
}

void http_connection::run() {
  bool going = true;
  while (going) going = await_request() && read_head() && respond();
  if (hijacked_away_) return;
  if (unread_ && !broken_) linger();
}

// ---- limits

std::int64_t http_connection::in_future(duration d, std::int64_t kind) noexcept {
  const std::int64_t at = std::min(deadline_after(d), never - 3);
  return std::max<std::int64_t>(at & ~std::int64_t{3}, 4) | kind;
}

// L2. False: it had been broken off, and broken_by_ says why. Except for close(), which is for good, the conn is as if
// nothing had been.
bool http_connection::set_limit(std::int64_t limit) noexcept {
  const std::int64_t before = limit_.exchange(limit, std::memory_order_seq_cst);
  if (before >= 0) return true;
  broken_by_ = before;
  const std::lock_guard hold(core_.lock());
  if (core_.is_closed())
    broken_ = true;
  else
    conn_.set_deadline(time_point::max());
  return false;
}

void http_connection::check_time(std::int64_t now, std::int64_t fresh_until) noexcept {
  std::int64_t seen = limit_.load(std::memory_order_seq_cst);
  if (seen <= 0) return;
  const std::int64_t until = (seen & fresh) != 0 ? std::min(seen, fresh_until) : seen;
  if (until <= now && limit_.compare_exchange_strong(seen, timed_out, std::memory_order_seq_cst))
    conn_.set_deadline(time_point::min());
}

void http_connection::drain() noexcept {
  hijacked_();
  std::int64_t seen = limit_.load(std::memory_order_seq_cst);  // L3
  if (seen > 0 && (seen & idle) != 0 &&
      limit_.compare_exchange_strong(seen, drained, std::memory_order_seq_cst))
    conn_.set_deadline(time_point::min());
}

void http_connection::break_off() noexcept {
  hijacked_();
  (void)limit_.exchange(closed, std::memory_order_seq_cst);
  conn_.set_deadline(time_point::min());
}

// ---- a request comes

// Until the first bytes of a request are in the buffer. False: there will be none.
bool http_connection::await_request() {
  if (x_ && !x_->in.empty()) {  // it is here already
    (void)set_limit(in_future(core_.options.header_timeout));
    return !broken_;
  }
  if (x_) {
    x_->recycle();
    x_.reset();
  }
  if (!fresh_ && !set_limit(in_future(core_.options.idle_timeout, idle)) && broken_) return false;
  std::size_t n = 0;
  const bool last = !fresh_ && core_.is_draining();  // L3
  if (!last) {
    std::error_code ec;
    conn_.wait_readable(ec);
    if (!ec) {
      x_ = core_.exchanges.get();
      n = fill(ec, first_read);
    }
  }
  const bool undisturbed = set_limit(in_future(core_.options.header_timeout));
  if (broken_) return false;
  // Who drains has thought it idle. It may have been, and a request come all the same.
  if (n == 0 && (last || (!undisturbed && broken_by_ == drained))) n = last_look();
  return n != 0;
}

// What there is to read now, if anything.
std::size_t http_connection::last_look() {
  if (!x_) x_ = core_.exchanges.get();
  std::error_code ec;
  conn_.set_read_deadline(clock::now() + last_look_takes);
  const std::size_t n = fill(ec, first_read);
  conn_.set_read_deadline(time_point::max());
  return n;
}

std::size_t http_connection::fill(std::error_code& ec, std::size_t room) {
  const std::size_t n = conn_.read(x_->in.room(room), ec);
  x_->in.filled(n);
  return n;
}

// False: there was none, or a refused one.
bool http_connection::read_head() {
  http_exchange& x = *x_;
  x.begin();
  x.connection = this;
  x.parser.begin(message_parser::kind::request, x.head, {core_.options.max_header, core_.options.max_body});
  bool begun = false;
  for (;;) {
    while (!begun && x.in.view().substr(0, 2) == "\r\n") x.in.used(2);  // RFC 9112, 2.2
    if (!x.in.empty() && (begun || x.in.view() != "\r")) {
      begun = true;
      x.in.used(x.parser.put(x.in.view(), nullptr));
      if (x.parser.fault() != parse_fault::none) {
        refuse(status_of(x.parser.fault()), text_of(x.parser.fault()));
        return false;
      }
      if (x.parser.head_done()) break;
    }
    if (!x.out.empty()) {  // answers to earlier requests, and their sender may wait for them
      if (!send() || !set_limit(in_future(core_.options.header_timeout))) return false;
    }
    std::error_code ec;
    if (fill(ec, first_read) != 0) continue;
    if (!set_limit(busy) && broken_by_ == timed_out && !broken_ && begun)
      refuse(408, "the request did not come in time");
    return false;
  }
  fresh_ = false;
  (void)set_limit(busy);
  return !broken_;
}

// Ends the sending, and takes what the client still sends: else the kernel would reset the connection, and the
// client might lose the answer.
void http_connection::linger() noexcept {
  std::error_code ec;
  conn_.close_write(ec);
  if (ec || !set_limit(in_future(lingers))) return;
  conn_.set_read_deadline(clock::now() + lingers);
  char rest[512];
  for (std::size_t n = 0; n < most_lingering;) {
    const std::size_t more = conn_.read(rest, ec);
    if (more == 0) break;
    n += more;
  }
}

}  // namespace goro::detail
