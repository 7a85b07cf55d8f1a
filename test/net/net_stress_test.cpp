// SPDX-License-Identifier: MIT
// Many connections, and calls that race: on the loopback, at P = 1, 2, 4 and 16.
#include "net/connected.hpp"

#include "support/at_procs.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <thread>
#include <vector>

namespace {

using namespace goro_test;

class NetStress : public goro_test::AtProcs {};
GORO_AT_PROCS(NetStress);

void allow_many_descriptors() {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

// Each of a tenth of many connections echoes, the others are idle; every byte comes back once.
TEST_P(NetStress, ManyIdleAndSomeActive) {
  allow_many_descriptors();
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  const int many = std::min<int>(scaled(1000), static_cast<int>(limit.rlim_cur / 2) - 100);
  const int active = std::max(many / 10, 1);
  constexpr int rounds = 20;
  listening l(kind::tcp);
  goro::scope servers;
  goro::scope s;
  s.go([&] {
    for (int i = 0; i != many; ++i)
      servers.go([c = l.listener.accept()]() mutable {
        char buffer[256];
        std::error_code ec;
        while (const std::size_t n = c.read(buffer, ec)) c.write({buffer, n}, ec);
      });
  });
  std::vector<net::conn> clients;
  for (int i = 0; i != many; ++i) clients.push_back(l.dial());
  s.wait();
  std::atomic<int> echoed{0};
  for (int i = 0; i != active; ++i)
    s.go([&c = clients[static_cast<std::size_t>(i) * 10 % clients.size()], &echoed] {
      char buffer[16];
      for (int round = 0; round != rounds; ++round) {
        c.write("question");
        std::size_t n = 0;
        while (n < 8) n += c.read(buffer);
        if (n == 8) ++echoed;
      }
    });
  s.wait();
  EXPECT_EQ(echoed, active * rounds);
  clients.clear();
  servers.wait();
}

TEST_P(NetStress, ConnectionsComeAndGo) {
  listening l(kind::tcp);
  const int each = scaled(100);
  constexpr int clients = 8;
  std::atomic<int> served{0};
  goro::scope s;
  s.go([&] {
    goro::scope inner;
    for (int i = 0; i != each * clients; ++i)
      inner.go([c = l.listener.accept(), &served]() mutable {
        char buffer[8];
        if (c.read(buffer) == 2) ++served;
        c.write("ok");
      });
    inner.wait();
  });
  for (int i = 0; i != clients; ++i)
    s.go([&l, each] {
      for (int n = 0; n != each; ++n) {
        net::conn c = l.dial();
        c.write("hi");
        char buffer[8];
        ASSERT_EQ(c.read(buffer), 2u);
      }
    });
  s.wait();
  EXPECT_EQ(served, each * clients);
}

TEST_P(NetStress, NP06_CloseRacesWithReads) {
  listening l(kind::tcp);
  for (int i = 0, n = scaled(150); i != n; ++i) {
    auto [client, server] = connect(l);
    std::atomic<int> ended{0};
    goro::scope s;
    for (int r = 0; r != 3; ++r)
      s.go([&client = client, &ended] {
        char buffer[8];
        std::error_code ec;
        while (client.read(buffer, ec) != 0) {
        }
        if (ec == net::errc::closed) ++ended;
      });
    s.go([&server = server] {
      std::error_code ec;
      for (int k = 0; k != 5 && !ec; ++k) server.write("x", ec);
    });
    if (i % 2 == 0) goro::yield();
    client.close();
    s.wait();
    EXPECT_EQ(ended, 3);
  }
}

// Two close the same listener. Whichever comes back first, nobody gets in any more.
TEST_P(NetStress, NP06_ASecondCloseComesBackNoEarlier) {
  for (int i = 0, n = scaled(300); i != n; ++i) {
    const std::string at = unix_name();
    net::listener l = net::listen(at);
    goro::scope s;
    s.go([&l] {
      std::error_code ec;
      while (ec != net::errc::closed) (void)l.accept(ec);
    });
    if (i % 2 == 0) goro::yield();
    for (int k = 0; k != 2; ++k)
      s.go([&l, &at] {
        l.close();
        std::error_code ec;
        (void)net::dial(goro::background(), at, ec);
        EXPECT_EQ(ec, std::errc::connection_refused);
      });
    s.wait();
    if (HasFailure()) return;
  }
}

// A read races with a deadline and with data: whichever wins, nothing is lost.
TEST_P(NetStress, NP10_DeadlinesMoveWhileDataFlows) {
  for (const kind k : {kind::tcp, kind::memory}) {
    auto [client, server] = connect(k);
    const int bytes = scaled(20'000);
    std::atomic<bool> stop{false};
    goro::scope movers;
    for (int i = 0; i != 4; ++i)
      movers.go([&client = client, &stop, i] {
        for (int n = 0; !stop.load(std::memory_order_relaxed); ++n) {
          const goro::duration d = std::chrono::microseconds((n * 37 + i * 11) % 300 - 50);
          client.set_read_deadline(n % 5 == 0 ? goro::time_point::max() : goro::clock::now() + d);
          goro::yield();
        }
      });
    goro::scope s;
    s.go([&server = server, bytes] {
      for (int n = 0; n != bytes; ++n) {
        server.write("x");
        if (n % 16 == 0) goro::yield();
      }
      server.close_write();
    });
    int got = 0;
    for (;;) {
      char buffer[64];
      std::error_code ec;
      const std::size_t n = client.read(buffer, ec);
      got += static_cast<int>(n);
      if (ec == goro::errc::deadline_exceeded) continue;
      ASSERT_FALSE(ec) << ec.message();
      if (n == 0) break;
    }
    stop = true;
    movers.wait();
    s.wait();
    EXPECT_EQ(got, bytes);
  }
}

// Deadlines that move steadily earlier, from many goroutines: each read ends.
TEST_P(NetStress, NP11_DeadlinesMoveEarlier) {
  listening l(kind::tcp);
  constexpr int connections = 10;
  constexpr int movers = 8;
  std::vector<connected> all;
  for (int i = 0; i != connections; ++i) all.push_back(connect(l));
  std::atomic<int> ended{0};
  goro::scope s;
  for (connected& each : all) {
    s.go([&each, &ended] {
      char buffer[8];
      std::error_code ec;
      while (!(each.client.read(buffer, ec), ec)) {
      }
      if (ec == goro::errc::deadline_exceeded) ++ended;
    });
    for (int m = 0; m != movers; ++m)
      s.go([&each] {
        const goro::time_point start = goro::clock::now();
        for (int step = 50; step >= 0; --step) {
          each.client.set_read_deadline(start + std::chrono::milliseconds(step));
          goro::yield();
        }
      });
  }
  s.wait();
  EXPECT_EQ(ended, connections);
}

// Short deadlines against answers that come about then: each round ends, one way or the other.
TEST_P(NetStress, NP09_ShortDeadlinesAgainstAnswers) {
  listening l(kind::tcp);
  constexpr int pairs = 6;
  const int rounds = scaled(150);
  std::atomic<int> done{0};
  goro::scope s;
  for (int i = 0; i != pairs; ++i)
    s.go([&, i] {
      auto [client, server] = connect(l);
      goro::scope inner;
      inner.go([&server = server] {
        char buffer[8];
        std::error_code ec;
        while (const std::size_t n = server.read(buffer, ec)) server.write({buffer, n}, ec);
      });
      int owed = 0;
      for (int n = 0; n != rounds; ++n) {
        client.write("q");
        ++owed;
        client.set_read_deadline(goro::clock::now() + std::chrono::microseconds((n * 13 + i) % 200));
        char buffer[64];
        std::error_code ec;
        owed -= static_cast<int>(client.read(buffer, ec));
        ++done;
      }
      client.set_read_deadline(goro::time_point::max());
      char buffer[64];
      while (owed != 0) owed -= static_cast<int>(client.read(buffer));
      client.close();
      inner.wait();
    });
  s.wait();
  EXPECT_EQ(done, pairs * rounds);
}

// Plain threads and goroutines at the two ends, all Ps idle in between: the wake of a thread that waits for
// nobody.
TEST_P(NetStress, PlainThreadsWaitToo) {
  listening l(kind::tcp);
  constexpr int threads = 4;
  const int rounds = scaled(150);
  std::atomic<int> answered{0};
  std::vector<std::thread> all;
  for (int t = 0; t != threads; ++t) {
    auto both = std::make_shared<connected>(connect(l));
    goro::go([both] {
      char buffer[8];
      std::error_code ec;
      while (const std::size_t n = both->server.read(buffer, ec)) both->server.write({buffer, n}, ec);
    });
    all.emplace_back([both, rounds, &answered] {
      char buffer[8];
      for (int n = 0; n != rounds; ++n) {
        both->client.write("q");
        if (both->client.read(buffer) == 1) ++answered;
      }
      both->client.close();
    });
  }
  for (std::thread& t : all) t.join();
  EXPECT_EQ(answered, threads * rounds);
}

// A bulk writer whose peer reads slowly: both words of a descriptor in use at the same time.
TEST_P(NetStress, BulkBothWays) {
  for (const kind k : {kind::tcp, kind::unix_socket, kind::memory}) {
    auto [client, server] = connect(k);
    const std::size_t size = static_cast<std::size_t>(scaled(2'000'000));
    std::atomic<std::size_t> got{0};
    goro::scope s;
    for (net::conn* c : {&client, &server}) {
      s.go([c, size] {
        c->write(std::string(size, 'x'));
        c->close_write();
      });
      s.go([c, &got] {
        std::vector<char> buffer(70'000);
        while (const std::size_t n = c->read(buffer)) got += n;
      });
    }
    s.wait();
    EXPECT_EQ(got, 2 * size);
  }
}

}  // namespace
