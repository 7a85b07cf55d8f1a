// SPDX-License-Identifier: MIT
#include <goro/goro.hpp>
#include <goro/net.hpp>

#include "sched/introspect.hpp"
#include "support/eventually.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <string>

namespace {

using namespace std::chrono_literals;
namespace net = goro::net;

struct pair_of {
  net::conn client;
  net::conn server;
};

pair_of connect_pair(const std::string& at = "127.0.0.1:0") {
  net::listener l = net::listen(at);
  auto dialled = goro::async([&] { return net::dial(goro::background(), l.local_address().to_string()); });
  net::conn server = l.accept();
  return {dialled.get(), std::move(server)};
}

class Conn : public testing::Test {
 protected:
  void TearDown() override { goro::leak::verify_none(); }
};

TEST_F(Conn, EchoesOverTcp) {
  auto [client, server] = connect_pair();
  goro::scope s;
  s.go([&server = server] {
    char buffer[64];
    while (std::size_t n = server.read(buffer)) server.write({buffer, n});
    server.close_write();
  });
  for (int i = 0; i != 1000; ++i) {
    client.write("hello");
    char buffer[64];
    ASSERT_EQ(client.read(buffer), 5u);
  }
  client.close_write();
  char buffer[8];
  EXPECT_EQ(client.read(buffer), 0u);
  s.wait();
}

TEST_F(Conn, EchoesOverUnix) {
  auto [client, server] = connect_pair("unix:@goro-test-" + std::to_string(getpid()));
  client.write("hi");
  char buffer[8];
  EXPECT_EQ(server.read(buffer), 2u);
  client.close();
  EXPECT_EQ(server.read(buffer), 0u);
}

TEST_F(Conn, DeadlineEndsARead) {
  auto [client, server] = connect_pair();
  client.set_read_deadline(goro::clock::now() + 20ms);
  char buffer[8];
  std::error_code ec;
  EXPECT_EQ(client.read(buffer, ec), 0u);
  EXPECT_EQ(ec, goro::errc::deadline_exceeded);
}

TEST_F(Conn, CloseEndsAReadInAGoroutine) {
  auto [client, server] = connect_pair();
  goro::scope s;
  s.go([&client = client] {
    char buffer[8];
    std::error_code ec;
    EXPECT_EQ(client.read(buffer, ec), 0u);
    EXPECT_EQ(ec, net::errc::closed);
  });
  ASSERT_TRUE(goro_test::eventually(
      [] { return goro::detail::parked_count(goro::detail::wait_reason::io_wait) == 1; }));
  client.close();
  s.wait();
}

}  // namespace
