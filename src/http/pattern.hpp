// SPDX-License-Identifier: MIT
// A pattern such as "GET /users/{id}", and how two of them stand to each other.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace goro::detail {

struct segment {
  enum class kind { literal, one, rest, end };  // "users", {id}, {path...} or a last slash, {$}

  kind is = kind::literal;
  std::string text;  // of a literal, decoded; of the others, the name, which may be empty
};

struct pattern {
  std::string text;    // as it was written
  std::string method;  // "": all
  std::vector<segment> segments;
};

// Throws std::invalid_argument with what is wrong with it.
pattern parse_pattern(std::string_view text);

// How the sets of requests that two patterns match stand to each other.
enum class relation { equal, more_general, more_specific, overlap, disjoint };
relation compare(const pattern& a, const pattern& b) noexcept;

}  // namespace goro::detail
