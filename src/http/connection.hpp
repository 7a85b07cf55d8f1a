// SPDX-License-Identifier: MIT
// One connection of a server: lives on its goroutine's stack, from the accept to the end.
//
// What may break its waits are three: the server's watch over time limits, draining, and close(). They find it in the
// server's list, under the list's lock, and use one word of it, `limit_`:
//
//       > 0         it waits for the client, until then (ns of goro::clock): a head, a body, a response being taken
//         + idle    likewise between two requests: nothing is lost if it ends here and now
//         + fresh   likewise for the first request
//       busy        a handler runs: no limit
//       < 0         broken off, and why; the deadline of the conn is, or is just being, set to the past
//
//   L1  Only its own goroutine steps to what is not negative. The others step from a limit that they have seen to
//       broken off, by CAS (close() from whatever there is), and then set the conn's deadline: all of it under the
//       list's lock.
//   L2  Every step of its own is an exchange, so it cannot miss that it was broken off. It then takes the list's lock
//       once: after that the deadline is set, and stays where its own goroutine sets it.
//   L3  It is idle with that in the word, and then looks whether the server drains; who drains says so, and then
//       looks at the words (both seq_cst): one of the two sees the other.
// So no timer is armed or moved for a request, and none is missed.
#pragma once

#include "http/exchange.hpp"

#include <goro/detail/duration.hpp>
#include <goro/detail/throw_site.hpp>
#include <goro/net/conn.hpp>
#include <goro/pool.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <string>
#include <string_view>
#include <system_error>

namespace goro::detail {

class server_core;

class http_connection {
 public:
  http_connection(server_core& core, net::conn conn) noexcept;
  ~http_connection();
  http_connection(const http_connection&) = delete;
  http_connection& operator=(const http_connection&) = delete;

  void run();

  // ---- for request and response_writer, in the handler's goroutine
  std::string_view whole_body();
  std::size_t read_body(std::span<char> into);
  const goro::context& context();
  void write(std::string_view part);
  void flush();
  net::conn hijack(std::string& read_ahead);
  net::address remote_address() const { return conn_.remote_address(); }

  // ---- for the server, under its list's lock
  static constexpr std::int64_t busy = 0;
  static constexpr std::int64_t timed_out = -1;
  static constexpr std::int64_t drained = -2;
  static constexpr std::int64_t closed = -3;
  void check_time(std::int64_t now, std::int64_t fresh_until) noexcept;
  void drain() noexcept;
  void break_off() noexcept;

  http_connection* next = nullptr;  // of the list
  http_connection* prev = nullptr;

 private:
  using exchange_handle = pool<http_exchange>::handle;

  static constexpr std::int64_t idle = 1;
  static constexpr std::int64_t fresh = 2;

  static std::int64_t in_future(duration d, std::int64_t kind = 0) noexcept;
  bool set_limit(std::int64_t limit) noexcept;

  bool await_request();
  std::size_t last_look();
  bool read_head();
  bool is_acceptable();
  bool respond();
  std::exception_ptr run_handler();
  void send_earlier_answers() noexcept;
  void finish();
  bool discard_body();
  void refuse(int status, std::string_view text);
  void answer_failure(const std::exception_ptr& error);
  [[gnu::noinline]] void report(const std::exception_ptr& error, bool from_handler);
  void end_context() noexcept;
  void linger() noexcept;

  std::size_t fill(std::error_code& ec, std::size_t room);
  void read_more_body();
  void start_response(bool whole);
  void frame_content(bool last);
  bool send(std::string_view behind = {});

  server_core& core_;
  net::conn conn_;
  exchange_handle x_;  // empty while it is idle
  std::atomic<std::int64_t> limit_;
  cancel_func hijacked_;        // the context's, once hijacked; under the list's lock
  std::int64_t broken_by_ = 0;  // timed_out, drained or closed, of the last set_limit that was not true
  bool fresh_ = true;           // no request has come yet
  bool broken_ = false;         // a send has failed, or the client is gone
  std::error_code over_;        // for what the last request's context was done while its handler ran
  bool unread_ = false;         // the client may have sent what nobody has read
  bool hijacked_away_ = false;
};

}  // namespace goro::detail
