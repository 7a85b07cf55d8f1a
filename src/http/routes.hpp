// SPDX-License-Identifier: MIT
// The patterns of a router as a tree of segments.
//
//   /users/{id}        root -- "users" -- {} : GET /users/{id}
//   /users/me                    '-- "me"    : /users/me
//   /static/                 '-- "static" -- rest: /static/
//
// A request is matched segment by segment, depth first, in the order literal, {name}, rest, and ends at the first
// place that has its method. That is the most specific pattern of all that match:
//   R1  Any two patterns of the tree are disjoint, or one is more specific (insert refuses others). So those that
//       match one request form a chain, and there is a most specific one.
//   R2  Let p be found first and q be another that matches. At the first segment in which they differ, p's is the
//       more specific one, by the order of the search; so q is not the more specific of the two, so p is. If they
//       differ in no segment, they stand at one place, and differ in the method, which best_of() decides.
#pragma once

#include "http/pattern.hpp"

#include <goro/http/router.hpp>

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace goro::detail {

struct route {
  pattern what;
  http::handler h;
};

// Used again for one path after the other, so that matching allocates nothing as a rule. The views lead into the path
// that was matched, or into `decoded`.
struct route_match {
  route_match() noexcept = default;
  route_match(const route_match&) = delete;
  route_match& operator=(const route_match&) = delete;

  // Keeps the memory, if it is not much.
  void clear() noexcept;

  const route* found = nullptr;
  bool exact = false;                    // no segment of the path fell into a rest, but for an empty last one
  std::vector<std::string_view> values;  // what the names of the pattern stand for, in order
  std::vector<std::string_view> parts;   // the segments of the path, decoded; a last slash is an empty one
  std::string decoded;  // "" if nothing had to be. Has its room before there are views into it
};

struct route_tree {
  // Throws as router::handle.
  void insert(pattern what, http::handler h);

  // `path` is clean and encoded. False: a percent code in it is broken, or it would climb out (%2e%2e%2f).
  bool match(std::string_view method, std::string_view path, route_match& m) const;

  // The methods for which the path would match, as in Allow: "GET, HEAD, POST". "": none.
  std::string allowed(std::string_view path) const;

  std::vector<std::shared_ptr<const route>> all;

 private:
  struct place {
    std::map<std::string, std::unique_ptr<place>, std::less<>> literals;
    std::unique_ptr<place> one;
    std::vector<const route*> here;  // patterns that end here, one a method
    std::vector<const route*> rest;
    std::vector<const route*> end;
  };
  static const route* best_of(const std::vector<const route*>& routes, std::string_view method) noexcept;
  template <class Choose>
  static const route* search(const place& from, std::size_t i, route_match& m, const Choose& choose);

  place root_;
};

}  // namespace goro::detail
