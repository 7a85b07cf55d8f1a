// SPDX-License-Identifier: MIT
// What the tests of HTTP share: a server on a port of its own, and a client that says exactly what it is told.
#pragma once

#include "support/at_procs.hpp"
#include "support/eventually.hpp"

#include <goro/goro.hpp>
#include <goro/http.hpp>
#include <goro/leak.hpp>
#include <goro/net.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <exception>
#include <memory>
#include <string>
#include <string_view>

namespace goro_test {

// Serves from start() to stop().
class web_server {
 public:
  explicit web_server(goro::http::server_options options = {}) : server(std::move(options)) {}
  ~web_server() { stop(); }

  web_server& start() {
    server.listen("127.0.0.1:0");
    at_ = server.local_address().to_string();
    auto [ctx, cancel] = goro::with_cancel(goro::background());
    cancel_ = cancel;
    served_ = goro::async([this, ctx = ctx] { server.serve(ctx); });
    return *this;
  }
  void begin_stop() { cancel_(); }
  // Waits until all is drained.
  void stop() {
    cancel_();
    if (served_.valid()) served_.get();
  }
  // What serve throws, without a stop.
  void wait() { served_.get(); }
  bool has_stopped() const { return served_.ready(); }

  const std::string& at() const { return at_; }
  std::string url(std::string_view path = "/") const { return "http://" + at_ + std::string(path); }

  goro::http::server server;

 private:
  std::string at_;
  goro::cancel_func cancel_;
  goro::future<void> served_;
};

// A TCP connection. Waits 20 s at most for what must come.
class raw_client {
 public:
  explicit raw_client(const std::string& at) : conn(goro::net::dial(goro::background(), at)) {
    conn.set_deadline(goro::clock::now() + std::chrono::seconds(20));
  }

  raw_client& send(std::string_view text) {
    conn.write(text);
    return *this;
  }
  // All until the server ends its side, or breaks the connection.
  std::string read_all() {
    std::error_code ec;
    char buffer[4096];
    while (const std::size_t n = conn.read(buffer, ec)) got.append(buffer, n);
    if (ec == goro::errc::deadline_exceeded) got += "<no end>";
    return std::exchange(got, {});
  }
  // All until `end` has come, which is included.
  std::string read_until(std::string_view end) {
    char buffer[4096];
    std::size_t at;
    while ((at = got.find(end)) == std::string::npos) {
      std::error_code ec;
      const std::size_t n = conn.read(buffer, ec);
      if (n == 0) return std::exchange(got, {}) + "<end>";
      got.append(buffer, n);
    }
    std::string text = got.substr(0, at + end.size());
    got.erase(0, text.size());
    return text;
  }

  goro::net::conn conn;
  std::string got;
};

// Without its Date.
inline std::string undated(std::string text) {
  for (std::size_t at; (at = text.find("Date: ")) != std::string::npos;)
    text.erase(at, text.find("\r\n", at) + 2 - at);
  return text;
}

inline std::string converse(const std::string& at, std::string_view request) {
  return undated(raw_client(at).send(request).read_all());
}

class HttpTest : public testing::Test {
 protected:
  void TearDown() override { EXPECT_NO_THROW(family_.verify_none()); }

 private:
  hang_guard guard_{"http", 90};
  goro::leak::family family_;
};

}  // namespace goro_test
