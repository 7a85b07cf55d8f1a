// SPDX-License-Identifier: MIT
#include "http/routes.hpp"

#include "http/url.hpp"

#include <algorithm>
#include <set>
#include <stdexcept>

namespace goro::detail {

namespace {

using kind = segment::kind;

constexpr std::size_t most_kept = 1024;  // of each, in a route_match that is used again

// Fills m.parts. False: a segment cannot be decoded, contains a zero, or has a slash in it that would make it climb.
bool split(std::string_view path, route_match& m) {
  m.clear();
  // Each segment is decoded once at most, and joined once at most.
  if (path.find('%') != std::string_view::npos) m.decoded.reserve(2 * path.size());
  for (std::size_t at = 1; at <= path.size();) {
    const std::size_t end = std::min(path.find('/', at), path.size());
    const std::string_view part = path.substr(at, end - at);
    at = end + 1;
    if (part.find('%') == std::string_view::npos) {
      m.parts.push_back(part);
      continue;
    }
    const auto text = percent_decoded(part);
    if (!text || text->find('\0') != std::string::npos) return false;
    if (text->find('/') != std::string::npos && !is_clean_path("/" + *text)) return false;
    const std::size_t before = m.decoded.size();
    m.decoded += *text;
    m.parts.push_back(std::string_view(m.decoded).substr(before));
  }
  return true;
}

// The segments from the i-th on, as one.
std::string_view joined_from(std::size_t i, route_match& m) {
  const std::string_view first = m.parts[i];
  const std::string_view last = m.parts.back();
  if (m.decoded.empty())  // they are of one path, and have its slashes between them
    return {first.data(), static_cast<std::size_t>(last.data() + last.size() - first.data())};
  const std::size_t before = m.decoded.size();
  for (std::size_t k = i; k != m.parts.size(); ++k) m.decoded.append(k == i ? "" : "/").append(m.parts[k]);
  return std::string_view(m.decoded).substr(before);
}

}  // namespace

void route_match::clear() noexcept {
  found = nullptr;
  exact = false;
  values.clear();
  parts.clear();
  decoded.clear();
  if (parts.capacity() > most_kept) std::vector<std::string_view>().swap(parts);
  if (decoded.capacity() > most_kept) std::string().swap(decoded);
}

void route_tree::insert(pattern what, http::handler h) {
  for (const auto& other : all) {
    const relation r = compare(what, other->what);
    if (r == relation::equal || r == relation::overlap)
      throw std::logic_error("goro: http::router::handle: pattern \"" + what.text + "\" " +
                             (r == relation::equal ? "matches the same requests as" : "conflicts with") +
                             " \"" + other->what.text + "\"; " +
                             (r == relation::equal
                                  ? "register one of them"
                                  : "both match some request, and neither is more specific"));
  }
  place* at = &root_;
  std::vector<const route*>* list = nullptr;
  for (const segment& s : what.segments) {
    if (s.is == kind::literal) {
      auto& child = at->literals[s.text];
      if (!child) child = std::make_unique<place>();
      at = child.get();
    } else if (s.is == kind::one) {
      if (!at->one) at->one = std::make_unique<place>();
      at = at->one.get();
    } else {
      list = s.is == kind::rest ? &at->rest : &at->end;
    }
  }
  if (list == nullptr) list = &at->here;
  auto added = std::make_shared<const route>(route{std::move(what), std::move(h)});
  list->reserve(list->size() + 1);
  all.push_back(added);
  list->push_back(added.get());
}

const route* route_tree::best_of(const std::vector<const route*>& routes, std::string_view method) noexcept {
  const auto of = [&](std::string_view m) -> const route* {
    for (const route* r : routes)
      if (r->what.method == m) return r;
    return nullptr;
  };
  if (routes.empty()) return nullptr;
  if (const route* r = of(method)) return r;
  if (method == "HEAD")
    if (const route* r = of("GET")) return r;
  return of("");
}

// `choose` gives a route of a list, or null to go on. m.values has what names stand for, from the root to here.
template <class Choose>
const route* route_tree::search(const place& from, std::size_t i, route_match& m, const Choose& choose) {
  if (i == m.parts.size()) return choose(from.here);
  const std::string_view part = m.parts[i];
  const bool at_end = part.empty() && i + 1 == m.parts.size();
  const std::size_t depth = m.values.size();
  if (at_end) {
    if (const route* r = choose(from.end)) return r;
  } else {
    if (const auto child = from.literals.find(part); child != from.literals.end())
      if (const route* r = search(*child->second, i + 1, m, choose)) return r;
    if (from.one) {
      m.values.push_back(part);
      if (const route* r = search(*from.one, i + 1, m, choose)) return r;
      m.values.resize(depth);
    }
  }
  if (const route* r = choose(from.rest)) {
    m.values.push_back(joined_from(i, m));
    return r;
  }
  return nullptr;
}

bool route_tree::match(std::string_view method, std::string_view path, route_match& m) const {
  if (!split(path, m)) return false;
  m.found = search(root_, 0, m, [&](const auto& list) { return best_of(list, method); });
  m.exact =
      m.found != nullptr && (m.found->what.segments.back().is != kind::rest ||
                             (m.found->what.segments.size() == m.parts.size() && m.parts.back().empty()));
  return true;
}

std::string route_tree::allowed(std::string_view path) const {
  route_match m;
  std::set<std::string_view> methods;
  if (!split(path, m)) return {};
  static_cast<void>(search(root_, 0, m, [&](const auto& list) -> const route* {
    for (const route* r : list) methods.insert(r->what.method);
    return nullptr;
  }));
  if (methods.count("GET") != 0) methods.insert("HEAD");
  std::string text;
  for (const std::string_view method : methods) text.append(text.empty() ? "" : ", ").append(method);
  return text;
}

}  // namespace goro::detail
