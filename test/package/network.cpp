// SPDX-License-Identifier: MIT
// What a consumer of goro::http builds: numbers go to a server and their sum comes back; then the same server is asked
// as if it spoke TLS, so that all of goro's libraries are called, and an error of the lowest comes out of the highest.
#include <goro/goro.hpp>
#include <goro/http.hpp>
#include <goro/net.hpp>
#include <goro/net/tls.hpp>

#include <cstdio>
#include <sstream>
#include <string>
#include <system_error>

int main() {
  goro::http::server server;
  server.handle("POST /sum", [](goro::http::response_writer& w, goro::http::request& r) {
    std::string body;
    char piece[512];
    while (const std::size_t n = r.read(piece)) body.append(piece, n);
    std::istringstream numbers(body);
    int sum = 0;
    for (int number; numbers >> number;) sum += number;
    w.write(std::to_string(sum));
  });
  server.listen("127.0.0.1:0");
  const std::string at = server.local_address().to_string();
  auto [ctx, cancel] = goro::with_cancel(goro::background());
  auto served = goro::async([&, ctx = ctx] { server.serve(ctx); });

  std::string numbers;
  for (int i = 0; i < 1000; ++i) numbers += std::to_string(i) + ' ';
  const goro::http::response r =
      goro::http::post(goro::background(), "http://" + at + "/sum", "text/plain", numbers);
  try {
    (void)goro::http::get(goro::background(), "https://" + at + "/sum");
    std::puts("a server without TLS was taken for one that has it");
  } catch (const std::system_error& e) {
    if (e.code() != goro::net::tls_errc::protocol) std::printf("not an error of TLS: %s\n", e.what());
  }
  cancel();
  served.get();
  std::printf("sum %s\n", std::string(r.body).c_str());
}
