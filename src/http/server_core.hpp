// SPDX-License-Identifier: MIT
// What the connections of a server share, and the server's life: serving, draining, closed.
#pragma once

#include "http/connection.hpp"

#include <goro/chan.hpp>
#include <goro/context.hpp>
#include <goro/http/server.hpp>
#include <goro/mutex.hpp>
#include <goro/pool.hpp>
#include <goro/wait_group.hpp>

#include <atomic>
#include <cstdint>
#include <exception>
#include <system_error>
#include <variant>
#include <vector>

namespace goro::detail {

class server_core {
 public:
  explicit server_core(http::server_options o) : options(std::move(o)) {}

  void serve(const goro::context& ctx);
  void close() noexcept;

  // A connection's.
  void add(http_connection& c);
  void remove(http_connection& c) noexcept;
  bool is_draining() const noexcept { return draining_.load(std::memory_order_seq_cst); }  // L3
  bool is_closed() const noexcept { return closed_.load(std::memory_order_relaxed); }
  goro::context request_context() const { return base_; }
  goro::mutex& lock() noexcept { return lock_; }

  const http::server_options options;
  http::router routes;
  std::vector<net::listener> listeners;
  pool<http_exchange> exchanges{[] { return http_exchange(); }};

 private:
  void accept_all(net::listener& l, const goro::context& ctx) noexcept;
  void accept_queued(net::listener& l);
  void tell_of_shortage(const std::error_code& ec, bool first);
  void start(net::conn c);
  void fail(std::exception_ptr why) noexcept;
  void drain(std::int64_t now);
  void watch_limits(const recv_chan<std::monostate>& stop);

  goro::mutex lock_;
  http_connection* first_ = nullptr;                          // under lock_
  std::int64_t fresh_until_ = never;                          // under lock_
  chan<std::monostate> news_ = make_chan<std::monostate>(1);  // for watch_limits
  std::atomic<bool> draining_{false};
  std::atomic<bool> closed_{false};
  std::atomic<bool> serving_{false};
  wait_group connections_;
  goro::context base_;        // set by serve, before there are connections
  cancel_func end_requests_;  // under lock_, as these
  cancel_func stop_accepting_;
  std::exception_ptr failure_;  // of a listener
};

}  // namespace goro::detail
