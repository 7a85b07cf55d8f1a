// SPDX-License-Identifier: MIT
#include "tls/fixture.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <string>
#include <vector>

namespace {

using namespace goro_test;

class TlsStress : public AtProcs {
 protected:
  void TearDown() override {
    goro::leak::verify_none();
    AtProcs::TearDown();
  }
};
GORO_AT_PROCS(TlsStress);

char byte_at(std::size_t i) { return static_cast<char>(i * 7 + i / 251); }

void write_pattern(net::conn& c, std::size_t bytes) {
  std::size_t at = 0;
  for (std::size_t round = 0; at != bytes; ++round) {
    const std::size_t size = std::min<std::size_t>(bytes - at, round % 3 == 0   ? 100
                                                               : round % 3 == 1 ? 5'000
                                                                                : 100'000);
    std::string part(size, '\0');
    for (char& each : part) each = byte_at(at++);
    c.write(part);
  }
  c.close_write();
}

void read_pattern(net::conn& c, std::size_t bytes) {
  std::size_t at = 0;
  std::array<char, 6'000> buffer;
  while (const std::size_t n = c.read(buffer))
    for (std::size_t i = 0; i != n; ++i) {
      ASSERT_EQ(buffer[i], byte_at(at)) << at;
      ++at;
    }
  EXPECT_EQ(at, bytes);
}

TEST_P(TlsStress, TL20_MuchBothWaysAtOnce) {
  const net::tls_config client(client_options());
  const net::tls_config server(server_options());
  const auto bytes = static_cast<std::size_t>(scaled(2'000'000));
  goro::async([&] {
    goro::scope s;
    std::vector<tls_pair> all(3);
    for (tls_pair& both : all) {
      both = shake(client, server);
      ASSERT_FALSE(both.client_error);
      s.go([&] { write_pattern(both.client, bytes); });
      s.go([&] { write_pattern(both.server, bytes); });
      s.go([&] { read_pattern(both.client, bytes); });
      s.go([&] { read_pattern(both.server, bytes); });
    }
    s.wait();
  }).get();
}

// Whoever comes first shakes hands for all; nothing is mixed up within a write.
TEST_P(TlsStress, TL21_ManyWritersAndALazyHandshake) {
  const net::tls_config client(client_options());
  const net::tls_config server(server_options());
  for (int round = 0; round != scaled(10); ++round) {
    auto ends = connection();
    net::conn out = net::tls_client(std::move(ends.first), client);
    net::conn in = net::tls_server(std::move(ends.second), server);
    constexpr int writers = 8;
    constexpr int lines = 20;
    goro::wait_group writing;
    for (int w = 0; w != writers; ++w)
      writing.go([&, w] {
        const std::string line(99, static_cast<char>('a' + w));
        const std::string_view pieces[] = {line, "\n"};
        for (int i = 0; i != lines; ++i) out.writev(pieces);
      });
    goro::scope s;
    s.go([&] {
      writing.wait();
      out.close_write();
    });
    std::string all;
    std::error_code ec;
    all = read_all(in, ec);
    ASSERT_FALSE(ec) << ec.message();
    s.wait();
    ASSERT_EQ(all.size(), std::size_t{100} * writers * lines);
    for (std::size_t at = 0; at != all.size(); at += 100)
      ASSERT_EQ(all.substr(at, 100), std::string(99, all[at]) + '\n');
  }
}

TEST_P(TlsStress, TL22_ClosedAtAnyMoment) {
  const net::tls_config client(client_options());
  const net::tls_config server(server_options());
  for (int round = 0; round != scaled(60); ++round) {
    auto ends = connection();
    net::conn a = net::tls_client(std::move(ends.first), client);
    net::conn b = net::tls_server(std::move(ends.second), server);
    goro::scope s;
    for (net::conn* const c : {&a, &b}) {
      s.go([c] {
        std::error_code ec;
        char buffer[512];
        while (c->read(buffer, ec) != 0) {
        }
      });
      s.go([c] {
        std::error_code ec;
        while (!ec) c->write("0123456789", ec);
      });
    }
    s.go([&, round] {
      goro::sleep_for(std::chrono::microseconds(round * 97 % 4'000));
      (round % 2 == 0 ? a : b).close();
      goro::sleep_for(std::chrono::microseconds(round % 50));
      (round % 2 == 0 ? b : a).close();
    });
    s.wait();
  }
}

TEST_P(TlsStress, TL23_HandshakesBesideCancellations) {
  net::listener l = net::listen_tls("127.0.0.1:0", server_options());
  const std::string at = l.local_address().to_string();
  const net::tls_config config(client_options());
  std::atomic<int> done{0};
  std::atomic<int> cut{0};
  const int rounds = scaled(40);
  goro::scope server;
  server.go([&] {
    goro::scope each;
    std::error_code ec;
    for (;;) {
      net::conn c = l.accept(ec);
      if (ec) break;
      each.go([c = std::move(c)]() mutable {
        std::error_code ignored;
        char buffer[64];
        while (const std::size_t n = c.read(buffer, ignored)) c.write(std::string_view(buffer, n), ignored);
      });
    }
  });
  goro::wait_group clients;
  for (int n = 0; n != 4; ++n)
    clients.go([&, n] {
      for (int i = 0; i != rounds; ++i) {
        const auto [ctx, cancel] =
            goro::with_timeout(goro::background(), std::chrono::microseconds((i * 131 + n * 977) % 6'000));
        std::error_code ec;
        net::conn c = net::dial_tls(ctx, at, config, ec);
        if (ec) {
          ASSERT_EQ(ec, goro::errc::deadline_exceeded) << ec.message();
          ++cut;
          continue;
        }
        c.write("ping");
        char buffer[8];
        ASSERT_EQ(c.read(buffer), 4u);
        ++done;
      }
    });
  clients.wait();
  l.close();
  server.wait();
  EXPECT_EQ(done + cut, 4 * rounds);
}

}  // namespace
