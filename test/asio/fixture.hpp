// SPDX-License-Identifier: MIT
// What the tests of use_goroutine share: each ends with no goroutine left over; two sockets of a connection.
#pragma once

#include "sched/introspect.hpp"
#include "sched/on_goroutine.hpp"
#include "sched/wake.hpp"
#include "support/at_procs.hpp"
#include "support/eventually.hpp"

#include <goro/asio.hpp>
#include <goro/goro.hpp>

#include <gtest/gtest.h>
#include <boost/asio/connect.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>

#include <chrono>
#include <string>
#include <thread>
#include <utility>

namespace goro_test {

namespace asio = boost::asio;
using boost::system::error_code;
using boost::system::system_error;
using tcp = asio::ip::tcp;
using goro::use_goroutine;
using namespace std::chrono_literals;

class AsioTest : public testing::Test {
 protected:
  void TearDown() override { goro::leak::verify_none(); }
  hang_guard guard_{"asio"};
};

inline int waiting() {
  return static_cast<int>(goro::detail::parked_count(goro::detail::wait_reason::io_wait));
}

inline tcp::endpoint loopback() { return {asio::ip::address_v4::loopback(), 0}; }

// Two ends of a connection over loopback.
inline std::pair<tcp::socket, tcp::socket> connection(asio::io_context& io) {
  tcp::acceptor acceptor(io, loopback());
  tcp::socket client(io);
  client.connect(acceptor.local_endpoint());
  client.set_option(tcp::no_delay(true));
  tcp::socket server = acceptor.accept();
  server.set_option(tcp::no_delay(true));
  return {std::move(client), std::move(server)};
}

// Runs `body` in a goroutine, and then in a plain thread.
template <class F>
void from_both(F body) {
  on_goroutine(body);
  std::thread(body).join();
}

// An operation made by hand: `init` is given the handler.
template <class Signature, class Init, class Token>
auto initiate(Init init, Token token) {
  return asio::async_initiate<Token, Signature>(std::move(init), token);
}

template <class F>
error_code code_of_failure(F call) {
  try {
    call();
  } catch (const system_error& e) {
    return e.code();
  }
  return {};
}

}  // namespace goro_test
