// SPDX-License-Identifier: MIT
// URLs, targets, paths and queries.
#include "http/url.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

using goro::detail::cleaned_path;
using goro::detail::is_clean_path;
using goro::detail::parse_query;
using goro::detail::parse_url;
using goro::detail::percent_decoded;
using goro::detail::resolve;
using goro::detail::split_target;
using goro::detail::url;

std::string shown(std::string_view text) {
  std::string fault;
  const auto u = parse_url(text, fault);
  if (!u) return "! " + fault;
  return u->scheme + " " + u->address() + " " + u->authority() + " " + u->target +
         (u->user_info.empty() ? "" : " " + u->user_info);
}

TEST(HttpUrl, PartsOfUrls) {
  EXPECT_EQ(shown("http://example.com"), "http example.com:80 example.com /");
  EXPECT_EQ(shown("HTTPS://Example.COM:443/a?b#c"), "https example.com:443 example.com /a?b");
  EXPECT_EQ(shown("http://h:8080?x=1"), "http h:8080 h:8080 /?x=1");
  EXPECT_EQ(shown("http://[::1]:81/"), "http [::1]:81 [::1]:81 /");
  EXPECT_EQ(shown("ws://[fe80::1]/chat"), "ws [fe80::1]:80 [fe80::1] /chat");
  EXPECT_EQ(shown("http://u:p%40w@h/"), "http h:80 h / u:p@w");
  EXPECT_EQ(shown("http://h:/"), "http h:80 h /");
}

TEST(HttpUrl, WhatIsNoUrlSaysWhy) {
  for (const char* bad :
       {"", "example.com", "/path", "ftp://h/", "http:/h", "http://", "http://:80/", "http://h:0/",
        "http://h:65536/", "http://h:8x/", "http://a b/", "http://h/a b", "http://h/\r\nX: y", "http://h\r\n",
        "http://[::1", "http://[::1]x/", "http://[]/", "http://h\\@i/", "http://%zz@h/"})
    EXPECT_EQ(shown(bad).substr(0, 2), "! ") << bad;
}

TEST(HttpUrl, ReferencesAreResolvedAgainstWhereTheyStood) {
  std::string fault;
  const url base = *parse_url("http://h:81/a/b/c?q", fault);
  const auto at = [&](std::string_view reference) {
    const auto u = resolve(base, reference, fault);
    return u ? u->scheme + "://" + u->authority() + u->target : "! " + fault;
  };
  EXPECT_EQ(at("d"), "http://h:81/a/b/d");
  EXPECT_EQ(at("./d?x"), "http://h:81/a/b/d?x");
  EXPECT_EQ(at("../d"), "http://h:81/a/d");
  EXPECT_EQ(at("../../../d/"), "http://h:81/d/");
  EXPECT_EQ(at("/d/../e"), "http://h:81/e");
  EXPECT_EQ(at("?z"), "http://h:81/a/b/c?z");
  EXPECT_EQ(at("#f"), "http://h:81/a/b/c?q");
  EXPECT_EQ(at("//i/x"), "http://i/x");
  EXPECT_EQ(at("https://j"), "https://j/");
  EXPECT_EQ(at("javascript:alert(1)").substr(0, 2), "! ");
  EXPECT_EQ(at("/a b").substr(0, 2), "! ");
}

TEST(HttpUrl, PercentCodes) {
  EXPECT_EQ(percent_decoded("a%20b+c%2F"), "a b+c/");
  EXPECT_EQ(percent_decoded("a+b%2b", true), "a b+");
  EXPECT_FALSE(percent_decoded("%"));
  EXPECT_FALSE(percent_decoded("a%2"));
  EXPECT_FALSE(percent_decoded("%gg"));
}

TEST(HttpUrl, TargetsHaveAPathAndAQuery) {
  const auto shown_target = [](std::string_view t) -> std::string {
    const auto p = split_target(t);
    return p ? std::string(p->path) + "|" + std::string(p->query) : "!";
  };
  EXPECT_EQ(shown_target("/a?b?c"), "/a|b?c");
  EXPECT_EQ(shown_target("*"), "*|");
  EXPECT_EQ(shown_target("http://h/a?b"), "/a|b");
  EXPECT_EQ(shown_target("http://h"), "/|");
  EXPECT_EQ(shown_target("http://h?b"), "/|b");
  for (const char* bad : {"", "a", "h:80", "http:/a", "http:///a", "/a#b", "/a b", "gopher://h/a"})
    EXPECT_EQ(shown_target(bad), "!") << bad;
}

TEST(HttpUrl, PathsAreCleaned) {
  for (const auto& [path, clean] : std::vector<std::pair<const char*, const char*>>{{"/", "/"},
                                                                                    {"/a/b", "/a/b"},
                                                                                    {"//a///b/", "/a/b/"},
                                                                                    {"/a/./b/.", "/a/b/"},
                                                                                    {"/a/../b", "/b"},
                                                                                    {"/../../a", "/a"},
                                                                                    {"/a/..", "/"},
                                                                                    {"/a/%2e%2E/b", "/b"},
                                                                                    {"/a/.%2e/b", "/b"},
                                                                                    {"/a/...", "/a/..."},
                                                                                    {"a", "/a"},
                                                                                    {"", "/"}}) {
    EXPECT_EQ(cleaned_path(path), clean) << path;
    EXPECT_EQ(is_clean_path(path), std::string_view(path) == clean) << path;
  }
}

TEST(HttpUrl, Queries) {
  const auto pairs = parse_query("a=1&b=x+y&a=2&&c&=d&e=%zz&f=%26");
  const std::vector<std::pair<std::string, std::string>> expected = {{"a", "1"}, {"b", "x y"}, {"a", "2"},
                                                                     {"c", ""},  {"", "d"},    {"f", "&"}};
  EXPECT_EQ(pairs, expected);
}

}  // namespace
