// SPDX-License-Identifier: MIT
// Handlers: their failures, their context, and misuse of what they are given.
#include "fixture.hpp"

#include "support/child.hpp"

#include <atomic>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

using goro_test::converse;
using goro_test::eventually;
using goro_test::raw_client;
using goro_test::undated;
using goro_test::web_server;

using HttpHandlers = goro_test::HttpTest;

std::string get(std::string_view path) { return "GET " + std::string(path) + " HTTP/1.1\r\nHost: a\r\n\r\n"; }

std::string what_of(const std::exception_ptr& e) {
  try {
    std::rethrow_exception(e);
  } catch (const std::exception& x) {
    return x.what();
  } catch (...) {
    return "?";
  }
}

TEST_F(HttpHandlers, AnExceptionIsAnsweredAndReported) {
  std::vector<std::string> reported;
  goro::mutex lock;
  web_server web({.on_error = [&](const goro::http::request& r, std::exception_ptr e) {
    const std::lock_guard hold(lock);
    reported.push_back(std::string(r.target()) + ": " + what_of(e));
  }});
  web.server.handle("/throw", [](auto& w, auto&) {
    w.headers().set("X-Secret", "1");
    w.write("half an answer");
    throw std::runtime_error("broken");
  });
  web.server.handle("/late", [](auto& w, auto&) {
    w.write("begun");
    w.flush();
    throw std::runtime_error("too late");
  });
  web.server.handle("/odd", [](auto&, auto&) { throw 7; });
  web.server.handle("/teapot", [](auto&, auto&) { throw goro::http::status_error(418, "short and stout"); });
  web.server.handle("/length", [](auto& w, auto&) {
    w.headers().set("Content-Length", "2");
    w.write("abc");
  });
  web.start();
  raw_client c(web.at());
  EXPECT_EQ(undated(c.send(get("/throw")).read_until("Error\n")),
            "HTTP/1.1 500 Internal Server Error\r\nContent-Type: text/plain; "
            "charset=utf-8\r\nContent-Length: 22\r\n\r\n"
            "Internal Server Error\n");
  EXPECT_NE(c.send(get("/odd")).read_until("Error\n").find("HTTP/1.1 500"), std::string::npos);
  EXPECT_NE(c.send(get("/length")).read_until("Error\n").find("HTTP/1.1 500"), std::string::npos);
  EXPECT_NE(c.send(get("/teapot")).read_until("stout\n").find("HTTP/1.1 418 I'm a teapot"),
            std::string::npos);
  EXPECT_EQ(undated(c.send(get("/late")).read_all()),
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nbegun\r\n")
      << "an answer that was cut off must not look whole";
  web.stop();
  ASSERT_EQ(reported.size(), 4u);
  EXPECT_EQ(reported[0], "/throw: broken");
  EXPECT_EQ(reported[1], "/odd: ?");
  EXPECT_NE(reported[2].find("Content-Length"), std::string::npos);
  EXPECT_EQ(reported[3], "/late: too late");
}

TEST_F(HttpHandlers, WithoutOnErrorTheUncaughtHandlerIsTold) {
  static std::atomic<int> told{0};
  told = 0;
  const auto before =
      goro::set_uncaught_handler([](const goro::goroutine_info&, std::exception_ptr) { ++told; });
  {
    web_server web;
    web.server.handle("/", [](auto&, auto&) { throw std::runtime_error("broken"); });
    web.start();
    EXPECT_EQ(raw_client(web.at()).send(get("/")).read_until("Error\n").substr(0, 12), "HTTP/1.1 500");
    EXPECT_TRUE(eventually([] { return told == 1; }));
  }
  goro::set_uncaught_handler(before);
}

// Runs in a process of its own, whose stderr is looked at.
TEST(HttpHandlersChild, DISABLED_Throws) {
  web_server web;
  web.server.handle("GET /broken", [](auto&, auto&) { throw std::runtime_error("no such table"); });
  web.server.handle("GET /odd", [](auto&, auto&) { throw 7; });
  web.server.handle("GET /", [](auto& w, auto&) { w.write("still here"); });
  web.start();
  raw_client c(web.at());
  EXPECT_NE(c.send(get("/broken?a=")).read_until("Error\n").find("HTTP/1.1 500"), std::string::npos);
  EXPECT_NE(c.send(get("/odd")).read_until("Error\n").find("HTTP/1.1 500"), std::string::npos);
  EXPECT_NE(c.send(get("/")).read_until("here").find("HTTP/1.1 200"), std::string::npos);
  EXPECT_NE(raw_client(web.at()).send(get("/")).read_until("here").find("HTTP/1.1 200"), std::string::npos);
}

TEST_F(HttpHandlers, WithoutAnyHandlerItIsPrintedAndTheServerGoesOn) {
  const auto r = goro_test::run_child(
      "/proc/self/exe", {"--gtest_filter=HttpHandlersChild.*", "--gtest_also_run_disabled_tests"});
  EXPECT_EQ(r.exit_status, 0) << r.out << r.err;
  EXPECT_NE(r.err.find("goro: http: an exception of the handler of GET /broken?a= in goroutine "),
            std::string::npos)
      << r.err;
  EXPECT_NE(r.err.find(": std::runtime_error: no such table\n  created"), std::string::npos) << r.err;
  EXPECT_NE(r.err.find(": an exception of type int\n  created"), std::string::npos) << r.err;
  EXPECT_NE(r.err.find("  thrown by "), std::string::npos) << r.err;
  EXPECT_NE(r.err.find("handlers_test.cpp:96"), std::string::npos) << r.err;
}

TEST_F(HttpHandlers, AnOnErrorThatThrowsIsNoEnd) {
  static std::atomic<int> told{0};
  told = 0;
  const auto before =
      goro::set_uncaught_handler([](const goro::goroutine_info&, std::exception_ptr) { ++told; });
  {
    web_server web({.on_error = [](const goro::http::request&, std::exception_ptr) { throw 8; }});
    web.server.handle("/", [](auto&, auto&) { throw std::runtime_error("broken"); });
    web.start();
    raw_client c(web.at());
    for (int i = 0; i != 2; ++i)
      EXPECT_EQ(c.send(get("/")).read_until("Error\n").substr(0, 12), "HTTP/1.1 500");
    EXPECT_TRUE(eventually([] { return told == 2; }));
  }
  goro::set_uncaught_handler(before);
}

TEST_F(HttpHandlers, GoexitEndsTheConnectionAndNothingElse) {
  web_server web;
  std::atomic<int> unwound{0};
  web.server.handle("/exit", [&](auto&, auto&) {
    const goro::defer count([&] { ++unwound; });
    goro::goexit();
  });
  web.server.handle("/", [](auto& w, auto&) { w.write("still here"); });
  web.start();
  EXPECT_EQ(converse(web.at(), get("/exit")), "");
  EXPECT_EQ(unwound, 1);
  EXPECT_NE(raw_client(web.at()).send(get("/")).read_until("here").find("200"), std::string::npos);
}

TEST_F(HttpHandlers, GoexitLosesNoEarlierAnswer) {
  web_server web;
  web.server.handle("/exit", [](auto&, auto&) { goro::goexit(); });
  web.server.handle("/late", [](auto& w, auto&) {
    w.write("begun");
    w.flush();
    goro::goexit();
  });
  web.server.handle("/", [](auto& w, auto&) { w.write("first"); });
  web.start();
  const std::string first = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfirst";
  EXPECT_EQ(converse(web.at(), get("/") + get("/") + get("/exit") + get("/")), first + first);
  EXPECT_EQ(converse(web.at(), get("/") + get("/late") + get("/")),
            first + "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nbegun\r\n");
}

TEST_F(HttpHandlers, TheContextEndsWhenTheClientGoesAway) {
  web_server web;
  const auto entered = goro::make_chan<int>(4);
  const auto ended = goro::make_chan<std::error_code>(4);
  web.server.handle("/wait", [&](auto&, auto& r) {
    const goro::context ctx = r.context();
    entered.send(1);
    ended.send(goro::sleep_for(std::chrono::hours(1), ctx));
  });
  web.server.handle("/quick", [&](auto& w, auto& r) {
    (void)r.context();
    w.write("quick");
  });
  web.start();
  {
    raw_client c(web.at());
    c.send(get("/quick"));
    (void)c.read_until("quick");
    c.send(get("/wait"));
    (void)entered.recv();
  }  // closed
  EXPECT_EQ(ended.recv(), goro::errc::canceled);
  raw_client half(web.at());
  half.send(get("/wait"));
  (void)entered.recv();
  half.conn.close_write();  // likewise: it will not ask for anything more
  EXPECT_EQ(ended.recv(), goro::errc::canceled);
}

TEST_F(HttpHandlers, TheContextEndsWithTheHandlerAndKeepsServesValues) {
  static const goro::context_key<int> number;
  goro::http::server server;
  goro::context kept;
  int seen = 0;
  server.handle("/", [&](auto&, auto& r) {
    kept = r.context();
    seen = *kept.value(number);
    EXPECT_FALSE(kept.err());
  });
  server.listen("127.0.0.1:0");
  auto [ctx, cancel] = goro::with_cancel(goro::with_value(goro::background(), number, 7));
  auto served = goro::async([&, ctx = ctx] { server.serve(ctx); });
  (void)converse(server.local_address().to_string(), "GET / HTTP/1.0\r\n\r\n");
  cancel();
  served.get();
  EXPECT_EQ(seen, 7);
  EXPECT_EQ(kept.err(), goro::errc::canceled);
}

TEST_F(HttpHandlers, CloseCancelsRequestsUnderWay) {
  web_server web;
  const auto entered = goro::make_chan<int>(1);
  std::error_code how;
  web.server.handle("/", [&](auto&, auto& r) {
    const goro::context ctx = r.context();
    entered.send(1);
    how = goro::sleep_for(std::chrono::hours(1), ctx);
  });
  web.start();
  raw_client c(web.at());
  c.send(get("/"));
  raw_client idle(web.at());
  (void)entered.recv();
  web.server.close();
  web.stop();
  EXPECT_EQ(how, goro::errc::canceled);
  EXPECT_EQ(c.read_all(), "");
  EXPECT_EQ(idle.read_all(), "");
}

TEST_F(HttpHandlers, AWriterNoticesThatTheClientIsGone) {
  web_server web;
  const auto result = goro::make_chan<std::error_code>(1);
  web.server.handle("/", [&](auto& w, auto&) {
    try {
      for (;;) w.write(std::string(10000, 'x'));
    } catch (const std::system_error& e) {
      result.send(e.code());
      throw;
    }
  });
  web.start();  // without on_error: an exception that says so is not reported
  {
    raw_client c(web.at());
    c.send(get("/"));
    (void)c.read_until("xxx");
  }
  EXPECT_EQ(result.recv(), std::errc::connection_reset);
}

TEST_F(HttpHandlers, MisuseSaysSo) {
  web_server web;
  std::vector<std::string> words;
  const auto try_it = [&](auto f) {
    try {
      f();
      words.push_back("");
    } catch (const std::logic_error& e) {
      words.push_back(e.what());
    }
  };
  web.server.handle("/", [&](auto& w, auto&) {
    try_it([&] { w.status(100); });
    try_it([&] { w.headers().set("A", "b\r\nc"); });
    w.headers().set("Content-Length", "3");
    w.flush();
    try_it([&] { w.status(201); });
    try_it([&] { w.write("four"); });
    w.write("abc");
    std::string rest;
    try_it([&] { (void)w.hijack(rest); });
  });
  web.server.handle("/none", [&](auto& w, auto&) {
    w.status(204);
    try_it([&] { w.write("x"); });
  });
  try_it([&] { web.server.handle("/", goro::http::handler()); });
  try_it([&] { web.server.serve(goro::background()); });
  web.start();
  raw_client c(web.at());
  EXPECT_EQ(undated(c.send(get("/")).read_until("abc")), "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc");
  EXPECT_NE(c.send(get("/none")).read_until("\r\n\r\n").find("204"), std::string::npos);
  web.stop();
  ASSERT_EQ(words.size(), 8u);
  for (const std::string& w : words) EXPECT_EQ(w.substr(0, 12), "goro: http::") << w;
}

TEST_F(HttpHandlers, AConnectionCanBeTakenOver) {
  web_server web;
  web.server.handle("/raw", [](auto& w, auto& r) {
    std::string ahead;
    goro::net::conn c = w.hijack(ahead);
    c.write("raw:" + ahead + (r.context().err() ? "!" : ""));
    char buffer[16];
    const std::size_t n = c.read(buffer);
    c.write(std::string_view(buffer, n));
  });
  web.start();
  raw_client c(web.at());
  EXPECT_EQ(c.send(get("/raw") + "ahead").read_until("ahead"), "raw:ahead");
  EXPECT_EQ(c.send("back").read_all(), "back");
}

}  // namespace
