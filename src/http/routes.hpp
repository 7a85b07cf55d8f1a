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

struct route_match {
  const route* found = nullptr;
  bool exact = false;               // no segment of the path fell into a rest, but for an empty last one
  std::vector<std::string> values;  // what the names of the pattern stand for, in order
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
  using segments = std::vector<std::string>;

  static const route* best_of(const std::vector<const route*>& routes, std::string_view method) noexcept;
  template <class Choose>
  static const route* search(const place& from, const segments& path, std::size_t i, segments& values,
                             const Choose& choose);

  place root_;
};

}  // namespace goro::detail
