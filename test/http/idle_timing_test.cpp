// SPDX-License-Identifier: MIT
// What an idle connection of a server costs in resident memory: at most 8 KiB, after it has been served.
#include "fixture.hpp"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

namespace {

using goro_test::eventually;
using goro_test::web_server;

long resident_bytes() {
  std::ifstream statm("/proc/self/statm");
  long size = 0;
  long resident = 0;
  statm >> size >> resident;
  return resident * ::sysconf(_SC_PAGESIZE);
}

// Of the kernel's own, so that the client's end costs this process nothing.
int connect_to(int port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(static_cast<std::uint16_t>(port));
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return ::connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0 ? fd : -1;
}

class HttpIdle : public goro_test::HttpTest {
 protected:
  // Connects, asks once, and keeps the connections.
  void ask_many(int many) {
    constexpr std::string_view question = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    for (int i = 0; i != many; ++i) {
      const int fd = connect_to(web_.server.local_address().port());
      ASSERT_GE(fd, 0);
      clients_.push_back(fd);
      ASSERT_EQ(::write(fd, question.data(), question.size()), static_cast<ssize_t>(question.size()));
      char answer[512];
      ASSERT_GT(::read(fd, answer, sizeof answer), 0);
    }
  }
  void TearDown() override {
    for (const int fd : clients_) ::close(fd);
    web_.stop();
    HttpTest::TearDown();
  }

  web_server web_;
  std::vector<int> clients_;
};

TEST_F(HttpIdle, AConnectionThatHasBeenServedKeepsAtMost8KiB) {
  constexpr int many = 400;  // two descriptors each, and 1,024 are allowed as a rule
  web_.server.handle("GET /", [](auto& w, auto&) { w.write("Hello, world!"); });
  web_.start();
  ask_many(50);  // code and stocks that all connections share
  const long before = resident_bytes();
  ask_many(many);
  const auto each = [&] { return (resident_bytes() - before) / many; };
  EXPECT_TRUE(eventually([&] { return each() <= 8192; })) << each() << " bytes each";
  std::printf("an idle connection of the HTTP server: %ld bytes\n", each());
}

}  // namespace
