// SPDX-License-Identifier: MIT
// goro's side of `make compare-net`:   net_goro http|echo <P>   says the port that it listens on, and serves until it
// is killed. http answers "Hello, world!"; echo sends back what comes, 4 KiB at most at a time.
#include <goro/goro.hpp>
#include <goro/http.hpp>
#include <goro/net.hpp>

#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace {

void say(const goro::net::address& at) {
  std::printf("%d\n", at.port());
  std::fflush(stdout);
}

void http() {
  goro::http::server server;
  server.handle("GET /",
                [](goro::http::response_writer& w, goro::http::request&) { w.write("Hello, world!"); });
  server.listen("127.0.0.1:0");
  say(server.local_address());
  server.serve(goro::background());
}

// Echoes until there is nothing left to read for the moment. False: the end. In a function of its own, so that the
// buffer's part of the stack is not held while the connection is idle.
[[gnu::noinline]] bool echo_what_is_there(goro::net::conn& c) {
  char buffer[4096];
  std::error_code ec;
  std::size_t n;
  do {
    n = c.read(buffer, ec);
    if (n == 0) return false;
    c.write({buffer, n}, ec);
  } while (n == sizeof buffer);
  return !ec;
}

void echo() {
  goro::net::listener l = goro::net::listen("127.0.0.1:0");
  say(l.local_address());
  for (;;)
    goro::go(
        [](goro::net::conn c) {
          std::error_code ec;
          do c.wait_readable(ec);
          while (!ec && echo_what_is_there(c));
        },
        l.accept());
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  goro::set_max_procs(std::atoi(argv[2]));
  return goro::run([&] { argv[1] == std::string_view("http") ? http() : echo(); });
}
