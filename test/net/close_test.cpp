// SPDX-License-Identifier: MIT
// Ends of connections: close, half close, a peer that goes away, and the lock of a descriptor.
#include "net/connected.hpp"

#include <goro/detail/fd_lock.hpp>

#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <thread>
#include <vector>

namespace {

using namespace goro_test;

class Close : public OfEachKind {};
GORO_OF_EACH_KIND(Close);

std::error_code read_code(net::conn& c) {
  char buffer[8];
  std::error_code ec;
  (void)c.read(buffer, ec);
  return ec;
}

TEST_P(Close, NP06_EndsAReadWithClosed) {
  auto [client, server] = connect(GetParam());
  auto result = goro::async([&client = client] { return read_code(client); });
  ASSERT_TRUE(waiting_for_io(1));
  client.close();
  const std::error_code ec = result.get();
  EXPECT_EQ(ec, net::errc::closed);
  EXPECT_NE(ec, std::errc::timed_out);
  EXPECT_NE(ec, std::errc::bad_file_descriptor);
  EXPECT_EQ(read_code(client), net::errc::closed);
  EXPECT_EQ(client.native_handle(), -1);
  client.close();  // again: nothing
}

TEST_P(Close, NP06_EndsAWriteWithClosed) {
  auto [client, server] = connect(GetParam());
  fill(client);
  auto result = goro::async([&client = client] {
    std::error_code ec;
    (void)client.write(std::string(32u << 20, 'x'), ec);  // more than the kernel makes room for, late
    return ec;
  });
  ASSERT_TRUE(waiting_for_io(1));
  client.close();
  EXPECT_EQ(result.get(), net::errc::closed);
}

TEST_P(Close, NP06_EndsAnAcceptWithClosed) {
  listening l(GetParam());
  auto result = goro::async([&l] {
    std::error_code ec;
    (void)l.listener.accept(ec);
    return ec;
  });
  ASSERT_TRUE(waiting_for_io(1));
  l.listener.close();
  EXPECT_EQ(result.get(), net::errc::closed);
}

TEST_P(Close, NP06_EndsTheReadOfAPlainThread) {
  auto [client, server] = connect(GetParam());
  std::atomic<bool> about{false};
  std::error_code ec;
  std::thread reader([&about, &ec, &client = client] {
    about = true;
    ec = read_code(client);
  });
  ASSERT_TRUE(eventually([&] { return about.load(); }));
  client.close();
  reader.join();
  EXPECT_EQ(ec, net::errc::closed);
}

TEST_P(Close, NP12_HalfCloseLetsThePeerReadTheRest) {
  auto [client, server] = connect(GetParam());
  client.write("rest");
  client.close_write();
  char buffer[16];
  EXPECT_EQ(server.read(buffer), 4u);
  EXPECT_EQ(server.read(buffer), 0u);
  EXPECT_EQ(server.read(buffer), 0u);
  std::error_code ec;
  (void)client.write("more", ec);
  EXPECT_EQ(ec, std::errc::broken_pipe);
  server.write("answer");
  EXPECT_EQ(client.read(buffer), 6u);
  server.close();
  EXPECT_EQ(client.read(buffer), 0u);
}

TEST_P(Close, NP13_AReadOfNothingDoesNotWait) {
  auto [client, server] = connect(GetParam());
  EXPECT_EQ(client.read(std::span<char>()), 0u);
  client.write({});
  client.close();
  std::error_code ec;
  EXPECT_EQ(client.read(std::span<char>(), ec), 0u);
  EXPECT_EQ(ec, net::errc::closed);
}

TEST_P(Close, NP15_ReadsTakeTurnsAndCloseUnblocksAllInTheQueue) {
  auto [client, server] = connect(GetParam());
  constexpr int readers = 20;
  std::atomic<int> closed{0};
  std::atomic<int> got{0};
  goro::scope s;
  for (int i = 0; i != readers; ++i)
    s.go([&client = client, &closed, &got] {
      const std::error_code ec = read_code(client);
      if (!ec) ++got;
      if (ec == net::errc::closed) ++closed;
    });
  ASSERT_TRUE(waiting_for_io(readers));
  server.write("for one of them");
  ASSERT_TRUE(eventually([&] { return got == 2; }));  // 15 bytes in eights are two reads
  client.close();
  s.wait();
  EXPECT_EQ(closed, readers - 2);
}

TEST_P(Close, NP15_WritesAreNotMixed) {
  auto [client, server] = connect(GetParam());
  constexpr int writers = 8;
  const std::size_t size = 300'000;  // more than there is room for
  goro::scope s;
  for (int i = 0; i != writers; ++i)
    s.go([&client = client, i] { client.write(std::string(size, static_cast<char>('a' + i))); });
  std::vector<bool> seen(writers);
  for (int i = 0; i != writers; ++i) {
    std::string whole;
    std::vector<char> buffer(size);
    while (whole.size() != size) {
      const std::size_t n = server.read(std::span(buffer).first(size - whole.size()));
      ASSERT_NE(n, 0u);
      whole.append(buffer.data(), n);
    }
    ASSERT_EQ(whole.find_first_not_of(whole[0]), std::string::npos);
    const auto who = static_cast<std::size_t>(whole[0] - 'a');
    EXPECT_FALSE(seen[who]);
    seen[who] = true;
  }
  s.wait();
}

TEST_P(Close, NP17_EndAndBrokenPipeWhenThePeerCloses) {
  auto [client, server] = connect(GetParam());
  auto result = goro::async([&client = client] {
    char buffer[8];
    return client.read(buffer);
  });
  ASSERT_TRUE(waiting_for_io(1));
  server.close();
  EXPECT_EQ(result.get(), 0u);
  std::error_code ec;
  ASSERT_TRUE(eventually([&, &client = client] {
    (void)client.write("x", ec);
    return static_cast<bool>(ec);
  }));
  EXPECT_TRUE(ec == std::errc::broken_pipe || ec == std::errc::connection_reset) << ec.message();
}

// The server has read all there was before the end came with the same event.
TEST_P(Close, TheEndIsSeenAfterAShortRead) {
  for (int i = 0; i != 200; ++i) {
    auto [client, server] = connect(GetParam());
    goro::scope s;
    s.go([&client = client] {
      client.write("x");
      client.close();
    });
    char buffer[64];
    EXPECT_EQ(server.read(buffer), 1u);
    EXPECT_EQ(server.read(buffer), 0u);
    s.wait();
  }
}

TEST_P(Close, HangupIsTold) {
  struct watch : goro::detail::hangup_node {
    watch() {
      hung_up = [](goro::detail::hangup_node& n) noexcept { static_cast<watch&>(n).told = true; };
    }
    std::atomic<bool> told{false};
  };
  auto [client, server] = connect(GetParam());
  watch first;
  ASSERT_TRUE(server.get()->watch_hangup(first));
  server.get()->forget_hangup(first);
  watch node;
  ASSERT_TRUE(server.get()->watch_hangup(node));
  client.close();
  EXPECT_TRUE(eventually([&] { return node.told.load(); }));  // although nobody reads or writes
  EXPECT_FALSE(first.told);
  EXPECT_FALSE(server.get()->watch_hangup(first));
}

class Peer : public testing::Test {
 protected:
  void TearDown() override { goro::leak::verify_none(); }
};

TEST_F(Peer, ResetIsAnError) {
  auto [client, server] = connect(kind::tcp);
  auto result = goro::async([&server = server] { return read_code(server); });
  ASSERT_TRUE(waiting_for_io(1));
  const linger at_once{1, 0};
  ASSERT_EQ(::setsockopt(client.native_handle(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once), 0);
  client.close();
  EXPECT_EQ(result.get(), std::errc::connection_reset);
}

TEST_F(Peer, KilledProcessEndsTheConnection) {
  net::listener l = net::listen("127.0.0.1:0");
  const std::string port = std::to_string(l.local_address().port());
  const pid_t child = ::fork();
  if (child == 0) {
    ::execlp("bash", "bash", "-c",
             ("exec 3<>/dev/tcp/127.0.0.1/" + port + "; echo hi >&3; read -u 3 line").c_str(),
             static_cast<char*>(nullptr));
    ::_exit(1);
  }
  l.set_deadline(goro::clock::now() + 30s);
  net::conn c = l.accept();
  char buffer[16];
  EXPECT_EQ(c.read(buffer), 3u);
  auto result = goro::async([&c] {
    char more[16];
    std::error_code ec;
    const std::size_t n = c.read(more, ec);
    return std::pair(n, ec);
  });
  ASSERT_TRUE(waiting_for_io(1));
  ::kill(child, SIGKILL);
  (void)::waitpid(child, nullptr, 0);
  const auto [n, ec] = result.get();
  EXPECT_EQ(n, 0u);
  EXPECT_TRUE(!ec || ec == std::errc::connection_reset) << ec.message();
}

TEST(FdLock, NP15_CountsUsesAndEndsThem) {
  goro::detail::fd_lock lock;
  ASSERT_TRUE(lock.use());
  ASSERT_TRUE(lock.lock(goro::detail::direction::read));
  ASSERT_TRUE(lock.lock(goro::detail::direction::write));  // beside the read
  lock.unlock(goro::detail::direction::read);
  ASSERT_TRUE(lock.begin_close());
  EXPECT_FALSE(lock.use());
  EXPECT_FALSE(lock.lock(goro::detail::direction::read));
  auto gone = goro::async([&lock] { lock.wait_until_unused(); });
  ASSERT_TRUE(waiting_for_io(1));
  lock.unuse();
  EXPECT_EQ(goro::detail::parked_count(goro::detail::wait_reason::io_wait), 1u);
  lock.unlock(goro::detail::direction::write);
  gone.get();
  lock.end_close();
  EXPECT_FALSE(lock.begin_close());
}

// Who closes what is being closed comes back when it is closed, and no earlier.
TEST(FdLock, NP15_ASecondCloseWaitsForTheFirst) {
  goro::detail::fd_lock lock;
  ASSERT_TRUE(lock.use());
  std::atomic<bool> closed{false};
  std::atomic<int> early{0};
  ASSERT_TRUE(lock.begin_close());
  goro::scope closers;
  for (int i = 0; i != 3; ++i)
    closers.go([&] {
      EXPECT_FALSE(lock.begin_close());
      if (!closed) ++early;
    });
  ASSERT_TRUE(waiting_for_io(3));
  closers.go([&] {
    lock.wait_until_unused();
    goro::yield();  // nobody is inside, but the descriptor is still open
    closed = true;
    lock.end_close();
  });
  ASSERT_TRUE(waiting_for_io(4));
  lock.unuse();
  closers.wait();
  EXPECT_EQ(early, 0);
}

TEST(FdLock, NP15_TooManyUsesAreRefused) {
  goro::detail::fd_lock lock;
  int n = 0;
  try {
    for (;; ++n) ASSERT_TRUE(lock.use());
  } catch (const std::logic_error&) {
  }
  EXPECT_EQ(n, 1 << 20);
  EXPECT_THROW((void)lock.lock(goro::detail::direction::read), std::logic_error);
  while (n-- != 0) lock.unuse();
  EXPECT_TRUE(lock.lock(goro::detail::direction::read));
  lock.unlock(goro::detail::direction::read);
}

}  // namespace
