// SPDX-License-Identifier: MIT
// WebSocket between our two sides, and against a peer that does what it should not.
#include "fixture.hpp"

#include "http/frames.hpp"

#include <atomic>
#include <mutex>
#include <string>

namespace {

using goro::detail::append_frame;
using goro::detail::opcode;
using goro::http::websocket;
using goro_test::raw_client;
using goro_test::web_server;
using namespace std::string_literals;

using HttpWebsocket = goro_test::HttpTest;
constexpr unsigned char zero_mask[4] = {};

struct echo_server : web_server {
  explicit echo_server(goro::http::websocket_options options = {}) {
    server.handle("GET /echo", [this, options](auto& w, auto& r) {
      auto socket = websocket::accept(w, r, options);
      try {
        while (auto m = socket.read()) socket.write(m->data, m->type);
      } catch (const std::system_error& e) {
        const std::lock_guard hold(lock_);
        failure_ = e.code();
      }
      code = socket.close_code();
    });
    start();
  }
  ~echo_server() { stop(); }  // before what its handlers use is gone
  std::string ws() const { return "ws://" + at() + "/echo"; }

  std::error_code failure() const {  // of any connection
    const std::lock_guard hold(lock_);
    return failure_;
  }

  std::atomic<int> code{0};

 private:
  mutable std::mutex lock_;
  std::error_code failure_;
};

std::string frame(opcode op, std::string_view payload, const unsigned char* mask = zero_mask) {
  std::string bytes;
  append_frame(bytes, op, payload, mask);
  return bytes;
}

// A client behind a handshake that it has done by hand.
raw_client connected(const web_server& web, const std::string& more = "") {
  raw_client c(web.at());
  c.send(
      "GET /echo HTTP/1.1\r\nHost: h\r\nUpgrade: WebSocket\r\nConnection: keep-alive, Upgrade\r\n"
      "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" +
      more + "\r\n");
  EXPECT_EQ(c.read_until("\r\n\r\n"),
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n");
  return c;
}

TEST_F(HttpWebsocket, MessagesComeBack) {
  echo_server web;
  auto socket = websocket::dial(goro::background(), web.ws());
  for (const std::size_t n : {0u, 1u, 125u, 126u, 65535u, 65536u, 300000u}) {
    const std::string text(n, 'x');
    socket.write(text);
    auto m = socket.read();
    ASSERT_TRUE(m);
    EXPECT_TRUE(m->data == text);
    EXPECT_EQ(m->type, websocket::kind::text);
  }
  socket.write("\xff\x00"s, websocket::kind::binary);
  EXPECT_EQ(socket.read()->data, "\xff\x00"s);
  socket.ping("are you there");
  socket.write("after the ping");
  EXPECT_EQ(socket.read()->data, "after the ping");
  socket.close(4000, "enough");
  EXPECT_FALSE(socket.read());
  EXPECT_FALSE(socket.read()) << "for good";
  EXPECT_EQ(socket.close_code(), 4000) << "the answer";
  EXPECT_THROW(socket.write("late"), std::system_error);
  web.stop();
  EXPECT_EQ(web.code, 4000);
  EXPECT_FALSE(web.failure());
}

TEST_F(HttpWebsocket, ManyWriteAtTheSameTime) {
  echo_server web;
  auto socket = websocket::dial(goro::background(), web.ws());
  goro::scope writers;
  for (int i = 0; i != 8; ++i)
    writers.go([&, i] {
      for (int k = 0; k != 20; ++k)
        socket.write(std::string(static_cast<std::size_t>(i * 40 + 1), static_cast<char>('a' + i)));
    });
  int counts[8] = {};
  for (int k = 0; k != 160; ++k) {
    const auto m = socket.read();
    ASSERT_TRUE(m);
    const int i = m->data.front() - 'a';
    ASSERT_TRUE(i >= 0 && i < 8);
    EXPECT_EQ(m->data, std::string(static_cast<std::size_t>(i * 40 + 1), static_cast<char>('a' + i)));
    ++counts[i];
  }
  for (const int n : counts) EXPECT_EQ(n, 20);
  writers.wait();
}

TEST_F(HttpWebsocket, AReadThatAContextEndsLosesNothing) {
  echo_server web;
  auto socket = websocket::dial(goro::background(), web.ws());
  for (int i = 0; i != 3; ++i) {
    auto [ctx, cancel] = goro::with_timeout(goro::background(), std::chrono::milliseconds(5));
    try {
      (void)socket.read(ctx);
      ADD_FAILURE();
    } catch (const std::system_error& e) {
      EXPECT_EQ(e.code(), goro::errc::deadline_exceeded);
    }
    socket.write("still good");
    EXPECT_EQ(socket.read()->data, "still good");
  }
}

TEST_F(HttpWebsocket, AServerThatStopsSaysGoodbye) {
  echo_server web;
  auto socket = websocket::dial(goro::background(), web.ws());
  socket.write("x");
  (void)socket.read();
  web.begin_stop();
  EXPECT_FALSE(socket.read());
  EXPECT_EQ(socket.close_code(), 1001);
  web.stop();
  EXPECT_EQ(web.failure(), goro::errc::canceled);
}

TEST_F(HttpWebsocket, PartsMakeAMessageAndControlsMayStandBetween) {
  echo_server web;
  raw_client c = connected(web);
  std::string bytes = frame(opcode::text, "he") + frame(opcode::ping, "p") +
                      frame(opcode::continuation, "l") + frame(opcode::continuation, "lo");
  bytes[0] = '\x01';  // not the last
  bytes[frame(opcode::text, "he").size() + frame(opcode::ping, "p").size()] = '\x00';
  for (const char byte : bytes) c.send(std::string_view(&byte, 1));
  EXPECT_EQ(c.read_until("hello"), "\x8a\x01p\x81\x05hello");
  c.send(frame(opcode::close,
               "\x03\xe8"
               "bye"));
  EXPECT_EQ(c.read_all(), "\x88\x02\x03\xe8");
  web.stop();
  EXPECT_EQ(web.code, 1000);
}

// What a server sends that is not ours: parts with controls between, and then what a client must not take.
TEST_F(HttpWebsocket, AClientTakesPartsAnswersPingsAndRefusesAMask) {
  web_server web;
  std::string from_client;
  web.server.handle("GET /", [&](auto& w, auto& r) {
    const std::string key(r.headers().get("Sec-WebSocket-Key").value_or(""));
    std::string ahead;
    goro::net::conn c = w.hijack(ahead);
    c.write(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Accept: " +
        goro::detail::websocket_accept_key(key) + "\r\n\r\n");
    c.write("\x01\x02he"s + frame(opcode::ping, "p", nullptr) + "\x00\x01l"s +
            frame(opcode::pong, "", nullptr) + frame(opcode::continuation, "lo", nullptr));
    c.write(frame(opcode::text, "masked"));
    char buffer[256];
    std::error_code ec;
    while (const std::size_t n = c.read(buffer, ec)) from_client.append(buffer, n);
  });
  web.start();
  {
    auto socket = websocket::dial(goro::background(), "ws://" + web.at() + "/");
    const auto m = socket.read();
    ASSERT_TRUE(m);
    EXPECT_EQ(m->data, "hello");
    EXPECT_EQ(m->type, websocket::kind::text);
    EXPECT_THROW((void)socket.read(), std::system_error);
  }
  web.stop();
  ASSERT_GE(from_client.size(), 7u + 8u) << "a pong and a close, both masked";
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(from_client[i]); };
  EXPECT_EQ(byte(0), 0x8a);
  EXPECT_EQ(byte(1), 0x81);
  EXPECT_EQ(byte(6) ^ byte(2), 'p');
  EXPECT_EQ(byte(7), 0x88);
  EXPECT_EQ((byte(13) ^ byte(9)) << 8 | (byte(14) ^ byte(10)), 1002);
}

TEST_F(HttpWebsocket, WhatAPeerMustNotSendEndsWithItsCode) {
  const struct {
    const char* what;
    int code;
    std::string bytes;
  } table[] = {
      {"no mask", 1002, frame(opcode::text, "x", nullptr)},
      {"reserved bits", 1002, "\xc1\x80\0\0\0\0"s},
      {"unknown opcode", 1002, "\x83\x80\0\0\0\0"s},
      {"long ping", 1002, frame(opcode::ping, std::string(126, 'x'))},
      {"continuation of nothing", 1002, frame(opcode::continuation, "x")},
      {"text within text", 1002, "\x01\x81\0\0\0\0x"s + frame(opcode::text, "y")},
      {"not UTF-8", 1007, frame(opcode::text, "\xc0\xaf")},
      {"too long", 1009, frame(opcode::binary, std::string(1001, 'x'))},
      {"said to be too long", 1009, "\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff\0\0\0\0"s},
      {"close of one byte", 1002, frame(opcode::close, "x")},
      {"close code 1005", 1002, frame(opcode::close, "\x03\xed")},
      {"close reason", 1007, frame(opcode::close, "\x03\xe8\xff")},
  };
  for (const auto& t : table) {
    echo_server web({.max_message = 1000});
    raw_client c = connected(web);
    c.send(t.bytes);
    const std::string answer = c.read_all();
    ASSERT_GE(answer.size(), 4u) << t.what;
    EXPECT_EQ(answer[0], '\x88') << t.what;
    EXPECT_EQ(static_cast<unsigned char>(answer[2]) << 8 | static_cast<unsigned char>(answer[3]), t.code)
        << t.what;
    web.stop();
    EXPECT_TRUE(web.failure()) << t.what;
  }
}

TEST_F(HttpWebsocket, HandshakesThatAreNone) {
  echo_server web;
  const auto answer = [&](const std::string& fields) {
    return goro_test::converse(web.at(),
                               "GET /echo HTTP/1.1\r\nHost: h\r\n" + fields + "Connection: close\r\n\r\n")
        .substr(0, 12);
  };
  const std::string upgrade = "Upgrade: websocket\r\nConnection: Upgrade\r\n";
  const std::string key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
  EXPECT_EQ(answer(""), "HTTP/1.1 426");
  EXPECT_EQ(answer(upgrade + key), "HTTP/1.1 400") << "no version";
  EXPECT_EQ(answer(upgrade + "Sec-WebSocket-Version: 13\r\n"), "HTTP/1.1 400") << "no key";
  EXPECT_EQ(answer(upgrade + key + "Sec-WebSocket-Version: 13\r\nOrigin: http://evil.example\r\n"),
            "HTTP/1.1 403");
  (void)connected(web, "Origin: http://h\r\n");
  web_server plain;
  plain.server.handle("/echo", [](auto& w, auto&) { w.write("no socket here"); });
  plain.start();
  EXPECT_THROW((void)websocket::dial(goro::background(), "ws://" + plain.at() + "/echo"), std::system_error);
  EXPECT_THROW((void)websocket::dial(goro::background(), "ftp://x/"), std::system_error);
}

TEST_F(HttpWebsocket, SubprotocolsAreAgreedOn) {
  echo_server web({.subprotocol = "chat.v2"});
  EXPECT_EQ(websocket::dial(goro::background(), web.ws(), {}, {.subprotocol = "chat.v2"}).subprotocol(),
            "chat.v2");
  EXPECT_EQ(websocket::dial(goro::background(), web.ws(), {}, {.subprotocol = "other"}).subprotocol(), "");
}

TEST_F(HttpWebsocket, MisuseSaysSo) {
  echo_server web;
  auto socket = websocket::dial(goro::background(), web.ws());
  EXPECT_THROW(socket.write("\xff"), std::invalid_argument);
  EXPECT_THROW(socket.ping(std::string(126, 'x')), std::invalid_argument);
  EXPECT_THROW(socket.close(999), std::invalid_argument);
  EXPECT_THROW(socket.close(1005), std::invalid_argument);
  EXPECT_THROW(socket.close(1000, std::string(124, 'x')), std::invalid_argument);
  socket.write("unharmed");
  EXPECT_EQ(socket.read()->data, "unharmed");
}

}  // namespace
