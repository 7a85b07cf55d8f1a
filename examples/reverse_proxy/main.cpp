// SPDX-License-Identifier: MIT
// A reverse proxy: requests go to one of several servers in turn; or, for any other protocol, bytes go to and fro.
//
// usage: reverse_proxy LISTEN http://HOST:PORT...      HTTP: passes over servers that do not answer
//        reverse_proxy LISTEN tcp:HOST:PORT            raw TCP, each direction ending by itself (half close)
//        reverse_proxy --check                         tries itself on loopback
#include <goro/goro.hpp>
#include <goro/http.hpp>
#include <goro/net.hpp>

#include <signal.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

namespace {

namespace http = goro::http;

// ---- HTTP

// What belongs to one connection, and not to the message that goes over it (RFC 9110, 7.6.1).
bool is_of_the_connection(std::string_view name) {
  for (const std::string_view hop :
       {"connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "te", "trailer",
        "transfer-encoding", "upgrade", "content-length", "expect"})
    if (name.size() == hop.size() && std::equal(name.begin(), name.end(), hop.begin(), [](char a, char b) {
          return (a >= 'A' && a <= 'Z' ? a + 32 : a) == b;
        }))
      return true;
  return false;
}

class http_proxy {
 public:
  explicit http_proxy(std::vector<std::string> servers) : servers_(std::move(servers)) {}

  void operator()(http::response_writer& w, http::request& r) {
    http::fields headers;
    for (const auto [name, value] : r.headers())
      if (!is_of_the_connection(name)) headers.add(name, value);
    headers.add("X-Forwarded-For", r.remote_address().host());
    const std::string body(r.body());
    const std::size_t first = next_.fetch_add(1, std::memory_order_relaxed);
    for (std::size_t i = 0; i != servers_.size(); ++i) {
      const std::string& server = servers_[(first + i) % servers_.size()];
      http::response answer;
      try {
        // The client's context: if he goes away, so does the request behind us.
        answer = client_.send(r.context(), r.method(), server + std::string(r.target()), headers, body);
      } catch (const std::system_error& e) {
        if (r.context().err()) throw;
        if (e.code() == std::errc::connection_refused) continue;  // has seen nothing of it: another may
        throw http::status_error(502, "the server behind this proxy failed: " + e.code().message());
      }
      for (const auto [name, value] : answer.headers)
        if (!is_of_the_connection(name)) w.headers().add(name, value);
      w.status(answer.status);
      if (!answer.body.empty()) w.write(answer.body);
      return;
    }
    throw http::status_error(503, "no server behind this proxy answers");
  }

 private:
  const std::vector<std::string> servers_;
  std::atomic<std::size_t> next_{0};
  http::client client_{{.max_redirects = 0}};
};

void serve_http(const goro::context& ctx, goro::net::listener l, std::vector<std::string> servers) {
  http_proxy proxy(std::move(servers));
  http::server web;
  web.handle("/", [&](http::response_writer& w, http::request& r) { proxy(w, r); });
  web.serve(ctx, std::move(l));
}

// ---- raw TCP

// Until `from` ends; then `to` is told so, and may go on with what it still has to say.
void copy(goro::net::conn& from, goro::net::conn& to) {
  char buffer[16 << 10];
  std::error_code ec;
  while (const std::size_t n = from.read(buffer, ec)) {
    to.write(std::string_view(buffer, n), ec);
    if (ec) break;
  }
  if (!ec) return to.close_write(ec);
  from.close();  // broken: the other direction has nobody to talk to
  to.close();
}

void serve_tcp(const goro::context& ctx, goro::net::listener l, const std::string& server) {
  const goro::stop_func stop = goro::after_func(ctx, [&] { l.close(); });
  goro::scope connections;  // waits for those that are under way
  for (;;) {
    std::error_code ec;
    goro::net::conn client = l.accept(ec);
    if (!client && ctx.err()) break;
    if (!client) continue;
    connections.go([&ctx, &server, client = std::move(client)]() mutable {
      std::error_code failed;
      goro::net::conn behind = goro::net::dial(ctx, server, failed);
      if (failed) return;
      goro::scope both;
      both.go([&] { copy(client, behind); });
      copy(behind, client);
      both.wait();
    });
  }
  stop();
}

// ---- the check

int check() {
  int failed = 0;
  const auto expect = [&](bool holds, const char* what) {
    if (holds) return;
    std::printf("FAILED: %s\n", what);
    ++failed;
  };
  auto [ctx, stop] = goro::with_cancel(goro::background());
  goro::scope all;

  // Two servers, and one address at which nobody listens.
  http::server one, two;
  for (http::server* s : {&one, &two}) {
    s->handle("/", [name = s == &one ? "one" : "two"](auto& w, auto& r) {
      w.headers().set("X-Server", name);
      w.write(std::string(r.method()) + " " + std::string(r.target()) + " " + std::string(r.body()) +
              " for " + std::string(r.headers().get("X-Forwarded-For").value_or("nobody")));
    });
    s->listen("127.0.0.1:0");
  }
  const auto url = [](const goro::net::address& a) { return "http://" + a.to_string(); };
  const std::vector<std::string> servers = {
      url(one.local_address()), url(two.local_address()),
      url(goro::net::listen("127.0.0.1:0").local_address())};  // which is closed again
  all.go([&, ctx = ctx] { one.serve(ctx); });
  all.go([&, ctx = ctx] { two.serve(ctx); });
  goro::net::listener front = goro::net::listen("127.0.0.1:0");
  const std::string at = url(front.local_address());
  all.go([&, ctx = ctx, l = std::move(front)]() mutable { serve_http(ctx, std::move(l), servers); });
  int by_one = 0, by_two = 0;
  for (int i = 0; i != 12; ++i) {
    const http::response r = http::post(goro::background(), at + "/x?y=1", "text/plain", "body");
    expect(r.status == 200 && r.body == "POST /x?y=1 body for 127.0.0.1", "a request passes through");
    (r.headers.get("X-Server") == "one" ? by_one : by_two) += 1;
  }
  expect(by_one >= 4 && by_two >= 4, "the servers take turns, and the dead one is passed over");

  // A server that answers only when the client has ended its side.
  goro::net::listener echo = goro::net::listen("127.0.0.1:0");
  const std::string echo_at = echo.local_address().to_string();
  all.go([&, l = std::move(echo)]() mutable {
    goro::net::conn c = l.accept();
    std::string text;
    char buffer[4096];
    while (const std::size_t n = c.read(buffer)) text.append(buffer, n);
    c.write(std::string(text.rbegin(), text.rend()));
  });
  goro::net::listener raw = goro::net::listen("127.0.0.1:0");
  const std::string raw_at = raw.local_address().to_string();
  all.go([&, ctx = ctx, l = std::move(raw)]() mutable { serve_tcp(ctx, std::move(l), echo_at); });
  goro::net::conn c = goro::net::dial(goro::background(), raw_at);
  c.write("half close");
  c.close_write();
  std::string back;
  char buffer[64];
  while (const std::size_t n = c.read(buffer)) back.append(buffer, n);
  expect(back == "esolc flah", "the answer comes although our side has ended");
  stop();
  all.wait();
  std::printf(failed == 0 ? "ok: HTTP went to both servers in turn, and TCP half-closed\n"
                          : "reverse_proxy failed\n");
  return failed;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view first = argc > 1 ? argv[1] : "";
  if (first != "--check" && argc < 3) {
    std::fprintf(stderr,
                 "usage: reverse_proxy LISTEN http://HOST:PORT... | LISTEN tcp:HOST:PORT | --check\n");
    return 2;
  }
  return goro::run([&] {
    try {
      if (first == "--check") return check();
      auto [ctx, stop] = goro::notify_context(goro::background(), {SIGINT, SIGTERM});
      goro::net::listener l = goro::net::listen(first);
      std::printf("listening on %s\n", l.local_address().to_string().c_str());
      std::fflush(stdout);
      const std::string_view second = argv[2];
      if (second.substr(0, 4) == "tcp:")
        serve_tcp(ctx, std::move(l), std::string(second.substr(4)));
      else
        serve_http(ctx, std::move(l), {argv + 2, argv + argc});
      return 0;
    } catch (const std::exception& e) {
      std::fprintf(stderr, "reverse_proxy: %s\n", e.what());
      return 1;
    }
  });
}
