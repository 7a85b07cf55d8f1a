// SPDX-License-Identifier: MIT
// The server over loopback: what goes over the wire, kept connections, bodies, refusals and limits.
#include "fixture.hpp"

#include <atomic>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace {

using goro_test::converse;
using goro_test::raw_client;
using goro_test::undated;
using goro_test::web_server;
using std::chrono::milliseconds;

using HttpServer = goro_test::HttpTest;

constexpr const char* hello_close = "GET /hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

void add_routes(goro::http::server& s) {
  s.handle("GET /hello", [](goro::http::response_writer& w, goro::http::request&) { w.write("hello"); });
  s.handle("POST /echo", [](auto& w, auto& r) { w.write(r.body()); });
  s.handle("GET /users/{id}", [](auto& w, auto& r) {
    w.headers().set("X-User", r.path_value("id"));
    w.write(r.query("verbose").value_or("no"));
  });
  s.handle("GET /stream", [](auto& w, auto&) {
    w.write("one");
    w.flush();
    w.write("two");
    w.write("three");
  });
  s.handle("/static/", [](auto& w, auto& r) { w.write(r.path()); });
  s.handle("GET /status/{code}",
           [](auto& w, auto& r) { w.status(std::stoi(std::string(r.path_value("code")))); });
  s.handle("GET /length", [](auto& w, auto&) {
    w.headers().set("Content-Length", "3");
    w.write("abc");
  });
  s.handle("POST /ignore", [](auto& w, auto&) { w.write("did not read"); });
}

TEST_F(HttpServer, AnswersAreHeadAndBodyWithTheirLength) {
  web_server web;
  add_routes(web.server);
  web.start();
  EXPECT_EQ(converse(web.at(), hello_close),
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello");
  EXPECT_EQ(converse(web.at(), "GET /hello HTTP/1.0\r\n\r\n"),
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello");
  EXPECT_EQ(converse(web.at(), "HEAD /hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"),
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\n");
  EXPECT_EQ(
      converse(web.at(), "GET /users/a%20b?verbose=x%2By HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"),
      "HTTP/1.1 200 OK\r\nX-User: a b\r\nContent-Length: 3\r\nConnection: close\r\n\r\nx+y");
  EXPECT_EQ(converse(web.at(), "GET /status/204 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"),
            "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n");
  EXPECT_EQ(converse(web.at(), "GET /length HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"),
            "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc");
  EXPECT_EQ(converse(web.at(), "GET http://x/static/a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"),
            "HTTP/1.1 200 OK\r\nContent-Length: 9\r\nConnection: close\r\n\r\n/static/a");
  const std::string dated = raw_client(web.at()).send(hello_close).read_all();
  EXPECT_NE(dated.find("\r\nDate: "), std::string::npos);
  EXPECT_NE(dated.find(" GMT\r\n"), std::string::npos);
}

TEST_F(HttpServer, RoutesThatDoNotMatchAreAnsweredAsTheyShould) {
  web_server web;
  add_routes(web.server);
  web.start();
  const auto first_lines = [&](std::string_view target) {
    const std::string text =
        converse(web.at(), std::string(target) + " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    return text.substr(0, text.find("Content-"));
  };
  EXPECT_EQ(first_lines("GET /nothing"), "HTTP/1.1 404 Not Found\r\n");
  EXPECT_EQ(first_lines("PUT /hello"), "HTTP/1.1 405 Method Not Allowed\r\nAllow: GET, HEAD\r\n");
  EXPECT_EQ(first_lines("GET /static"), "HTTP/1.1 307 Temporary Redirect\r\nLocation: /static/\r\n");
  EXPECT_EQ(first_lines("GET //static/../static/%2e%2e/hello?q"),
            "HTTP/1.1 307 Temporary Redirect\r\nLocation: /hello?q\r\n");
  EXPECT_EQ(first_lines("GET /users/%zz"), "HTTP/1.1 400 Bad Request\r\n");
  EXPECT_EQ(first_lines("CONNECT a:80"), "HTTP/1.1 501 Not Implemented\r\n");
}

TEST_F(HttpServer, OneConnectionTakesManyRequests) {
  web_server web;
  add_routes(web.server);
  web.start();
  raw_client c(web.at());
  for (int i = 0; i != 3; ++i) {
    EXPECT_EQ(undated(c.send("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n").read_until("hello")),
              "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
    EXPECT_EQ(
        undated(c.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc").read_until("abc")),
        "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc");
  }
  EXPECT_EQ(undated(c.send("GET /hello HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").read_until("hello")),
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: keep-alive\r\n\r\nhello");
  c.send("GET /hello HTTP/1.0\r\n\r\n");
  EXPECT_EQ(c.read_all().substr(0, 15), "HTTP/1.1 200 OK");
}

TEST_F(HttpServer, PipelinedRequestsAreAnsweredInOrder) {
  web_server web;
  add_routes(web.server);
  web.start();
  std::string requests;
  for (int i = 0; i != 50; ++i)
    requests += "GET /users/" + std::to_string(i) + " HTTP/1.1\r\nHost: a\r\n\r\n" +
                "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n";
  raw_client c(web.at());
  c.send(requests + hello_close);
  const std::string answers = c.read_all();
  std::size_t at = 0;
  for (int i = 0; i != 50; ++i) {
    at = answers.find("X-User: " + std::to_string(i) + "\r\n", at);
    ASSERT_NE(at, std::string::npos) << i;
    at = answers.find("\r\n\r\nab", at);
    ASSERT_NE(at, std::string::npos) << i;
  }
  EXPECT_EQ(answers.substr(answers.size() - 5), "hello");
}

TEST_F(HttpServer, ARequestMayComeInAnyPieces) {
  web_server web;
  add_routes(web.server);
  web.start();
  raw_client c(web.at());
  for (const char byte :
       std::string("\r\nPOST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nConnection: close\r\n\r\nxy"))
    c.send(std::string_view(&byte, 1));
  EXPECT_EQ(undated(c.read_all()), "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nxy");
}

TEST_F(HttpServer, WhatIsFlushedGoesInChunks) {
  web_server web;
  add_routes(web.server);
  web.start();
  EXPECT_EQ(converse(web.at(), "GET /stream HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"),
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
            "3\r\none\r\n8\r\ntwothree\r\n0\r\n\r\n");
  EXPECT_EQ(converse(web.at(), "GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"),
            "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nonetwothree")
      << "HTTP/1.0 knows no chunks";
  EXPECT_EQ(converse(web.at(), "HEAD /stream HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"),
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n");
}

TEST_F(HttpServer, LargeBodiesGoBothWays) {
  web_server web;
  add_routes(web.server);
  web.server.handle("POST /count", [](auto& w, auto& r) {
    char buffer[1000];
    std::size_t n = 0;
    while (const std::size_t more = r.read(buffer)) n += more;
    w.write(std::to_string(n));
  });
  web.start();
  std::string large(3u << 20, 'x');
  for (std::size_t i = 0; i < large.size(); i += 97) large[i] = static_cast<char>('a' + i % 26);
  const std::string head = " HTTP/1.0\r\nContent-Length: " + std::to_string(large.size());
  const auto post = [&](const char* path) {
    raw_client c(web.at());
    goro::scope both;
    both.go([&] { c.send("POST ").send(path).send(head).send("\r\n\r\n").send(large); });
    const std::string answer = c.read_all();
    both.wait();
    return answer.substr(std::min(answer.find("\r\n\r\n"), answer.size() - 4) + 4);
  };
  const std::string echoed = post("/echo");
  EXPECT_EQ(echoed.size(), large.size());
  EXPECT_TRUE(echoed == large);
  EXPECT_EQ(post("/count"), std::to_string(large.size()));
}

TEST_F(HttpServer, AClientThatAsksMayGoOn) {
  web_server web;
  add_routes(web.server);
  web.start();
  const std::string head = " HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n";
  raw_client c(web.at());
  EXPECT_EQ(c.send("POST /echo" + head).read_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  EXPECT_EQ(undated(c.send("abc").read_until("abc")), "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc");
  EXPECT_EQ(undated(c.send("POST /ignore" + head).read_all()),
            "HTTP/1.1 200 OK\r\nContent-Length: 12\r\nConnection: close\r\n\r\ndid not read")
      << "nobody asked for the body, so the client was not told to send it";
  EXPECT_EQ(converse(web.at(), "POST /echo HTTP/1.1\r\nHost: a\r\nExpect: tea\r\nContent-Length: 3\r\n\r\n")
                .substr(0, 12),
            "HTTP/1.1 417");
}

TEST_F(HttpServer, ABodyThatNobodyReadIsPassedOver) {
  web_server web;
  add_routes(web.server);
  web.start();
  raw_client c(web.at());
  c.send("POST /ignore HTTP/1.1\r\nHost: a\r\nContent-Length: 30000\r\n\r\n" + std::string(30000, 'x'));
  EXPECT_NE(c.read_until("did not read").find("200 OK"), std::string::npos);
  EXPECT_NE(c.send("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n").read_until("hello").find("200 OK"),
            std::string::npos);
  c.send("POST /ignore HTTP/1.1\r\nHost: a\r\nContent-Length: 5000000\r\n\r\n")
      .send(std::string(100000, 'x'));
  EXPECT_NE(c.read_all().find("Connection: close\r\n\r\ndid not read"), std::string::npos)
      << "that would be too much";
}

TEST_F(HttpServer, RefusalsHaveTheirStatusAndEndTheConnection) {
  web_server web({.max_header = 500, .max_body = 100});
  add_routes(web.server);
  web.start();
  const struct {
    const char* status;
    std::string request;
  } table[] = {
      {"400",
       "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
      {"400", "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd"},
      {"400", "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\nabc\r\n0\r\n\r\n"},
      {"400", "GET /hello HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n"},
      {"400", "GET /hello HTTP/1.1\r\nHost : a\r\n\r\n"},
      {"400", "GET /hello HTTP/1.1\nHost: a\n\n"},
      {"400", "GET /hello HTTP/1.1\r\n\r\n"},
      {"400", "GET hello HTTP/1.1\r\nHost: a\r\n\r\n"},
      {"400", "GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n"},
      {"400", "GET /%00 HTTP/1.1\r\nHost: a\r\n\r\n"},
      {"400", "nonsense\r\n\r\n"},
      {"413", "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 101\r\n\r\n"},
      {"413", "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n65\r\n" +
                  std::string(101, 'x') + "\r\n0\r\n\r\n"},
      {"431", "GET /hello HTTP/1.1\r\nHost: a\r\nX: " + std::string(500, 'x') + "\r\n\r\n"},
      {"501", "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n"},
      {"505", "GET /hello HTTP/3.0\r\nHost: a\r\n\r\n"},
  };
  for (const auto& t : table) {
    const std::string answer = converse(web.at(), t.request + hello_close);
    EXPECT_EQ(answer.substr(0, 12), std::string("HTTP/1.1 ") + t.status) << t.request;
    EXPECT_NE(answer.find("Connection: close\r\n"), std::string::npos) << t.request;
    EXPECT_EQ(answer.find("HTTP/1.1 200"), std::string::npos)
        << "what came behind was answered: " << t.request;
  }
}

// Counts what is sent over a connection.
class counted final : public goro::net::stream {
 public:
  counted(std::unique_ptr<goro::net::stream> inner, std::atomic<int>& sends)
      : inner_(std::move(inner)), sends_(sends) {}
  ~counted() override { close(); }
  std::size_t read(std::span<char> into, std::error_code& ec) override { return inner_->read(into, ec); }
  std::size_t write(std::string_view what, std::error_code& ec) override {
    ++sends_;
    return inner_->write(what, ec);
  }
  std::size_t writev(std::span<const std::string_view> pieces, std::error_code& ec) override {
    ++sends_;
    return inner_->writev(pieces, ec);
  }
  void wait_readable(std::error_code& ec) override { inner_->wait_readable(ec); }
  void set_read_deadline(std::int64_t when) noexcept override { inner_->set_read_deadline(when); }
  void set_write_deadline(std::int64_t when) noexcept override { inner_->set_write_deadline(when); }
  void close() noexcept override { inner_->close(); }
  void close_write(std::error_code& ec) override { inner_->close_write(ec); }
  goro::net::address local_address() const override { return inner_->local_address(); }
  goro::net::address remote_address() const override { return inner_->remote_address(); }
  int native_handle() const noexcept override { return -1; }

 private:
  const std::unique_ptr<goro::net::stream> inner_;
  std::atomic<int>& sends_;
};

class counting final : public goro::net::acceptor {
 public:
  counting(goro::net::listener inner, std::atomic<int>& sends) : inner_(std::move(inner)), sends_(sends) {}
  ~counting() override { close(); }
  std::unique_ptr<goro::net::stream> accept(std::error_code& ec) override {
    goro::net::conn c = inner_.accept(ec);
    return c ? std::make_unique<counted>(c.release(), sends_) : nullptr;
  }
  void set_deadline(std::int64_t when) noexcept override { inner_.get()->set_deadline(when); }
  void close() noexcept override { inner_.close(); }
  goro::net::address local_address() const override { return inner_.local_address(); }
  int native_handle() const noexcept override { return -1; }

 private:
  goro::net::listener inner_;
  std::atomic<int>& sends_;
};

TEST_F(HttpServer, AResponseIsOneSendAndSoAreThoseOfRequestsThatCameTogether) {
  goro::http::server server;
  add_routes(server);
  server.handle("GET /large", [](auto& w, auto&) { w.write(std::string(40'000, 'x')); });
  std::atomic<int> sends{0};
  auto [listener, dialer] = goro::net::pipe_listen();
  auto [ctx, cancel] = goro::with_cancel(goro::background());
  auto served = goro::async([&, ctx = ctx, l = std::move(listener)]() mutable {
    server.serve(ctx, goro::net::listener(std::make_unique<counting>(std::move(l), sends)));
  });
  {
    goro::net::conn c = dialer.dial(goro::background());
    const auto converse = [&](const std::string& text, std::string_view end) {
      c.write(text);
      std::string got;
      char buffer[4096];
      while (got.size() < end.size() || std::string_view(got).substr(got.size() - end.size()) != end) {
        const std::size_t n = c.read(buffer);
        ASSERT_NE(n, 0u);
        got.append(buffer, n);
      }
    };
    const std::string hello = "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n";
    converse(hello, "hello");
    EXPECT_EQ(sends, 1) << "head and body";
    converse("GET /large HTTP/1.1\r\nHost: a\r\n\r\n", std::string(40'000, 'x'));
    EXPECT_EQ(sends, 2) << "a body that is not copied behind its head";
    std::string many;
    for (int i = 0; i != 20; ++i) many += hello;
    converse(many + "GET /status/404 HTTP/1.1\r\nHost: a\r\n\r\n", "Content-Length: 0\r\n\r\n");
    EXPECT_EQ(sends, 3) << "21 answers";
    converse("GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n", "not found\n");
    EXPECT_EQ(sends, 4);
  }
  cancel();
  served.get();
}

// A limit that is shorter than what the machine stops for now and then cuts off those who did nothing wrong: then
// again with a longer one.
template <class Round>
bool with_some_limit(Round holds) {
  for (auto limit = milliseconds(60); limit < std::chrono::seconds(30); limit *= 4)
    if (holds(limit)) return true;
  return false;
}

TEST_F(HttpServer, AHeadThatDoesNotComeEndsByTimeout) {
  EXPECT_TRUE(with_some_limit([](milliseconds limit) {
    web_server web({.header_timeout = limit});
    add_routes(web.server);
    web.start();
    raw_client silent(web.at());
    raw_client slow(web.at());
    goro::scope both;
    both.go([&] {  // a byte now and then, for ever
      std::error_code ec;
      for (int i = 0; !ec && i != 100000; ++i) {
        slow.conn.write("G", ec);
        goro::sleep_for(milliseconds(5));
      }
    });
    const std::string answer = slow.read_all();
    EXPECT_EQ(silent.read_all(), "") << "who has said nothing is told nothing";
    slow.conn.close();
    both.wait();
    return answer.substr(0, 12) == "HTTP/1.1 408";
  }));
}

TEST_F(HttpServer, IdleConnectionsAndBodiesThatStandStillEnd) {
  EXPECT_TRUE(with_some_limit([](milliseconds limit) {
    web_server web({.idle_timeout = limit});
    add_routes(web.server);
    web.start();
    raw_client c(web.at());
    c.send("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n");
    const std::string answer = c.read_until("hello");
    EXPECT_EQ(c.read_all(), "");
    const std::string half =
        converse(web.at(), "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\na");
    return answer.find("200 OK") != std::string::npos && half.substr(0, 12) == "HTTP/1.1 408";
  }));
}

}  // namespace
