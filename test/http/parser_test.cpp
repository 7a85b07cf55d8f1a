// SPDX-License-Identifier: MIT
// The parser without connections: what it takes, what it refuses and with which status, in whatever pieces.
#include "http/parser.hpp"

#include <gtest/gtest.h>

#include <cstddef>
#include <string>
#include <string_view>

namespace {

using goro::detail::message_head;
using goro::detail::message_parser;
using goro::detail::parse_fault;
using goro::detail::parse_limits;
using namespace std::string_literals;

struct outcome {
  parse_fault fault = parse_fault::none;
  bool done = false;
  message_head head;
  std::string body;
  std::string rest;  // what is left behind the message
};

// Hands in at most `piece` bytes more at a time.
outcome parse(message_parser::kind kind, std::string_view text, std::size_t piece,
              const parse_limits& limits = {}, bool no_body = false) {
  outcome o;
  message_parser parser;
  parser.begin(kind, o.head, limits, no_body);
  std::string pending;
  while (!text.empty() && !parser.done() && parser.fault() == parse_fault::none) {
    pending += text.substr(0, piece);
    text.remove_prefix(std::min(piece, text.size()));
    for (;;) {
      const std::size_t n = parser.put(pending, &o.body);
      pending.erase(0, n);
      if (n == 0 || pending.empty() || parser.done() || parser.fault() != parse_fault::none) break;
    }
  }
  if (parser.until_eof()) parser.put_eof();
  o.fault = parser.fault();
  o.done = parser.done();
  o.rest = pending.append(text);
  return o;
}

outcome request(std::string_view text, std::size_t piece = 1 << 20, const parse_limits& limits = {}) {
  return parse(message_parser::kind::request, text, piece, limits);
}

int status(std::string_view text, std::size_t piece) {
  const outcome o = request(text, piece, {512, 64});
  return o.fault != parse_fault::none ? status_of(o.fault) : o.done ? 200 : 0;
}

TEST(HttpParser, ARequestIsTheSameInWhateverPiecesItComes) {
  const std::string_view text =
      "POST /a/b?c=d HTTP/1.1\r\nHost: example\r\nX-Empty:\r\nX-Blanks: \t a b \t\r\nTransfer-Encoding: "
      "Chunked\r\n\r\n"
      "5\r\nhello\r\n6;name=\"va;lue\"\r\n world\r\n0\r\nX-Trailer: t\r\n\r\nGET /next";
  for (std::size_t piece = 1; piece <= text.size(); ++piece) {
    const outcome o = request(text, piece);
    ASSERT_EQ(o.fault, parse_fault::none) << piece;
    ASSERT_TRUE(o.done) << piece;
    EXPECT_EQ(o.head.method, "POST");
    EXPECT_EQ(o.head.target, "/a/b?c=d");
    EXPECT_EQ(o.head.fields.get("x-blanks"), "a b");
    EXPECT_EQ(o.head.fields.get("X-EMPTY"), "");
    EXPECT_FALSE(o.head.fields.contains("X-Trailer"));
    EXPECT_TRUE(o.head.chunked);
    EXPECT_TRUE(o.head.keep_alive);
    EXPECT_EQ(o.body, "hello world");
    EXPECT_EQ(o.rest.substr(0, 9), "GET /next") << "the next request is left alone";
  }
}

TEST(HttpParser, WhatTwoServersMightReadDifferentlyIsRefused) {
  const struct {
    const char* what;
    int status;
    std::string text;
  } table[] = {
      {"both lengths", 400,
       "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
      {"both, the other way", 400,
       "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n"},
      {"two lengths", 400,
       "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd"},
      {"two in a list", 400, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3, 4\r\n\r\nabcd"},
      {"signed length", 400, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +3\r\n\r\nabc"},
      {"negative length", 400, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -3\r\n\r\nabc"},
      {"length beyond 64 bits", 400,
       "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 18446744073709551616\r\n\r\n"},
      {"empty length", 400, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n"},
      {"unknown encoding", 501, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n"},
      {"encoding after chunked", 501,
       "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, gzip\r\n\r\n"},
      {"two encodings", 501,
       "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"},
      {"chunked twice", 400,
       "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"},
      {"odd chunked", 501, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n"},
      {"encoding in HTTP/1.0", 400, "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
      {"hex prefix", 400,
       "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0x1\r\na\r\n0\r\n\r\n"},
      {"signed chunk", 400,
       "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n+1\r\na\r\n0\r\n\r\n"},
      {"negative chunk", 400,
       "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\na\r\n0\r\n\r\n"},
      {"no chunk size", 400,
       "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n\r\na\r\n0\r\n\r\n"},
      {"huge chunk", 400,
       "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n10000000000000000\r\na\r\n"},
      {"chunk too long", 400,
       "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n"},
      {"bare LF in a chunk", 400,
       "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\na\r\n0\r\n\r\n"},
      {"length in a trailer", 400,
       "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nContent-Length: 3\r\n\r\n"},
      {"folded line", 400, "GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n c\r\n\r\n"},
      {"folded after nothing", 400, "GET / HTTP/1.1\r\nHost: a\r\nX:\r\n\tb\r\n\r\n"},
      {"folded first line", 400, "GET / HTTP/1.1\r\n Host: a\r\n\r\n"},
      {"blank before colon", 400, "GET / HTTP/1.1\r\nHost: a\r\nX : b\r\n\r\n"},
      {"tab before colon", 400, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length\t: 3\r\n\r\nabc"},
      {"no colon", 400, "GET / HTTP/1.1\r\nHost: a\r\nXb\r\n\r\n"},
      {"no name", 400, "GET / HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n"},
      {"control character", 400, "GET / HTTP/1.1\r\nHost: a\r\nX: b\0c\r\n\r\n"s},
      {"bare LF", 400, "GET / HTTP/1.1\nHost: a\n\n"},
      {"bare LF after a field", 400, "GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n"},
      {"bare CR", 400, "GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n"},
      {"no Host", 400, "GET / HTTP/1.1\r\n\r\n"},
      {"two Hosts", 400, "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"},
      {"no target", 400, "GET HTTP/1.1\r\nHost: a\r\n\r\n"},
      {"two blanks", 400, "GET  / HTTP/1.1\r\nHost: a\r\n\r\n"},
      {"no method", 400, " / HTTP/1.1\r\nHost: a\r\n\r\n"},
      {"odd method", 400, "G@T / HTTP/1.1\r\nHost: a\r\n\r\n"},
      {"another protocol", 400, "GET / FTP/1.1\r\nHost: a\r\n\r\n"},
      {"no version", 400, "GET /\r\nHost: a\r\n\r\n"},
      {"TLS", 400, "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 x\r\n\r\n"s},
      {"HTTP/2", 505, "GET / HTTP/2.0\r\nHost: a\r\n\r\n"},
      {"HTTP/1.2", 505, "GET / HTTP/1.2\r\nHost: a\r\n\r\n"},
      {"HTTP/0.9", 505, "GET / HTTP/0.9\r\nHost: a\r\n\r\n"},
      {"long field", 431, "GET / HTTP/1.1\r\nHost: a\r\nX: " + std::string(1000, 'x') + "\r\n\r\n"},
      {"long target", 431, "GET /" + std::string(1000, 'x') + " HTTP/1.1\r\nHost: a\r\n\r\n"},
      {"long body", 413, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 65\r\n\r\n"},
      {"long chunk", 413, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n41\r\nabc"},
      {"length said twice", 200,
       "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc"},
      {"HTTP/1.0 without Host", 200, "GET / HTTP/1.0\r\n\r\n"},
      {"leading zeros", 200,
       "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0001\r\na\r\n000\r\n\r\n"},
  };
  for (const auto& t : table) {
    EXPECT_EQ(status(t.text, 1 << 20), t.status) << t.what;
    EXPECT_EQ(status(t.text, 1), t.status) << t.what << ", a byte at a time";
    EXPECT_EQ(status(t.text, 7), t.status) << t.what << ", seven bytes at a time";
  }
}

TEST(HttpParser, FieldsThatComeOneByOneCountTogether) {
  // Each piece ends with three bytes of the next field: Beast then forgets what it has searched, and takes fields
  // as they come.
  message_head head;
  message_parser parser;
  parser.begin(message_parser::kind::request, head, {256, 0});
  std::string pending = "GET / HTTP/1.1\r\nHost: a\r\na:\r";
  int rounds = 0;
  while (parser.fault() == parse_fault::none && rounds < 1000) {
    pending.erase(0, parser.put(pending, nullptr));
    pending += "\na:\r";
    ++rounds;
  }
  EXPECT_EQ(parser.fault(), parse_fault::head_too_large);
  EXPECT_LT(rounds, 100);
}

TEST(HttpParser, ChunksThatAreMostlyExtensionAreRefused) {
  std::string text = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (int i = 0; i != 100; ++i) text += "1;x=" + std::string(400, 'y') + "\r\na\r\n";
  EXPECT_EQ(request(text + "0\r\n\r\n").fault, parse_fault::bad_message);
  text = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (int i = 0; i != 10000; ++i) text += "1\r\na\r\n";
  EXPECT_EQ(request(text + "0\r\n\r\n").body.size(), 10000u);
}

TEST(HttpParser, ResponsesEndWhereTheirKindSays) {
  using kind = message_parser::kind;
  const auto response = [](std::string_view text, bool no_body = false) {
    return parse(kind::response, text, 5, {}, no_body);
  };
  outcome o = response("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcdef");
  EXPECT_TRUE(o.done);
  EXPECT_EQ(o.body, "abc");
  EXPECT_TRUE(o.head.keep_alive);
  o = response("HTTP/1.1 200 \r\n\r\nuntil the end");
  EXPECT_TRUE(o.done) << "a reason may be missing, and a body without length lasts until the end";
  EXPECT_EQ(o.body, "until the end");
  EXPECT_FALSE(o.head.keep_alive);
  o = response("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n", true);
  EXPECT_TRUE(o.done) << "HEAD";
  EXPECT_EQ(o.head.content_length, 100u);
  EXPECT_TRUE(response("HTTP/1.1 204 No Content\r\n\r\n").done);
  EXPECT_TRUE(response("HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n").done);
  EXPECT_TRUE(response("HTTP/1.1 100 Continue\r\n\r\n").done);
  EXPECT_FALSE(response("HTTP/1.0 200 OK\r\n\r\n").head.keep_alive);
  EXPECT_TRUE(
      response("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n").head.keep_alive);
  EXPECT_FALSE(response("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc").done) << "cut off";
  EXPECT_EQ(response("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n").fault,
            parse_fault::bad_message);
  EXPECT_EQ(response("nonsense\r\n\r\n").fault, parse_fault::bad_message);
  EXPECT_EQ(response("HTTP/1.1 20x OK\r\n\r\n").fault, parse_fault::bad_message);
}

}  // namespace
