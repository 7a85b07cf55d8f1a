// SPDX-License-Identifier: MIT
// The server under load: stopping again and again loses no accepted request, and many clients at once.
#include "fixture.hpp"

#include <goro/net/pipe.hpp>

#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <string>
#include <vector>

namespace {

using goro_test::raw_client;
using goro_test::scaled;
using goro_test::web_server;

class HttpServerStress : public goro_test::AtProcs {
 protected:
  void TearDown() override {
    EXPECT_NO_THROW(family_.verify_none());
    AtProcs::TearDown();
  }

 private:
  goro::leak::family family_;
};
GORO_AT_PROCS(HttpServerStress);

// Clients connect and ask, one request a connection or several, while the server stops at some moment. A connection
// that was made before the stop began must be answered; a request that the handler saw must be answered. A hundred
// stops in `make test`: 25 at each of four numbers of Ps in the debug run, whose scale is 1 (the sanitizers' runs make
// a part of them, tools/run_tests.py).
TEST_P(HttpServerStress, StoppingLosesNoAcceptedRequest) {
  for (int round = 0; round != scaled(25); ++round) {
    web_server web;
    std::atomic<int> handled{0};
    web.server.handle("/", [&](auto& w, auto&) {
      ++handled;
      goro::yield();
      w.write("answer");
    });
    web.start();
    std::atomic<bool> stopping{false};
    std::atomic<int> answers{0};
    std::atomic<int> lost{0};
    {
      goro::scope clients;
      for (int i = 0; i != 16; ++i)
        clients.go([&, keep = i % 2 == 0] {
          for (;;) {
            std::error_code ec;
            goro::net::conn c = goro::net::dial(goro::background(), web.at(), ec);
            // It may have been cut off if it was made when, or after, the stop began.
            const bool accepted = c && !stopping.load();
            if (!c) return;
            c.set_deadline(goro::clock::now() + std::chrono::seconds(20));
            for (int k = 0; k != (keep ? 5 : 1); ++k) {
              c.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n", ec);
              std::string got;
              char buffer[512];
              while (got.find("answer") == std::string::npos) {
                const std::size_t n = c.read(buffer, ec);
                if (n == 0) break;
                got.append(buffer, n);
              }
              if (got.find("answer") != std::string::npos)
                ++answers;
              else if (!got.empty() || (accepted && k == 0))
                ++lost;  // half an answer, or none although the connection had been accepted
              if (got.find("Connection: close") != std::string::npos ||
                  got.find("answer") == std::string::npos)
                return;
            }
            if (stopping) return;
          }
        });
      while (handled < 4 + round % 40) goro::yield();
      stopping = true;
      web.stop();
    }
    EXPECT_EQ(lost, 0) << "round " << round;
    EXPECT_EQ(answers, handled) << "round " << round;
    if (HasFailure()) return;
  }
}

TEST_P(HttpServerStress, AThousandClientsAreServedAtOnce) {
  const int clients = scaled(1000);
  rlimit files{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &files), 0);
  files.rlim_cur = std::min<rlim_t>(files.rlim_max, 8192);  // two descriptors a client
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &files), 0);
  web_server web;
  web.server.handle("GET /{n}", [](auto& w, auto& r) { w.write(r.path_value("n")); });
  web.start();
  std::atomic<long> sum{0};
  goro::scope all;
  for (int i = 0; i != clients; ++i)
    all.go([&, i] {
      raw_client c(web.at());
      const std::string n = std::to_string(i);
      for (int k = 0; k != 5; ++k) {
        c.send("GET /" + n + " HTTP/1.1\r\nHost: a\r\n\r\n");
        if (c.read_until("\r\n\r\n" + n).find("200 OK") != std::string::npos) sum += i;
      }
    });
  all.wait();
  EXPECT_EQ(sum, 5L * clients * (clients - 1) / 2);
}

TEST_P(HttpServerStress, OneClientForManyGoroutines) {
  web_server web;
  web.server.handle("POST /", [](auto& w, auto& r) { w.write(r.body()); });
  web.start();
  goro::http::client client({.max_idle_per_host = 4});
  std::atomic<int> good{0};
  const int n = scaled(20);
  goro::scope all;
  for (int i = 0; i != 16; ++i)
    all.go([&, i] {
      for (int k = 0; k != n; ++k) {
        const std::string body = std::to_string(i * 1000 + k);
        if (client.send(goro::background(), "POST", web.url(), {}, body).body == body) ++good;
      }
    });
  all.wait();
  EXPECT_EQ(good, 16 * n);
}

// Clients that go away at every moment: nothing is left, and whoever stays is served.
TEST_P(HttpServerStress, ClientsThatGoAwayLeaveNothing) {
  web_server web;
  std::atomic<int> inside{0};
  web.server.handle("/", [&](auto& w, auto& r) {
    ++inside;
    const goro::defer out([&] { --inside; });
    (void)goro::sleep_for(std::chrono::microseconds(300), r.context());
    w.write(std::string(1000, 'x'));
  });
  web.start();
  const int n = scaled(100);
  goro::scope all;
  for (int i = 0; i != 8; ++i)
    all.go([&, i] {
      for (int k = 0; k != n; ++k) {
        raw_client c(web.at());
        c.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        if ((i + k) % 3 != 0) continue;
        EXPECT_NE(c.read_until("xxx").find("200 OK"), std::string::npos);
      }
    });
  all.wait();
  web.stop();
  EXPECT_EQ(inside, 0);
}

// Over connections in memory: the server asks nothing of a listener but what every one has.
TEST_P(HttpServerStress, ServesAListenerInMemory) {
  goro::http::server server;
  server.handle("/", [](auto& w, auto&) { w.write("in memory"); });
  auto [listener, dialer] = goro::net::pipe_listen("test");
  auto [ctx, cancel] = goro::with_cancel(goro::background());
  auto served =
      goro::async([&, l = std::move(listener), ctx = ctx]() mutable { server.serve(ctx, std::move(l)); });
  std::atomic<int> good{0};
  {
    goro::scope all;
    for (int i = 0; i != 8; ++i)
      all.go([&, d = &dialer] {
        goro::net::conn c = d->dial(goro::background());
        for (int k = 0; k != scaled(50); ++k) {
          c.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
          std::string got;
          char buffer[512];
          while (got.find("in memory") == std::string::npos) {
            const std::size_t n = c.read(buffer);
            if (n == 0) return;
            got.append(buffer, n);
          }
          ++good;
        }
      });
  }
  EXPECT_EQ(good, 8 * scaled(50));
  cancel();
  served.get();
}

}  // namespace
