// SPDX-License-Identifier: MIT
// The router's matching, without requests.
#include "http/routes.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

using goro::detail::compare;
using goro::detail::parse_pattern;
using goro::detail::relation;
using goro::detail::route_match;
using goro::detail::route_tree;

void nothing(goro::http::response_writer&, goro::http::request&) {}

struct routes : route_tree {
  explicit routes(const std::vector<std::string>& patterns) {
    for (const std::string& p : patterns) insert(parse_pattern(p), nothing);
  }
  // "pattern" or "pattern value value"; "-": none; "?": refused.
  std::string at(std::string_view method, std::string_view path) const {
    route_match m;
    if (!match(method, path, m)) return "?";
    if (m.found == nullptr) return "-";
    std::string text = m.found->what.text;
    for (const std::string_view v : m.values) text.append(" ").append(v);
    return text;
  }
};

TEST(HttpRoutes, TheMostSpecificPatternAnswersInWhateverOrderTheyWereRegistered) {
  std::vector<std::string> patterns = {"/",
                                       "/users/{id}",
                                       "GET /users/{id}",
                                       "GET /users/me",
                                       "/files/{rest...}",
                                       "/files/readme.txt",
                                       "POST /users/me"};
  std::sort(patterns.begin(), patterns.end());
  do {
    const routes r(patterns);
    EXPECT_EQ(r.at("GET", "/users/me"), "GET /users/me");
    EXPECT_EQ(r.at("HEAD", "/users/me"), "GET /users/me");
    EXPECT_EQ(r.at("PUT", "/users/me"), "/users/{id} me");
    EXPECT_EQ(r.at("GET", "/users/7"), "GET /users/{id} 7");
    EXPECT_EQ(r.at("DELETE", "/users/7"), "/users/{id} 7");
    EXPECT_EQ(r.at("GET", "/users/7/x"), "/ users/7/x");
    EXPECT_EQ(r.at("GET", "/files/a/b.txt"), "/files/{rest...} a/b.txt");
    EXPECT_EQ(r.at("GET", "/files/readme.txt"), "/files/readme.txt");
    EXPECT_EQ(r.at("GET", "/files/"), "/files/{rest...} ");
    EXPECT_EQ(r.at("GET", "/files"), "/ files");
  } while (std::next_permutation(patterns.begin(), patterns.end()));
}

TEST(HttpRoutes, ANameStandsForOneSegmentThatIsNotEmpty) {
  const routes r({"/a/{x}/b", "/a/{x}/{y}/c", "/e/{$}"});
  EXPECT_EQ(r.at("GET", "/a/1/b"), "/a/{x}/b 1");
  EXPECT_EQ(r.at("GET", "/a/1/2/c"), "/a/{x}/{y}/c 1 2");
  EXPECT_EQ(r.at("GET", "/a/b"), "-");
  EXPECT_EQ(r.at("GET", "/a/1/"), "-");
  EXPECT_EQ(r.at("GET", "/e/"), "/e/{$}");
  EXPECT_EQ(r.at("GET", "/e/f"), "-");
  EXPECT_EQ(r.at("GET", "/e"), "-");
}

TEST(HttpRoutes, ASearchThatEndsNowhereGoesBack) {
  const routes r({"/a/b/{x}", "/{p}/b/c/d", "GET /a/{y}/z/{x}"});
  EXPECT_EQ(r.at("GET", "/a/b/c/d"), "/{p}/b/c/d a");
  EXPECT_EQ(r.at("GET", "/a/b/z/u"), "GET /a/{y}/z/{x} b u");
}

TEST(HttpRoutes, SegmentsAreDecodedAfterTheyAreSplit) {
  const routes r({"/f/{name}", "/d/{rest...}", "/sp%20ace"});
  EXPECT_EQ(r.at("GET", "/f/a%2Fb"), "/f/{name} a/b");
  EXPECT_EQ(r.at("GET", "/f/%C3%A4"), "/f/{name} \xc3\xa4");
  EXPECT_EQ(r.at("GET", "/sp%20ace"), "/sp%20ace");
  EXPECT_EQ(r.at("GET", "/f/%zz"), "?");
  EXPECT_EQ(r.at("GET", "/f/%00"), "?");
  EXPECT_EQ(r.at("GET", "/d/a%2f..%2f..%2fetc"), "?") << "what is decoded must not climb";
  EXPECT_EQ(r.at("GET", "/f/..%2fsecret"), "?");
}

TEST(HttpRoutes, ConflictsAreRefusedWithBothNames) {
  const auto conflict = [](const char* a, const char* b) -> std::string {
    routes r({a});
    try {
      r.insert(parse_pattern(b), nothing);
    } catch (const std::logic_error& e) {
      return e.what();
    }
    return "";
  };
  EXPECT_NE(conflict("/a/{x}", "/{y}/b").find("conflicts with \"/a/{x}\""), std::string::npos);
  EXPECT_NE(conflict("/a/{x}", "/a/{z}").find("matches the same requests"), std::string::npos);
  EXPECT_NE(conflict("GET /a/{x}", "/a/b"), "") << "neither is more specific";
  EXPECT_NE(conflict("/a/", "/{x}/b"), "");
  EXPECT_NE(conflict("/a/", "/a/{rest...}"), "");
  EXPECT_NE(conflict("HEAD /{x}", "GET /a"), "");
  EXPECT_EQ(conflict("/a/{x}", "/a/b"), "");
  EXPECT_EQ(conflict("GET /a", "/a"), "");
  EXPECT_EQ(conflict("GET /a", "HEAD /a"), "");
  EXPECT_EQ(conflict("GET /a/{x}", "POST /{y}/b"), "");
  EXPECT_EQ(conflict("/a/{$}", "/a/"), "");
  EXPECT_EQ(conflict("/a/{x}", "/a/"), "");
  EXPECT_EQ(conflict("/a", "/a/"), "");
}

TEST(HttpRoutes, PatternsThatMakeNoSenseSayWhy) {
  const auto why = [](const char* text) -> std::string {
    try {
      parse_pattern(text);
    } catch (const std::invalid_argument& e) {
      return e.what();
    }
    return "";
  };
  for (const char* bad : {"", "GET", "GET ", "users", "example.com/x", "G(T /x", "/{", "/a{b}", "/{}", "/{1}",
                          "/{a...}/b", "/{$}/b", "/{a}/{a}", "//x", "/a/../b", "/%", "/{x..}"})
    EXPECT_NE(why(bad).find("goro: http::router::handle: pattern"), std::string::npos) << bad;
  for (const char* good : {"/", "GET /", "GET /x", "/a/{b}/{c...}", "/{$}", "OPTIONS  /a", "/ü/{名}"})
    EXPECT_EQ(why(good), "") << good;
}

TEST(HttpRoutes, RelationsOfPatterns) {
  const auto of = [](const char* a, const char* b) { return compare(parse_pattern(a), parse_pattern(b)); };
  EXPECT_EQ(of("/", "/a"), relation::more_general);
  EXPECT_EQ(of("/a/b", "/a/"), relation::more_specific);
  EXPECT_EQ(of("/a/{x}", "/a/{y}"), relation::equal);
  EXPECT_EQ(of("/a/{x}", "/b/{y}"), relation::disjoint);
  EXPECT_EQ(of("/a/{x}/", "/a/b"), relation::disjoint);
  EXPECT_EQ(of("/a/{x}/", "/a/b/c"), relation::more_general);
  EXPECT_EQ(of("POST /", "GET /"), relation::disjoint);
}

TEST(HttpRoutes, AllowedMethodsAreThoseOfAllPatternsThatMatchThePath) {
  const routes r({"GET /a/b", "POST /a/{x}", "DELETE /a/", "/c"});
  EXPECT_EQ(r.allowed("/a/b"), "DELETE, GET, HEAD, POST");
  EXPECT_EQ(r.allowed("/a/z"), "DELETE, POST");
  EXPECT_EQ(r.allowed("/d"), "");
}

}  // namespace
