// SPDX-License-Identifier: MIT
// The client: kept connections, redirections, odd answers, and being stopped.
#include "fixture.hpp"

#include <atomic>
#include <string>
#include <vector>

namespace {

using goro::http::client;
using goro::http::response;
using goro_test::eventually;
using goro_test::web_server;
using std::chrono::milliseconds;

using HttpClient = goro_test::HttpTest;

// Accepts connections and answers each with the next of its texts, whatever is asked, and then goes on with it if it
// is to be kept, else closes.
class scripted_server {
 public:
  explicit scripted_server(std::vector<std::string> answers, bool keep = false)
      : listener_(goro::net::listen("127.0.0.1:0")), answers_(std::move(answers)) {
    served_ = goro::async([this, keep] {
      for (std::size_t i = 0; i < answers_.size();) {
        std::error_code ec;
        goro::net::conn c = listener_.accept(ec);
        if (!c) return;
        ++connections;
        do {
          std::string request;
          char buffer[1024];
          while (request.find("\r\n\r\n") == std::string::npos) {
            const std::size_t n = c.read(buffer, ec);
            if (n == 0) break;
            request.append(buffer, n);
          }
          if (request.empty()) break;
          requests.push_back(request);
          c.write(answers_[i++], ec);
        } while (keep && i < answers_.size());
      }
    });
  }
  ~scripted_server() {
    listener_.close();
    served_.get();
  }
  std::string url(std::string_view path = "/") const {
    return "http://" + listener_.local_address().to_string() + std::string(path);
  }

  std::atomic<int> connections{0};
  std::vector<std::string> requests;

 private:
  goro::net::listener listener_;
  std::vector<std::string> answers_;
  goro::future<void> served_;
};

std::error_code code_of(auto f) {
  try {
    f();
  } catch (const std::system_error& e) {
    EXPECT_EQ(std::string(e.what()).substr(0, 6), "goro: ");
    return e.code();
  }
  return {};
}

TEST_F(HttpClient, GetAndPost) {
  web_server web;
  web.server.handle("GET /x", [](auto& w, auto& r) {
    w.headers().set("X-Y", r.headers().get("Host").value_or("none"));
    w.write("body");
  });
  web.server.handle("POST /x", [](auto& w, auto& r) {
    w.status(201);
    w.write(std::string(r.headers().get("Content-Type").value_or("")) + " " + std::string(r.body()));
  });
  web.server.handle("HEAD /h", [](auto& w, auto&) { w.write("not sent"); });
  web.start();
  response r = goro::http::get(goro::background(), web.url("/x#fragment"));
  EXPECT_EQ(r.status, 200);
  EXPECT_EQ(r.body, "body");
  EXPECT_EQ(r.headers.get("x-y"), web.at());
  r = goro::http::post(goro::background(), web.url("/x"), "a/b", "posted");
  EXPECT_EQ(r.status, 201);
  EXPECT_EQ(r.body, "a/b posted");
  client c;
  r = c.send(goro::background(), "HEAD", web.url("/h"), {}, "");
  EXPECT_EQ(r.headers.get("Content-Length"), "8");
  EXPECT_EQ(r.body, "");
  EXPECT_EQ(c.get(goro::background(), web.url("/none")).status, 404) << "no error";
}

TEST_F(HttpClient, ConnectionsAreKeptAndUsedAgain) {
  std::atomic<int> connections{0};
  web_server web;
  goro::concurrent_map<std::string, int> seen;
  web.server.handle("/", [&](auto& w, auto& r) {
    if (!seen.load_or_store(r.remote_address().to_string(), 1).second) ++connections;
    w.write("x");
    w.flush();  // chunked
  });
  web.start();
  client c({.max_idle_per_host = 2});
  for (int i = 0; i != 10; ++i) EXPECT_EQ(c.get(goro::background(), web.url()).body, "x");
  EXPECT_EQ(connections, 1);
  client none({.max_idle_per_host = 0});
  for (int i = 0; i != 3; ++i) (void)none.get(goro::background(), web.url());
  EXPECT_EQ(connections, 4);
}

TEST_F(HttpClient, AKeptConnectionThatTheServerClosedIsNoticed) {
  scripted_server s(
      {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n2"});
  client c;
  EXPECT_EQ(c.get(goro::background(), s.url()).body, "1");
  EXPECT_EQ(c.get(goro::background(), s.url()).body, "2");
  EXPECT_EQ(s.connections, 2);
}

TEST_F(HttpClient, ARequestThatFailedBeforeAnyAnswerIsSentOnceMoreIfItMayBe) {
  // The second answer on the kept connection is its end.
  const std::vector<std::string> answers = {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1", ""};
  const auto l = std::make_shared<goro::net::listener>(goro::net::listen("127.0.0.1:0"));
  std::atomic<int> requests{0};
  auto served = goro::async([&] {
    std::error_code ec;
    for (;;) {
      goro::net::conn c = l->accept(ec);
      if (!c) return;
      char buffer[1000];
      for (int i = 0; i != 2 && c.read(buffer, ec) != 0; ++i) {
        ++requests;
        if (i == 0) c.write("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1", ec);
      }
    }
  });
  const std::string url = "http://" + l->local_address().to_string();
  client c;
  (void)c.get(goro::background(), url);
  EXPECT_EQ(c.get(goro::background(), url).body, "1");
  EXPECT_EQ(requests, 3);
  EXPECT_TRUE(code_of([&] { (void)c.send(goro::background(), "POST", url, {}, "x"); }))
      << "may have been done already";
  EXPECT_EQ(requests, 4);
  l->close();
  served.get();
}

TEST_F(HttpClient, RedirectionsAreFollowedAsTheirKindSays) {
  web_server web;
  const auto to = [](int status, const char* where) {
    return [=](goro::http::response_writer& w, goro::http::request&) {
      w.headers().set("Location", where);
      w.status(status);
    };
  };
  web.server.handle("/301", to(301, "/end"));
  web.server.handle("/303", to(303, "end"));
  web.server.handle("/307", to(307, "/end"));
  web.server.handle("/308", to(308, "/end?q"));
  web.server.handle("/loop", to(302, "/loop"));
  web.server.handle("/odd", to(302, "gopher://x/"));
  web.server.handle("/end", [](auto& w, auto& r) {
    w.write(std::string(r.method()) + " " + std::string(r.target()) + " " + std::string(r.body()));
  });
  web.start();
  client c({.max_redirects = 3});
  const auto post = [&](const char* path) {
    return c.send(goro::background(), "POST", web.url(path), {}, "b").body;
  };
  EXPECT_EQ(post("/301"), "GET /end ");
  EXPECT_EQ(post("/303"), "GET /end ");
  EXPECT_EQ(post("/307"), "POST /end b");
  EXPECT_EQ(post("/308"), "POST /end?q b");
  EXPECT_EQ(c.send(goro::background(), "HEAD", web.url("/301"), {}, "").status, 200);
  EXPECT_EQ(code_of([&] { post("/loop"); }), std::errc::too_many_symbolic_link_levels);
  EXPECT_EQ(code_of([&] { post("/odd"); }), std::errc::protocol_error);
  EXPECT_EQ(client({.max_redirects = 0}).get(goro::background(), web.url("/301")).status, 301);
}

TEST_F(HttpClient, SecretsAreNotSentToAnotherHost) {
  web_server other;
  std::string seen;
  other.server.handle("/", [&](auto& w, auto& r) {
    w.write(std::string(r.headers().get("Authorization").value_or("-")) + " " +
            std::string(r.headers().get("Cookie").value_or("-")) + " " +
            std::string(r.headers().get("X-A").value_or("-")));
  });
  other.start();
  web_server web;
  web.server.handle("/away", [&](auto& w, auto&) {
    w.headers().set("Location", "http://u:p@" + other.at() + "/");
    w.status(302);
  });
  web.server.handle("/near", [&](auto& w, auto&) {
    w.headers().set("Location", "/end");
    w.status(302);
  });
  web.server.handle("/end",
                    [&](auto& w, auto& r) { w.write(r.headers().get("Authorization").value_or("-")); });
  web.start();
  goro::http::fields h;
  h.set("Authorization", "secret");
  h.set("Cookie", "secret");
  h.set("X-A", "a");
  client c;
  EXPECT_EQ(c.send(goro::background(), "GET", web.url("/away"), h, "").body, "- - a");
  EXPECT_EQ(c.send(goro::background(), "GET", web.url("/near"), h, "").body, "secret");
  EXPECT_EQ(c.get(goro::background(), "http://u:p@" + web.at() + "/near").body, "Basic dTpw");
}

TEST_F(HttpClient, AnswersAreReadAsTheyShouldBe) {
  scripted_server s(
      {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nX: y\r\n\r\nHTTP/1.1 200 "
       "OK\r\nContent-Length: 2\r\n\r\nok",
       "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\nT: u\r\n\r\n",
       "HTTP/1.0 200 OK\r\n\r\nuntil the end", "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n",
       "HTTP/1.1 304 Not Modified\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\ncut",
       "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc", "SSH-2.0-OpenSSH\r\n\r\n",
       "HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n",
       "HTTP/1.0 200 OK\r\n\r\n" + std::string(2000, 'x')});
  client c({.max_body = 1000});
  const auto get = [&] { return c.get(goro::background(), s.url()); };
  EXPECT_EQ(get().body, "ok");
  EXPECT_EQ(get().body, "abcde");
  EXPECT_EQ(get().body, "until the end");
  EXPECT_EQ(get().status, 204);
  EXPECT_EQ(get().status, 304);
  EXPECT_EQ(code_of(get), std::errc::connection_reset);
  EXPECT_EQ(code_of(get), std::errc::connection_reset);
  EXPECT_EQ(code_of(get), std::errc::protocol_error);
  EXPECT_EQ(code_of(get), std::errc::message_size);
  EXPECT_EQ(code_of(get), std::errc::message_size);
}

TEST_F(HttpClient, AContextAndATimeoutEndItAtOnce) {
  web_server web;
  const auto entered = goro::make_chan<int>(4);
  web.server.handle("/", [&](auto& w, auto& r) {
    const goro::context ctx = r.context();
    w.write("half");
    w.flush();
    entered.send(1);
    (void)goro::sleep_for(std::chrono::hours(1), ctx);
  });
  web.start();
  client c;
  auto [ctx, cancel] = goro::with_cancel(goro::background());
  auto got = goro::async([&, ctx = ctx] { return code_of([&] { (void)c.get(ctx, web.url()); }); });
  (void)entered.recv();
  cancel();
  EXPECT_EQ(got.get(), goro::errc::canceled);
  EXPECT_EQ(code_of([&, ctx = ctx] { (void)c.get(ctx, web.url()); }), goro::errc::canceled) << "done already";
  client quick({.timeout = milliseconds(30)});
  EXPECT_EQ(code_of([&] { (void)quick.get(goro::background(), web.url()); }), goro::errc::deadline_exceeded);
}

TEST_F(HttpClient, WhatCannotBeAskedSaysSo) {
  client c;
  const auto get = [&](const char* url) { return code_of([&] { (void)c.get(goro::background(), url); }); };
  for (const char* bad : {"", "example.org", "ftp://x/", "http://", "http://a b/", "ws://x/"})
    EXPECT_EQ(get(bad), std::errc::invalid_argument) << bad;
  EXPECT_EQ(code_of([&] { (void)c.send(goro::background(), "G T", "http://h/", {}, ""); }),
            std::errc::invalid_argument);
}

}  // namespace
