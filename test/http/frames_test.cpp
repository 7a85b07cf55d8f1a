// SPDX-License-Identifier: MIT
// WebSocket's frames, masks, texts and checksums.
#include "http/frames.hpp"
#include "http/base64.hpp"

#include <gtest/gtest.h>

#include <cstdio>
#include <string>
#include <string_view>

namespace {

using namespace goro::detail;
using namespace std::string_literals;

TEST(HttpFrames, LengthsInTheirThreeForms) {
  for (const std::size_t n : {0u, 1u, 125u, 126u, 127u, 65535u, 65536u, 70000u}) {
    const unsigned char mask[4] = {1, 2, 3, 4};
    for (const unsigned char* m : {static_cast<const unsigned char*>(nullptr), mask}) {
      const std::string payload(n, 'x');
      std::string bytes;
      append_frame(bytes, opcode::binary, payload, m);
      frame_head head;
      for (std::size_t cut = 0; cut < 14 && cut < bytes.size() - n; ++cut)
        ASSERT_EQ(parse_frame_head(std::string_view(bytes).substr(0, cut), head), frame_state::incomplete)
            << n;
      ASSERT_EQ(parse_frame_head(bytes, head), frame_state::whole);
      EXPECT_EQ(head.length, n);
      EXPECT_EQ(head.size + n, bytes.size());
      EXPECT_EQ(head.masked, m != nullptr);
      std::string back = bytes.substr(head.size);
      if (m != nullptr) apply_mask(back.data(), back.size(), head.mask, 0);
      EXPECT_TRUE(back == payload);
    }
  }
}

TEST(HttpFrames, WhatIsNoFrameIsSeen) {
  frame_head head;
  for (const std::string& bad :
       {"\xc1\x00"s, "\x83\x00"s, "\x8b\x00"s, "\x8f\x00"s, "\x09\x00"s, "\x89\x7e\x00\x7e"s,
        "\x82\x7e\x00\x7d"s, "\x82\x7f\x00\x00\x00\x00\x00\x00\xff\xff"s,
        "\x82\x7f\x80\x00\x00\x00\x00\x00\x00\x00"s})
    EXPECT_EQ(parse_frame_head(bad, head), frame_state::bad);
}

TEST(HttpFrames, Utf8) {
  for (const std::string_view good :
       {"", "abc", "\xc3\xa4", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "\xf4\x8f\xbf\xbf", "\xed\x9f\xbf"})
    EXPECT_TRUE(is_utf8(good)) << good;
  for (const std::string_view bad :
       {"\x80", "\xc3", "\xc0\xaf", "\xc1\xbf", "\xe0\x80\x80", "\xed\xa0\x80", "\xf0\x80\x80\x80",
        "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff", "\xe2\x82", "\xe2\x28\xa1"})
    EXPECT_FALSE(is_utf8(bad));
}

TEST(HttpFrames, ChecksumsOfKnownTexts) {
  const auto hex = [](std::string_view s) {
    std::string text;
    for (const unsigned char byte : sha1(s)) {
      char two[3];
      std::snprintf(two, sizeof two, "%02x", byte);
      text += two;
    }
    return text;
  };
  EXPECT_EQ(hex(""), "da39a3ee5e6b4b0d3255bfef95601890afd80709");
  EXPECT_EQ(hex("abc"), "a9993e364706816aba3e25717850c26c9cd0d89d");
  EXPECT_EQ(hex("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "84983e441c3bd26ebaae4aa1f95129e5e54670f1");
  EXPECT_EQ(hex(std::string(1000, 'a')), "291e9a6c66994949b57ba5e650361e98fc36b1ba");
  EXPECT_EQ(base64(""), "");
  EXPECT_EQ(base64("f"), "Zg==");
  EXPECT_EQ(base64("fo"), "Zm8=");
  EXPECT_EQ(base64("foo"), "Zm9v");
  EXPECT_EQ(base64("foobar"), "Zm9vYmFy");
  EXPECT_EQ(websocket_accept_key("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
      << "RFC 6455, 1.3";
}

}  // namespace
