// SPDX-License-Identifier: MIT
// Reading and writing, on each kind of connection.
#include "net/connected.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstdio>
#include <cstring>
#include <deque>
#include <thread>
#include <vector>

namespace {

using namespace goro_test;

class Conn : public OfEachKind {};
GORO_OF_EACH_KIND(Conn);

std::string read_all(net::conn& c) {
  std::string all;
  char buffer[4096];
  while (const std::size_t n = c.read(buffer)) all.append(buffer, n);
  return all;
}

std::string numbered(std::size_t size) {
  std::string s(size, '\0');
  for (std::size_t i = 0; i != size; ++i) s[i] = static_cast<char>('a' + i * 31 % 26);
  return s;
}

TEST_P(Conn, Echoes) {
  auto [client, server] = connect(GetParam());
  goro::scope s;
  s.go([&server = server] {
    char buffer[64];
    while (const std::size_t n = server.read(buffer)) server.write({buffer, n});
    server.close_write();
  });
  char buffer[64];
  for (int i = 0; i != 300; ++i) {
    client.write("hello");
    ASSERT_EQ(client.read(buffer), 5u);
  }
  client.close_write();
  EXPECT_EQ(client.read(buffer), 0u);
  s.wait();
}

TEST_P(Conn, MovesMuchBothWays) {
  auto [client, server] = connect(GetParam());
  const std::string up = numbered(3'000'000);
  const std::string down = numbered(2'000'001);
  goro::scope s;
  s.go([&client = client, &up] {
    client.write(up);
    client.close_write();
  });
  s.go([&server = server, &down] {
    server.write(down);
    server.close_write();
  });
  s.go([&server = server, &up] { EXPECT_TRUE(read_all(server) == up); });
  EXPECT_TRUE(read_all(client) == down);
  s.wait();
}

TEST_P(Conn, NP18_GatheredWriteGoesOnAfterPartialWrites) {
  auto [client, server] = connect(GetParam());
  std::deque<std::string> whole;
  std::vector<std::string_view> pieces;
  std::string expected;
  for (std::size_t i = 0; i != 500; ++i) {  // more pieces than the kernel takes at once, and empty ones
    whole.push_back(numbered(i % 7 == 0 ? 0 : i * 37 % 9000));
    pieces.push_back(whole.back());
    expected += whole.back();
  }
  ASSERT_GT(expected.size(), 1'000'000u);
  goro::scope s;
  s.go([&client = client, &pieces, &expected] {
    std::error_code ec;
    EXPECT_EQ(client.writev(pieces, ec), expected.size());
    EXPECT_FALSE(ec);
    client.close_write();
  });
  EXPECT_TRUE(read_all(server) == expected);
  s.wait();
  std::error_code ec;
  EXPECT_EQ(server.writev({}, ec), 0u);
  EXPECT_FALSE(ec);
}

TEST_P(Conn, SendsAFile) {
  auto [client, server] = connect(GetParam());
  std::FILE* const file = std::tmpfile();
  ASSERT_NE(file, nullptr);
  const std::string content = numbered(700'000);
  ASSERT_EQ(std::fwrite(content.data(), 1, content.size(), file), content.size());
  std::fflush(file);
  goro::scope s;
  s.go([&client = client, file, &content] {
    EXPECT_EQ(client.send_file(::fileno(file), 10, 500'000), 500'000u);
    EXPECT_EQ(client.send_file(::fileno(file), 500'010, 1'000'000), content.size() - 500'010);
    client.close_write();
  });
  EXPECT_TRUE(read_all(server) == content.substr(10));
  s.wait();
  std::fclose(file);
}

TEST_P(Conn, WaitReadableTakesNothing) {
  auto [client, server] = connect(GetParam());
  auto waited = goro::async([&server = server] { server.wait_readable(); });
  ASSERT_TRUE(waiting_for_io(1));
  client.write("x");
  waited.get();
  server.wait_readable();
  char buffer[8];
  EXPECT_EQ(server.read(buffer), 1u);
  client.close();
  server.wait_readable();  // the end is something to read
  EXPECT_EQ(server.read(buffer), 0u);
}

TEST_P(Conn, ServesAPlainThreadAtEachEnd) {
  auto [client, server] = connect(GetParam());
  std::thread other([&server = server] {
    char buffer[64];
    while (const std::size_t n = server.read(buffer)) server.write({buffer, n});
  });
  char buffer[64];
  for (int i = 0; i != 200; ++i) {
    client.write("ping");
    ASSERT_EQ(client.read(buffer), 4u);
  }
  client.close();
  other.join();
}

TEST_P(Conn, ModelsSyncStreams) {
  struct piece {
    char* at;
    std::size_t length;
    char* data() const { return at; }
    std::size_t size() const { return length; }
  };
  auto [client, server] = connect(GetParam());
  char hello[] = "hello ";
  char world[] = "world";
  const std::vector<piece> both = {{hello, 6}, {hello, 0}, {world, 5}};
  EXPECT_EQ(client.write_some(both), 11u);
  char into[32];
  const std::vector<piece> buffers = {{into, 0}, {into, 5}, {into + 5, 27}};
  std::error_code ec;
  std::size_t n = server.read_some(buffers, ec);
  while (n < 11) n += server.read_some(piece{into + n, 32 - n}, ec);
  EXPECT_EQ(std::string(into, n), "hello world");
  client.close();
  EXPECT_EQ(server.read_some(piece{into, 1}, ec), 0u);
  EXPECT_EQ(ec, net::errc::end_of_stream);
  EXPECT_THROW((void)server.read_some(piece{into, 1}), std::system_error);
}

class Streams : public testing::Test {
 protected:
  void TearDown() override { goro::leak::verify_none(); }
};

TEST_F(Streams, AConnOfNothingSaysClosed) {
  net::conn c;
  char buffer[8];
  std::error_code ec;
  EXPECT_EQ(c.read(buffer, ec), 0u);
  EXPECT_EQ(ec, net::errc::closed);
  EXPECT_THROW(c.write("x"), std::system_error);
  EXPECT_EQ(c.native_handle(), -1);
  EXPECT_TRUE(c.local_address().empty());
  c.close();
  c.set_deadline(goro::clock::now());
  EXPECT_FALSE(c);
}

// A Unix socket stops reading at a passed descriptor although there is more: not to be taken for an empty
// one.
TEST_F(Streams, APassedDescriptorDoesNotHideWhatFollows) {
  auto [client, server] = connect(kind::unix_socket);
  char control[CMSG_SPACE(sizeof(int))] = {};
  char byte = '1';
  iovec part{&byte, 1};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  cmsghdr* const head = CMSG_FIRSTHDR(&message);
  head->cmsg_level = SOL_SOCKET;
  head->cmsg_type = SCM_RIGHTS;
  head->cmsg_len = CMSG_LEN(sizeof(int));
  const int zero = 0;
  std::memcpy(CMSG_DATA(head), &zero, sizeof zero);
  ASSERT_EQ(::sendmsg(client.native_handle(), &message, 0), 1);
  client.write("2");
  server.set_read_deadline(goro::clock::now() + 20s);
  char buffer[8];
  std::string got;
  while (got.size() != 2) {
    const std::size_t n = server.read(buffer);
    ASSERT_NE(n, 0u);
    got.append(buffer, n);
  }
  EXPECT_EQ(got, "12");
}

// … nor TCP at urgent data.
TEST_F(Streams, UrgentDataDoesNotHideWhatFollows) {
  auto [client, server] = connect(kind::tcp);
  client.write("ab");
  ASSERT_EQ(::send(client.native_handle(), "!", 1, MSG_OOB), 1);
  client.write("cd");
  server.set_read_deadline(goro::clock::now() + 20s);
  std::string got;
  char buffer[64];
  while (got.size() < 4) {
    const std::size_t n = server.read(buffer);
    ASSERT_NE(n, 0u);
    got.append(buffer, n);
  }
  EXPECT_EQ(got, "abcd");
}

TEST_F(Streams, DatagramsComeWholeAndSayFromWhom) {
  for (const bool by_unix : {false, true}) {
    net::udp_socket a(by_unix ? unix_name() : "127.0.0.1:0");
    net::udp_socket b(by_unix ? unix_name() : "127.0.0.1:0");
    goro::scope s;
    s.go([&b] {
      char buffer[64];
      for (int i = 0; i != 100; ++i) {
        const auto [n, from] = b.recv_from(buffer);
        b.send_to({buffer, n}, from);
      }
    });
    for (int i = 0; i != 100; ++i) {
      const std::string text = "datagram " + std::to_string(i);
      a.send_to(text, b.local_address());
      char buffer[64];
      const auto [n, from] = a.recv_from(buffer);
      EXPECT_EQ(std::string(buffer, n), text);
      EXPECT_EQ(from, b.local_address());
    }
    s.wait();
    char small[3];
    a.send_to("", a.local_address());
    EXPECT_EQ(a.recv_from(small).first, 0u);
    a.send_to("longer", a.local_address());
    EXPECT_EQ(a.recv_from(small).first, 3u);
    auto result = goro::async([&a] {
      char buffer[8];
      std::error_code ec;
      (void)a.recv_from(buffer, ec);
      return ec;
    });
    ASSERT_TRUE(waiting_for_io(1));
    a.close();
    EXPECT_EQ(result.get(), net::errc::closed);
  }
}

// The receiver's queue is full, of which the kernel tells a sender nothing.
TEST_F(Streams, AUnixDatagramWaitsForRoom) {
  net::unix_datagram to(unix_name());
  net::unix_datagram from(unix_name());
  constexpr int many = 2000;
  goro::scope s;
  s.go([&] {
    for (int i = 0; i != many; ++i) from.send_to("x", to.local_address());
  });
  char buffer[8];
  for (int i = 0; i != many; ++i) ASSERT_EQ(to.recv_from(buffer).first, 1u);
  s.wait();
}

}  // namespace
