// SPDX-License-Identifier: MIT
// Deadlines of connections, listeners and datagrams: Go's net/timeout_test.go.
#include "net/connected.hpp"

#include "support/at_procs.hpp"

#include <thread>
#include <vector>

namespace {

using namespace goro_test;

goro::time_point in(goro::duration d) { return goro::clock::now() + d; }
constexpr goro::time_point none = goro::time_point::max();
std::size_t io_waits() { return goro::detail::parked_count(goro::detail::wait_reason::io_wait); }

class Deadline : public OfEachKind {};
GORO_OF_EACH_KIND(Deadline);

TEST_P(Deadline, NP01_OneThatIsOverFailsAReadAlthoughThereIsData) {
  auto [client, server] = connect(GetParam());
  server.write("data");
  client.wait_readable();
  for (const goro::time_point when : {in(-1s), goro::time_point(), goro::time_point::min(), in(0s)}) {
    client.set_read_deadline(when);
    char buffer[8];
    std::error_code ec;
    EXPECT_EQ(client.read(buffer, ec), 0u);
    EXPECT_EQ(ec, goro::errc::deadline_exceeded);
  }
  client.set_read_deadline(none);
  char buffer[8];
  EXPECT_EQ(client.read(buffer), 4u);
}

TEST_P(Deadline, NP02_FailsAgainAndAgainUntilItIsMoved) {
  auto [client, server] = connect(GetParam());
  server.write("1");
  char buffer[8];
  std::error_code ec;
  EXPECT_EQ(client.read(buffer, ec), 1u);
  client.set_read_deadline(in(20ms));
  for (int i = 0; i != 5; ++i) {
    EXPECT_EQ(client.read(buffer, ec), 0u);
    EXPECT_EQ(ec, goro::errc::deadline_exceeded);
  }
  server.write("2");
  EXPECT_EQ(client.read(buffer, ec), 0u);
  EXPECT_EQ(ec, goro::errc::deadline_exceeded);
  client.set_read_deadline(in(60s));
  EXPECT_EQ(client.read(buffer, ec), 1u);
  EXPECT_FALSE(ec);
}

TEST_P(Deadline, NP03_HoldsForAWriteEvenWithRoom) {
  auto [client, server] = connect(GetParam());
  client.set_write_deadline(in(-1ms));
  std::error_code ec;
  EXPECT_EQ(client.write("x", ec), 0u);
  EXPECT_EQ(ec, goro::errc::deadline_exceeded);
  client.set_write_deadline(none);
  client.write("x");
}

TEST_P(Deadline, NP03_EndsAWriteThatWaits) {
  auto [client, server] = connect(GetParam());
  fill(client);
  client.set_write_deadline(in(20ms));
  std::error_code ec;
  (void)client.write(std::string(1 << 20, 'y'), ec);
  EXPECT_EQ(ec, goro::errc::deadline_exceeded);
}

TEST_P(Deadline, NP03_HoldsForAccept) {
  listening l(GetParam());
  l.listener.set_deadline(in(-1s));
  std::error_code ec;
  EXPECT_FALSE(l.listener.accept(ec));
  EXPECT_EQ(ec, goro::errc::deadline_exceeded);
  l.listener.set_deadline(in(20ms));
  EXPECT_FALSE(l.listener.accept(ec));
  EXPECT_EQ(ec, goro::errc::deadline_exceeded);
  l.listener.set_deadline(none);
  const net::conn client = l.dial();
  EXPECT_TRUE(l.listener.accept());
}

TEST_P(Deadline, NP04_ClearedForOneDirectionThatOneWaitsUntilClose) {
  auto [client, server] = connect(GetParam());
  client.set_deadline(in(-1s));
  std::error_code ec;
  char buffer[8];
  (void)client.read(buffer, ec);
  EXPECT_EQ(ec, goro::errc::deadline_exceeded);
  client.set_read_deadline(none);
  auto result = goro::async([&client = client] {
    char into[8];
    std::error_code read_ec;
    (void)client.read(into, read_ec);
    return read_ec;
  });
  ASSERT_TRUE(waiting_for_io(1));
  goro::sleep_for(50ms);  // a wait that should not end cannot be waited for
  EXPECT_EQ(goro::detail::parked_count(goro::detail::wait_reason::io_wait), 1u);
  client.close();
  EXPECT_EQ(result.get(), net::errc::closed);
}

TEST_P(Deadline, NP05_SetDuringAReadWakesIt) {
  auto [client, server] = connect(GetParam());
  for (const goro::duration d : {-1000ms, 0ms, 10ms}) {
    client.set_read_deadline(none);
    auto result = goro::async([&client = client] {
      char into[8];
      std::error_code ec;
      (void)client.read(into, ec);
      return ec;
    });
    ASSERT_TRUE(waiting_for_io(1));
    client.set_read_deadline(in(d));
    EXPECT_EQ(result.get(), goro::errc::deadline_exceeded);
  }
}

TEST_P(Deadline, NP05_SetDuringAWriteWakesIt) {
  auto [client, server] = connect(GetParam());
  fill(client);
  auto result = goro::async([&client = client] {
    std::error_code ec;
    (void)client.write(std::string(1 << 20, 'y'), ec);
    return ec;
  });
  ASSERT_TRUE(waiting_for_io(1));
  client.set_write_deadline(in(-1s));
  EXPECT_EQ(result.get(), goro::errc::deadline_exceeded);
}

TEST_P(Deadline, NP08_IsATimeOut) {
  auto [client, server] = connect(GetParam());
  client.set_read_deadline(in(1ms));
  char buffer[8];
  try {
    (void)client.read(buffer);
    FAIL() << "it returned";
  } catch (const std::system_error& e) {
    EXPECT_EQ(e.code(), std::errc::timed_out);
    EXPECT_EQ(e.code(), goro::errc::deadline_exceeded);
    EXPECT_NE(std::string(e.what()).find("conn::read"), std::string::npos) << e.what();
  }
}

// The timer of a side is armed once, for a deadline long past, and must not end a read before the new one.
TEST_P(Deadline, MovedLaterWhileAReadWaits) {
  auto [client, server] = connect(GetParam());
  const auto read = [&client = client] {
    char into[8];
    std::error_code ec;
    const std::size_t n = client.read(into, ec);
    return std::pair(n, ec);
  };
  // On a machine that stands still the first deadline may have passed before it is moved: then again.
  bool moved = false;
  for (int i = 0; i != 100 && !moved; ++i) {
    client.set_read_deadline(in(20ms));
    auto result = goro::async(read);
    ASSERT_TRUE(eventually([&] { return result.ready() || io_waits() == 1; }));
    client.set_read_deadline(in(60s));
    goro::sleep_for(40ms);  // past the first
    if (result.ready() && result.get().second == goro::errc::deadline_exceeded) continue;
    EXPECT_EQ(io_waits(), 1u);
    server.write("x");
    EXPECT_EQ(result.get(), std::pair(std::size_t{1}, std::error_code()));
    moved = true;
  }
  EXPECT_TRUE(moved);
}

// … and earlier again, after it has been armed for a late one.
TEST_P(Deadline, MovedEarlierWhileAReadWaits) {
  auto [client, server] = connect(GetParam());
  client.set_read_deadline(in(60s));
  auto result = goro::async([&client = client] {
    char into[8];
    std::error_code ec;
    (void)client.read(into, ec);
    return ec;
  });
  ASSERT_TRUE(waiting_for_io(1));
  client.set_read_deadline(in(30s));
  client.set_read_deadline(in(15ms));
  EXPECT_EQ(result.get(), goro::errc::deadline_exceeded);
}

// As a server moves it for each request: the timer fires early, and is armed again.
TEST_P(Deadline, FiresOnceForManyThatMoveLater) {
  auto [client, server] = connect(GetParam());
  goro::scope s;
  s.go([&server = server] {
    char buffer[8];
    std::error_code ec;
    while (server.read(buffer, ec) != 0) server.write("a");
  });
  const goro::time_point until = in(200ms);
  char buffer[8];
  std::error_code ec;
  while (goro::clock::now() < until) {
    const goro::time_point limit = in(50ms);
    client.set_read_deadline(limit);
    client.write("q");
    if (client.read(buffer, ec) == 1) continue;
    EXPECT_EQ(ec, goro::errc::deadline_exceeded);  // the answer is to come yet: a machine that stands still
    EXPECT_GE(goro::clock::now(), limit);
    client.set_read_deadline(none);
    ASSERT_EQ(client.read(buffer), 1u);
  }
  client.set_read_deadline(in(50ms));
  EXPECT_EQ(client.read(buffer, ec), 0u);
  EXPECT_EQ(ec, goro::errc::deadline_exceeded);
  client.close();
  s.wait();
}

TEST_P(Deadline, WorksForAPlainThread) {
  auto [client, server] = connect(GetParam());
  std::error_code ec;
  std::thread([&client = client, &ec] {
    client.set_read_deadline(in(10ms));
    char buffer[8];
    (void)client.read(buffer, ec);
  }).join();
  EXPECT_EQ(ec, goro::errc::deadline_exceeded);
}

class Datagram : public testing::Test {
 protected:
  void TearDown() override { goro::leak::verify_none(); }
};

TEST_F(Datagram, NP03_DeadlinesHoldForBothDirections) {
  for (const std::string& at : {std::string("127.0.0.1:0"), unix_name()}) {
    net::udp_socket s(at);
    char buffer[8];
    std::error_code ec;
    s.send_to("x", s.local_address());
    s.set_read_deadline(in(-1s));
    (void)s.recv_from(buffer, ec);
    EXPECT_EQ(ec, goro::errc::deadline_exceeded);
    s.set_read_deadline(none);
    EXPECT_EQ(s.recv_from(buffer).first, 1u);
    s.set_read_deadline(in(15ms));
    (void)s.recv_from(buffer, ec);
    EXPECT_EQ(ec, goro::errc::deadline_exceeded);
    s.set_write_deadline(in(-1s));
    s.send_to("x", s.local_address(), ec);
    EXPECT_EQ(ec, goro::errc::deadline_exceeded);
  }
}

// Deadlines from 1 ns to 1 s: none hangs, and none comes before its time.
class Deadlines : public goro_test::AtProcs {};
GORO_AT_PROCS(Deadlines);

TEST_P(Deadlines, NP09_OfAllLengthsUnderLoad) {
  listening l(kind::tcp);
  std::atomic<bool> stop{false};
  goro::scope load;
  for (int i = 0; i != 4; ++i)
    load.go([&stop] {
      while (!stop.load(std::memory_order_relaxed)) goro::yield();
    });
  std::atomic<int> ended{0};
  goro::scope s;
  const std::vector<goro::duration> lengths = {1ns,  2ns,   5ns,   50ns, 100ns, 200ns, 500ns, 750ns, 1us, 5us,
                                               25us, 250us, 500us, 1ms,  5ms,   100ms, 250ms, 500ms, 1s};
  for (const goro::duration d : lengths) {
    s.go([&l, &ended, d] {
      auto client = l.dial();
      const goro::time_point start = goro::clock::now();
      client.set_read_deadline(start + d);
      char buffer[8];
      std::error_code ec;
      (void)client.read(buffer, ec);
      EXPECT_EQ(ec, goro::errc::deadline_exceeded);
      EXPECT_GE(goro::clock::now() - start, d);
      ++ended;
    });
  }
  s.wait();
  stop = true;
  load.wait();
  EXPECT_EQ(ended, static_cast<int>(lengths.size()));
}

}  // namespace
