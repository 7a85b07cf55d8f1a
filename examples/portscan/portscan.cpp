// SPDX-License-Identifier: MIT
// Which ports of a host are open? Hundreds of connections at a time, each with half a second.
//
//   portscan localhost 1 1024
//   portscan                     looks for a port that it has opened itself
#include <goro/goro.hpp>
#include <goro/net.hpp>

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>
#include <vector>

using namespace std::chrono_literals;

namespace {

std::vector<int> open_ports(const std::string& host, int first, int last) {
  auto found = goro::make_chan<int>(last - first + 1);
  goro::semaphore at_a_time(200);
  goro::scope s;
  for (int port = first; port <= last; ++port) {
    at_a_time.acquire();
    s.go([&, port] {
      auto [ctx, cancel] = goro::with_timeout(goro::background(), 500ms);
      std::error_code ec;
      if (goro::net::dial(ctx, host + ':' + std::to_string(port), ec)) found.send(port);
      at_a_time.release();
    });
  }
  s.wait();
  found.close();
  std::vector<int> all;
  while (auto port = found.recv()) all.push_back(*port);
  return all;
}

}  // namespace

int main(int argc, char** argv) {
  return goro::run([&]() -> int {
    try {
      if (argc == 4) {
        for (const int port : open_ports(argv[1], std::atoi(argv[2]), std::atoi(argv[3])))
          std::printf("%d\n", port);
        return 0;
      }
      const auto l = goro::net::listen("127.0.0.1:0");
      const int ours = l.local_address().port();
      for (const int port : open_ports("127.0.0.1", ours - 20 > 0 ? ours - 20 : 1, ours)) {
        if (port != ours) continue;
        std::printf("found our own\n");
        return 0;
      }
      std::printf("did not find port %d\n", ours);
      return 1;
    } catch (const std::exception& e) {
      std::fprintf(stderr, "%s\n", e.what());
      return 1;
    }
  });
}
