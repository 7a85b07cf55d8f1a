// SPDX-License-Identifier: MIT
// HTTP over TLS: server, client and WebSocket. Left out of the build where goro::tls is.
#include "fixture.hpp"
#include "support/certificates.hpp"

#include <goro/net/tls.hpp>

#include <atomic>
#include <string>

namespace {

namespace http = goro::http;
namespace net = goro::net;

// A server with a certificate for this name, whom the client trusts.
class HttpOverTls : public goro_test::HttpTest {
 protected:
  void serve(const std::string& name = "IP:127.0.0.1") {
    const goro_test::certificate own = ca_.issue({.names = {name}});
    net::tls_options options;
    options.certificates = {{own.pem, own.key}};
    options.alpn = {"http/1.1"};
    net::listener secure = net::listen_tls("127.0.0.1:0", options);
    at_ = secure.local_address().to_string();
    auto [ctx, cancel] = goro::with_cancel(goro::background());
    cancel_ = cancel;
    served_ = goro::async([this, ctx = ctx](net::listener l) { server_.serve(ctx, std::move(l)); },
                          std::move(secure));
  }
  void TearDown() override {
    cancel_();
    served_.get();
    goro_test::HttpTest::TearDown();
  }
  net::tls_config trusting() const {
    net::tls_options options;
    options.system_roots = false;
    options.authorities = ca_.pem();
    return options;
  }
  std::string url(const std::string& scheme, const std::string& path) const {
    return scheme + "://" + at_ + path;
  }

  goro_test::certificate_authority ca_;
  http::server server_;
  std::string at_;
  goro::cancel_func cancel_;
  goro::future<void> served_;
};

TEST_F(HttpOverTls, AnswersAndKeepsTheConnection) {
  std::atomic<int> connections{0};
  std::string last;
  server_.handle("GET /", [&](http::response_writer& w, http::request& r) {
    if (const std::string from = r.remote_address().to_string(); from != last) {
      last = from;
      ++connections;
    }
    w.write("over TLS");
  });
  serve();
  http::client client({.tls = trusting()});
  for (int i = 0; i != 3; ++i) {
    const http::response r = client.get(goro::background(), url("https", "/"));
    EXPECT_EQ(r.status, 200);
    EXPECT_EQ(r.body, "over TLS");
  }
  EXPECT_EQ(connections, 1);
}

TEST_F(HttpOverTls, WhoIsNotTrustedIsNotAsked) {
  std::atomic<int> asked{0};
  server_.handle("/", [&](http::response_writer&, http::request&) { ++asked; });
  serve();
  http::client by_the_systems_roots;
  try {
    (void)by_the_systems_roots.get(goro::background(), url("https", "/"));
    ADD_FAILURE() << "the authority is unknown";
  } catch (const std::system_error& e) {
    EXPECT_EQ(e.code(), net::tls_errc::certificate) << e.what();
  }
  EXPECT_EQ(asked, 0);
}

TEST_F(HttpOverTls, AnotherHostsCertificateIsRefused) {
  server_.handle("/", [](http::response_writer&, http::request&) {});
  serve("other.example");
  http::client client({.tls = trusting()});
  try {
    (void)client.get(goro::background(), url("https", "/"));
    ADD_FAILURE() << "the name is another";
  } catch (const std::system_error& e) {
    EXPECT_EQ(e.code(), net::tls_errc::certificate) << e.what();
  }
}

TEST_F(HttpOverTls, AWebSocketOverIt) {
  server_.handle("/echo", [](http::response_writer& w, http::request& r) {
    http::websocket ws = http::websocket::accept(w, r);
    while (auto m = ws.read()) ws.write(m->data);
  });
  serve();
  http::websocket ws =
      http::websocket::dial(goro::background(), url("wss", "/echo"), {}, {.tls = trusting()});
  ws.write("hello");
  const auto m = ws.read();
  ASSERT_TRUE(m.has_value());
  EXPECT_EQ(m->data, "hello");
  ws.close();
}

TEST_F(HttpOverTls, AServerThatStopsEndsAWebSocketsHandlerWithoutAReport) {
  server_.handle("/quiet", [](http::response_writer& w, http::request& r) {
    http::websocket ws = http::websocket::accept(w, r);
    while (ws.read()) {  // throws when the server stops
    }
  });
  serve();
  http::websocket ws =
      http::websocket::dial(goro::background(), url("wss", "/quiet"), {}, {.tls = trusting()});
  cancel_();
  EXPECT_FALSE(ws.read());
  EXPECT_EQ(ws.close_code(), 1001);
}

}  // namespace
