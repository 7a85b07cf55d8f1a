// SPDX-License-Identifier: MIT
#include "http/pattern.hpp"

#include "http/text.hpp"
#include "http/url.hpp"

#include <algorithm>
#include <stdexcept>

namespace goro::detail {

namespace {

using kind = segment::kind;

[[noreturn]] void refuse(std::string_view text, const char* why) {
  throw std::invalid_argument("goro: http::router::handle: pattern \"" + printable(text) + "\" " + why);
}

bool is_name(std::string_view s) noexcept {
  return !s.empty() && !is_digit(s.front()) && std::all_of(s.begin(), s.end(), [](char c) {
    return is_alpha(c) || is_digit(c) || c == '_' || static_cast<unsigned char>(c) >= 0x80;
  });
}

segment parse_segment(std::string_view part, bool last, std::string_view text) {
  if (part.find_first_of("{}") == std::string_view::npos) {
    auto literal = percent_decoded(part);
    if (!literal) refuse(text, "has a broken percent code; write %25 for a percent sign");
    return {kind::literal, std::move(*literal)};
  }
  if (part.front() != '{' || part.back() != '}')
    refuse(text, "has a {name} that is not a whole segment; put it between two slashes");
  std::string_view name = part.substr(1, part.size() - 2);
  if (name == "$") {
    if (!last) refuse(text, "has {$} before its end; {$} can only be the last segment");
    return {kind::end, {}};
  }
  const bool rest = name.size() > 3 && name.substr(name.size() - 3) == "...";
  if (rest) name.remove_suffix(3);
  if (rest && !last) refuse(text, "has a {name...} before its end; it can only be the last segment");
  if (!is_name(name)) refuse(text, "has braces without a name; names consist of letters, digits and _");
  return {rest ? kind::rest : kind::one, std::string(name)};
}

// Of the products of two sets, from how the factors stand.
relation combine(relation a, relation b) noexcept {
  if (a == relation::disjoint || b == relation::disjoint) return relation::disjoint;
  if (a == relation::equal) return b;
  if (b == relation::equal || a == b) return a;
  return relation::overlap;
}

relation compare(const segment& a, const segment& b) noexcept {
  if (a.is == b.is) return a.is != kind::literal || a.text == b.text ? relation::equal : relation::disjoint;
  if (a.is == kind::rest) return relation::more_general;
  if (b.is == kind::rest) return relation::more_specific;
  if (a.is == kind::end || b.is == kind::end) return relation::disjoint;  // {x} does not match the empty end
  return a.is == kind::one ? relation::more_general : relation::more_specific;
}

relation compare_paths(const std::vector<segment>& a, const std::vector<segment>& b) noexcept {
  relation r = relation::equal;
  for (std::size_t i = 0; r != relation::disjoint; ++i) {
    if (i == a.size() || i == b.size()) return a.size() == b.size() ? r : relation::disjoint;
    r = combine(r, compare(a[i], b[i]));
    // What is left of a path stands against all of the other's segments that are left.
    if (a[i].is == kind::rest || b[i].is == kind::rest) return r;
  }
  return r;
}

relation compare_methods(const std::string& a, const std::string& b) noexcept {
  if (a == b) return relation::equal;
  if (a.empty() || (a == "GET" && b == "HEAD")) return relation::more_general;
  if (b.empty() || (b == "GET" && a == "HEAD")) return relation::more_specific;
  return relation::disjoint;
}

}  // namespace

pattern parse_pattern(std::string_view text) {
  pattern p;
  p.text = text;
  std::string_view path = text;
  if (const std::size_t blank = text.find_first_of(" \t"); blank != std::string_view::npos) {
    p.method = text.substr(0, blank);
    path = trimmed(text.substr(blank));
    if (!is_token(p.method)) refuse(text, "begins with what is no method; write GET /path or /path");
  }
  if (path.empty() || path.front() != '/')
    refuse(text, "has no path that begins with a slash; hosts are not matched");
  // Names of a pattern are compared with clean paths only, so one that is not clean would never match.
  if (!is_clean_path(path)) refuse(text, "has //, . or .. in its path, which is never matched; leave it out");
  for (std::size_t at = 1; at <= path.size();) {
    const std::size_t end = std::min(path.find('/', at), path.size());
    const bool last = end == path.size();
    if (end == at)
      p.segments.push_back({kind::rest, {}});
    else
      p.segments.push_back(parse_segment(path.substr(at, end - at), last, text));
    at = end + 1;
  }
  for (std::size_t i = 0; i != p.segments.size(); ++i)
    for (std::size_t j = 0; j != i; ++j)
      if (p.segments[i].is != kind::literal && p.segments[j].is != kind::literal &&
          !p.segments[i].text.empty() && p.segments[i].text == p.segments[j].text)
        refuse(text, "has the same name twice; a name stands for one value");
  return p;
}

relation compare(const pattern& a, const pattern& b) noexcept {
  return combine(compare_methods(a.method, b.method), compare_paths(a.segments, b.segments));
}

}  // namespace goro::detail
