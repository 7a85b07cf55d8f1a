// SPDX-License-Identifier: MIT
// Goroutine leak: a handler that starts work and does not tie it to its request; and one that does.
//
// Clients ask for something slow and go away. Behind the first handler the work goes on for nobody, and each request
// leaves a goroutine. Behind the second it watches the request's context, which ends when the client is gone.
#include "guide.hpp"

#include <goro/http.hpp>
#include <goro/net.hpp>

#include <string>

namespace {

using answers = goro::chan<int>;

// BUG: whoever waits for the database waits for ever if it does not answer, whether or not the client is there.
void leaking(const answers& database, const goro::send_chan<int>& entered, goro::http::request&) {
  const answers result = goro::make_chan<int>(1);
  goro::go([=] { result.send(database.recv().value_or(0)); });
  entered.send(1);
  (void)result.recv_for(20ms);  // gives up, and leaves the goroutine behind
}

void watching(const answers& database, const goro::send_chan<int>& entered, goro::http::request& r) {
  const goro::context ctx = r.context();
  const answers result = goro::make_chan<int>();
  goro::go([=] {
    if (auto answer = database.recv(ctx)) (void)result.send(*answer, ctx);
  });
  entered.send(1);
  (void)result.recv(ctx);
}

}  // namespace

int main() {
  return goro::run([] {
    guide::outcome outcome;
    constexpr std::size_t requests = 10;
    const std::size_t before = goro::num_goroutine();
    {
      const answers database = goro::make_chan<int>();  // it never answers
      const auto entered = goro::make_chan<int>(requests);
      goro::http::server web;
      web.handle("GET /leaking", [=](auto&, auto& r) { leaking(database, entered, r); });
      web.handle("GET /watching", [=](auto&, auto& r) { watching(database, entered, r); });
      web.listen("127.0.0.1:0");
      auto [ctx, stop] = goro::with_cancel(goro::background());
      auto served = goro::async([&, ctx = ctx] { web.serve(ctx); });
      const std::string at = web.local_address().to_string();

      // Asks, and goes away as soon as the handler is at work. Returns how many goroutines are left.
      const auto visit = [&](const std::string& path, std::size_t expected) {
        const std::size_t base = goro::num_goroutine();
        for (std::size_t i = 0; i != requests; ++i) {
          goro::net::conn c = goro::net::dial(goro::background(), at);
          c.write("GET " + path + " HTTP/1.1\r\nHost: guide\r\n\r\n");
          (void)entered.recv();
        }
        (void)guide::settles_at(base + expected);
        return goro::num_goroutine() - base;
      };
      (void)goro::http::get(goro::background(), "http://" + at + "/");  // the server is at work
      const std::size_t leaked = visit("/leaking", requests);
      const std::size_t left = visit("/watching", 0);
      std::printf("%zu clients that went away left %zu goroutines; with the request's context, %zu\n",
                  requests, leaked, left);
      outcome.expect(leaked == requests, "each request of the first handler leaks a goroutine");
      outcome.expect(left == 0, "the second one leaves none");
      database.close();  // what the leaked ones wait for: this program ends without them
      stop();
      served.get();
    }
    outcome.expect(guide::settles_at(before), "nothing is left");
    return outcome.verdict("a request's context ends what its client no longer waits for");
  });
}
