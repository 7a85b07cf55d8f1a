// SPDX-License-Identifier: MIT
// The client of `make compare-net` for echo servers:
//
//   echo_load <port> <connections> <seconds> pingpong|stream
//
// pingpong: each connection sends 512 bytes when the last 512 are back; stream: it keeps 16 such messages on the way.
// Prints: messages a second, then p50, p99 and p99.9 of a round trip in us. One thread, epoll, and nothing of goro.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <vector>

namespace {

using steady = std::chrono::steady_clock;
constexpr std::size_t message = 512;

struct connection {
  int fd = -1;
  std::size_t got = 0;  // of the message that is coming
  std::vector<steady::time_point> sent;
  std::size_t oldest = 0;
};

void fail(const char* what) {
  std::perror(what);
  std::exit(1);
}

void send_one(connection& c, std::size_t place) {
  static const char text[message] = {};
  c.sent[place] = steady::now();
  if (::send(c.fd, text, message, MSG_NOSIGNAL) != static_cast<ssize_t>(message)) fail("send");
}

int connect_to(int port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_port = htons(static_cast<std::uint16_t>(port));
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (fd < 0 || ::connect(fd, reinterpret_cast<const sockaddr*>(&at), sizeof at) != 0) fail("connect");
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return fd;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) {
    std::fprintf(stderr, "usage: echo_load <port> <connections> <seconds> pingpong|stream\n");
    return 2;
  }
  const std::size_t on_the_way = argv[4] == std::string_view("stream") ? 16 : 1;
  std::vector<connection> all(static_cast<std::size_t>(std::atoi(argv[2])));
  const int events = ::epoll_create1(EPOLL_CLOEXEC);
  for (std::size_t i = 0; i != all.size(); ++i) {
    all[i].fd = connect_to(std::atoi(argv[1]));
    all[i].sent.resize(on_the_way);
    epoll_event e{};
    e.events = EPOLLIN;
    e.data.u64 = i;
    if (::epoll_ctl(events, EPOLL_CTL_ADD, all[i].fd, &e) != 0) fail("epoll_ctl");
  }
  for (connection& c : all)
    for (std::size_t n = 0; n != on_the_way; ++n) send_one(c, n);

  const auto begin = steady::now();
  const auto warm = begin + std::chrono::milliseconds(300);
  const auto end = warm + std::chrono::milliseconds(static_cast<long>(std::atof(argv[3]) * 1000));
  std::vector<std::uint32_t> took;  // ns
  took.reserve(1 << 22);
  std::vector<epoll_event> ready(256);
  std::vector<char> buffer(message * 16);
  for (auto now = begin; now < end;) {
    const int n = ::epoll_wait(events, ready.data(), static_cast<int>(ready.size()), 1000);
    if (n < 0) fail("epoll_wait");
    for (int i = 0; i != n; ++i) {
      connection& c = all[ready[static_cast<std::size_t>(i)].data.u64];
      const ssize_t bytes = ::recv(c.fd, buffer.data(), buffer.size(), 0);
      if (bytes <= 0) fail("recv");
      now = steady::now();
      for (c.got += static_cast<std::size_t>(bytes); c.got >= message; c.got -= message) {
        if (now >= warm)
          took.push_back(static_cast<std::uint32_t>((now - c.sent[c.oldest]) / std::chrono::nanoseconds(1)));
        send_one(c, c.oldest);
        c.oldest = (c.oldest + 1) % on_the_way;
      }
    }
    now = steady::now();
  }
  if (took.empty()) return 1;
  std::sort(took.begin(), took.end());
  const auto at = [&](double part) {
    return took[static_cast<std::size_t>(static_cast<double>(took.size() - 1) * part)] / 1e3;
  };
  std::printf("%.0f %.1f %.1f %.1f\n", static_cast<double>(took.size()) / std::atof(argv[3]), at(.5), at(.99),
              at(.999));
}
