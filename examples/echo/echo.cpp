// SPDX-License-Identifier: MIT
// An echo server in plain blocking style: a goroutine a connection.
//
//   echo :7000        serves until it is interrupted; try: nc localhost 7000
//   echo              serves itself a thousand connections, and says whether every byte came back
#include <goro/goro.hpp>
#include <goro/net.hpp>

#include <atomic>
#include <csignal>
#include <cstdio>
#include <exception>
#include <string>

using namespace std::chrono_literals;

namespace {

// What has come goes back. False: the client has ended, or gone away, which is no reason to stop. Not inlined, so
// that an idle connection does not hold the buffer's part of the stack: it keeps one page then, and two otherwise.
[[gnu::noinline]] bool echo_what_came(goro::net::conn& c) {
  char buffer[4096];
  std::error_code ec;
  const std::size_t n = c.read(buffer, ec);
  if (n != 0) c.write({buffer, n}, ec);
  return n != 0 && !ec;
}

void echo(goro::net::conn c) {
  std::error_code ec;
  do {
    c.set_read_deadline(goro::clock::now() + 60s);
    c.wait_readable(ec);
  } while (!ec && echo_what_came(c));
}

void serve(goro::net::listener& l) {
  std::error_code ec;
  while (ec != goro::net::errc::closed)
    if (goro::net::conn c = l.accept(ec)) goro::go([c = std::move(c)]() mutable { echo(std::move(c)); });
}

int check_itself() {
  constexpr int clients = 1000;
  auto l = goro::net::listen("127.0.0.1:0");
  goro::scope serving;
  serving.go([&l] { serve(l); });
  const std::string where = l.local_address().to_string();
  std::atomic<int> right{0};
  goro::scope asking;
  for (int i = 0; i != clients; ++i)
    asking.go([&, i] {
      auto c = goro::net::dial(goro::background(), where);
      const std::string question = "hello from " + std::to_string(i);
      c.write(question);
      c.close_write();
      std::string answer;
      char buffer[64];
      while (const std::size_t n = c.read(buffer)) answer.append(buffer, n);
      if (answer == question) ++right;
    });
  asking.wait();
  l.close();
  serving.wait();
  std::printf("%d of %d came back whole\n", right.load(), clients);
  return right == clients ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  return goro::run([&]() -> int {
    try {
      if (argc < 2) return check_itself();
      auto [ctx, stop] = goro::notify_context(goro::background(), {SIGINT, SIGTERM});
      auto l = goro::net::listen(argv[1]);
      std::printf("listening on %s\n", l.local_address().to_string().c_str());
      goro::go([&ctx = ctx, &l] {
        (void)ctx.done().recv();
        l.close();
      });
      serve(l);
      return 0;
    } catch (const std::exception& e) {
      std::fprintf(stderr, "%s\n", e.what());
      return 1;
    }
  });
}
