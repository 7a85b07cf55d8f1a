// SPDX-License-Identifier: MIT
// A server's life: a goroutine a listener that accepts, one a connection, one that watches over time limits.
#include "http/server_core.hpp"

#include "net/errors.hpp"

#include <goro/defer.hpp>
#include <goro/detail/canceller.hpp>
#include <goro/go.hpp>
#include <goro/select.hpp>
#include <goro/time.hpp>

#include <poll.h>
#include <algorithm>
#include <cstdio>
#include <mutex>
#include <stdexcept>

namespace goro {

namespace detail {

namespace {

constexpr auto fresh_wait = std::chrono::seconds(1);        // for a first request, while draining
constexpr auto queue_wait = std::chrono::milliseconds(10);  // for a connection that is as good as accepted
constexpr auto shortest_tick = std::chrono::milliseconds(1);
constexpr auto longest_tick = std::chrono::seconds(1);
constexpr auto drain_tick = std::chrono::milliseconds(50);

std::int64_t now() noexcept { return clock::now().time_since_epoch().count(); }

// Ends the waiting of accept when the context is done.
struct accept_break : cancel_node {
  accept_break(net::listener& l, canceller* c) noexcept : of(l), by(c) {
    cancelled = [](cancel_node& n) noexcept {
      static_cast<accept_break&>(n).of.set_deadline(time_point::min());
    };
    watching = by != nullptr && by->add(*this);
  }
  ~accept_break() { end(); }
  void end() noexcept {
    if (watching) by->remove(*this);
    watching = false;
  }
  bool is_done() const noexcept { return by != nullptr && by->is_cancelled(); }

  net::listener& of;
  canceller* const by;
  bool watching;
};

// The connection was not made, and the listener is none the worse for it.
bool passes(const std::error_code& ec) noexcept {
  return is_shortage(ec) || ec == std::errc::connection_aborted;
}

bool has_queue(const net::listener& l) noexcept {
  pollfd p{l.native_handle(), POLLIN, 0};
  return p.fd < 0 || (::poll(&p, 1, 0) == 1 && (p.revents & POLLIN) != 0);
}

}  // namespace

// ---- connections

void server_core::add(http_connection& c) {
  const std::lock_guard hold(lock_);
  c.next = first_;
  if (first_ != nullptr) first_->prev = &c;
  if (first_ == nullptr) (void)news_.try_send({});
  first_ = &c;
  if (is_closed()) c.break_off();
}

void server_core::remove(http_connection& c) noexcept {
  const std::lock_guard hold(lock_);
  (c.prev != nullptr ? c.prev->next : first_) = c.next;
  if (c.next != nullptr) c.next->prev = c.prev;
}

void server_core::start(net::conn c) {
  connections_.go([this, c = std::move(c)]() mutable {
    http_connection connection(*this, std::move(c));
    connection.run();
  });
}

// Wakes up while there are connections, every quarter of the shorter time-out, a second at most.
void server_core::watch_limits(const recv_chan<std::monostate>& stop) {
  const duration tick = std::clamp<duration>(std::min(options.header_timeout, options.idle_timeout) / 4,
                                             shortest_tick, longest_tick);
  for (;;) {
    duration wait = tick;
    {
      const std::lock_guard hold(lock_);
      const std::int64_t time = now();
      for (http_connection* c = first_; c != nullptr; c = c->next) c->check_time(time, fresh_until_);
      if (fresh_until_ != never) wait = std::min<duration>(wait, drain_tick);
      if (first_ == nullptr) wait = duration::max();
    }
    if (select(recv(stop), recv(news_), timeout(wait)) == 0) return;
  }
}

// ---- listeners

void server_core::accept_all(net::listener& l, const goro::context& ctx) noexcept {
  try {
    accept_break on_stop(l, canceller_of(ctx));
    bool told = false;
    while (!on_stop.is_done()) {
      std::error_code ec;
      net::conn c = l.accept(ec);
      if (c) {
        told = false;
        start(std::move(c));
      } else if (is_shortage(ec)) {
        tell_of_shortage(ec, !told);
        told = true;
      } else if (!passes(ec) && !on_stop.is_done()) {
        throw std::system_error(ec, "goro: http::server::serve: accept");
      }
    }
    on_stop.end();
    draining_.store(true, std::memory_order_seq_cst);  // what comes now is told that it is the last
    if (!is_closed()) accept_queued(l);
  } catch (...) {
    fail(std::current_exception());
  }
  l.close();
}

// The listener has paused already.
void server_core::tell_of_shortage(const std::error_code& ec, bool first) {
  if (options.on_accept_error)
    options.on_accept_error(ec);
  else if (first)
    std::fprintf(stderr, "goro: http: no more connections can be accepted for now: %s\n",
                 ec.message().c_str());
}

// What the kernel has accepted in our name has been promised an answer. If there is no descriptor for it, idle
// connections may hold them: so these are told to end before the listeners have been emptied. What does not help within
// drain_timeout, or until close(), is given up.
void server_core::accept_queued(net::listener& l) {
  const std::int64_t give_up =
      options.drain_timeout <= duration::zero() ? never : saturating_add(now(), to_ns(options.drain_timeout));
  bool told = false;
  while (!is_closed() && has_queue(l)) {
    std::error_code ec;
    l.set_deadline(clock::now() + queue_wait);
    net::conn c = l.accept(ec);
    if (c) {
      start(std::move(c));
    } else if (is_shortage(ec)) {
      tell_of_shortage(ec, !told);
      told = true;
      drain(now());
      if (now() >= give_up) return;
    } else if (l.native_handle() < 0 || !passes(ec)) {
      return;
    }
  }
}

void server_core::fail(std::exception_ptr why) noexcept {
  const std::lock_guard hold(lock_);
  if (!failure_) failure_ = std::move(why);
  stop_accepting_();
}

// ---- the whole

void server_core::drain(std::int64_t time) {
  const std::lock_guard hold(lock_);
  draining_.store(true, std::memory_order_seq_cst);  // L3
  fresh_until_ = saturating_add(time, to_ns(fresh_wait));
  for (http_connection* c = first_; c != nullptr; c = c->next) c->drain();
  (void)news_.try_send({});
}

void server_core::serve(const goro::context& ctx) {
  if (listeners.empty())
    throw std::logic_error("goro: http::server::serve: nothing listens; call listen() before");
  if (serving_.exchange(true))
    throw std::logic_error(
        "goro: http::server::serve: it runs already; one serve() at a time, with many addresses");
  const goro::defer free([this] { serving_.store(false); });
  auto [accepting, stop_accepting] = with_cancel(ctx);
  {
    const std::lock_guard hold(lock_);
    auto [base, end] = with_cancel(without_cancel(ctx));
    base_ = std::move(base);
    end_requests_ = std::move(end);
    stop_accepting_ = stop_accepting;
    failure_ = nullptr;
    fresh_until_ = never;
    draining_.store(false);
  }
  if (is_closed()) stop_accepting();

  const auto stop = make_chan<std::monostate>();
  wait_group watch;
  watch.go([&] { watch_limits(stop); });
  {
    wait_group accepts;
    for (net::listener& l : listeners) accepts.go([&, ctx = accepting] { accept_all(l, ctx); });
    accepts.wait();
  }
  listeners.clear();
  drain(now());
  if (options.drain_timeout <= duration::zero()) {
    connections_.wait();
  } else if (!connections_.wait_for(options.drain_timeout)) {
    close();
    connections_.wait();
  }
  stop.close();
  watch.wait();
  const std::lock_guard hold(lock_);
  end_requests_ = stop_accepting_ = cancel_func();
  if (failure_) std::rethrow_exception(failure_);
}

void server_core::close() noexcept {
  const std::lock_guard hold(lock_);
  closed_.store(true, std::memory_order_seq_cst);
  stop_accepting_();
  end_requests_();
  for (http_connection* c = first_; c != nullptr; c = c->next) c->break_off();
}

}  // namespace detail

namespace http {

server::server(server_options options) : core_(new goro::detail::server_core(std::move(options))) {}
server::~server() { delete core_; }

void server::handle(std::string_view pattern, handler h) { core_->routes.handle(pattern, std::move(h)); }
void server::listen(std::string_view address) { core_->listeners.push_back(net::listen(address)); }

net::address server::local_address() const {
  if (core_->listeners.empty())
    throw std::logic_error("goro: http::server::local_address: nothing listens; call listen() before");
  return core_->listeners.front().local_address();
}

void server::serve(const goro::context& ctx) { core_->serve(ctx); }
void server::serve(const goro::context& ctx, net::listener l) {
  core_->listeners.push_back(std::move(l));
  core_->serve(ctx);
}
void server::close() noexcept { core_->close(); }

}  // namespace http
}  // namespace goro
