// SPDX-License-Identifier: MIT
// What the tests of TLS share: an authority with a server's certificate, and pairs of connections.
#pragma once

#include "sched/introspect.hpp"
#include "sched/on_goroutine.hpp"
#include "support/at_procs.hpp"
#include "support/certificates.hpp"
#include "support/eventually.hpp"

#include <goro/goro.hpp>
#include <goro/net.hpp>
#include <goro/net/tls.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <thread>
#include <utility>

namespace goro_test {

namespace net = goro::net;
using namespace std::chrono_literals;

inline const certificate_authority& authority() {
  static const certificate_authority one;
  return one;
}
inline const certificate& server_certificate() {
  static const certificate one = authority().issue({.names = {"localhost", "IP:127.0.0.1"}});
  return one;
}

inline net::tls_options server_options() {
  net::tls_options options;
  options.certificates = {{server_certificate().pem, server_certificate().key}};
  return options;
}
inline net::tls_options client_options() {
  net::tls_options options;
  options.server_name = "localhost";
  options.system_roots = false;
  options.authorities = authority().pem();
  return options;
}

// Two ends over TCP on loopback, without TLS.
inline std::pair<net::conn, net::conn> connection() {
  net::listener l = net::listen("127.0.0.1:0");
  net::conn client = net::dial(goro::background(), l.local_address().to_string());
  return {std::move(client), l.accept()};
}

struct tls_pair {
  net::conn client;
  net::conn server;
  std::error_code client_error;
  std::error_code server_error;
};

// Both ends, and how their handshakes went. The server's part has a goroutine.
inline tls_pair shake(const net::tls_config& client, const net::tls_config& server,
                      std::pair<net::conn, net::conn> ends = connection()) {
  tls_pair both;
  both.client = net::tls_client(std::move(ends.first), client);
  both.server = net::tls_server(std::move(ends.second), server);
  goro::scope s;
  s.go([&both] {
    net::tls_handshake(goro::background(), both.server, both.server_error);
    if (both.server_error) both.server.close();
  });
  net::tls_handshake(goro::background(), both.client, both.client_error);
  if (both.client_error) both.client.close();
  s.wait();
  return both;
}

inline std::string read_all(net::conn& c, std::error_code& ec) {
  std::string all;
  char buffer[4096];
  while (const std::size_t n = c.read(buffer, ec)) all.append(buffer, n);
  return all;
}

template <class F>
void from_both(F body) {
  on_goroutine(body);
  std::thread(body).join();
}

class TlsTest : public testing::Test {
 protected:
  void TearDown() override { goro::leak::verify_none(); }
  hang_guard guard_{"tls"};
};

}  // namespace goro_test
