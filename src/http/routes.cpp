// SPDX-License-Identifier: MIT
#include "http/routes.hpp"

#include "http/url.hpp"

#include <algorithm>
#include <set>
#include <stdexcept>

namespace goro::detail {

namespace {

using kind = segment::kind;

// The decoded segments of a path; a last slash is an empty one. False: one cannot be decoded, contains a zero, or
// has a slash in it that would make it climb.
bool split(std::string_view path, std::vector<std::string>& segments) {
  for (std::size_t at = 1; at <= path.size();) {
    const std::size_t end = std::min(path.find('/', at), path.size());
    const std::string_view part = path.substr(at, end - at);
    at = end + 1;
    if (part.find('%') == std::string_view::npos) {
      segments.emplace_back(part);
      continue;
    }
    auto text = percent_decoded(part);
    if (!text || text->find('\0') != std::string::npos) return false;
    if (text->find('/') != std::string::npos && !is_clean_path("/" + *text)) return false;
    segments.push_back(std::move(*text));
  }
  return true;
}

}  // namespace

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

// `choose` gives a route of a list, or null to go on. `values` has what names stand for, from the root to here.
template <class Choose>
const route* route_tree::search(const place& from, const segments& path, std::size_t i, segments& values,
                                const Choose& choose) {
  if (i == path.size()) return choose(from.here);
  const bool at_end = path[i].empty() && i + 1 == path.size();
  const std::size_t depth = values.size();
  if (at_end) {
    if (const route* r = choose(from.end)) return r;
  } else {
    if (const auto child = from.literals.find(path[i]); child != from.literals.end())
      if (const route* r = search(*child->second, path, i + 1, values, choose)) return r;
    if (from.one) {
      values.push_back(path[i]);
      if (const route* r = search(*from.one, path, i + 1, values, choose)) return r;
      values.resize(depth);
    }
  }
  if (const route* r = choose(from.rest)) {
    std::string left;
    for (std::size_t k = i; k != path.size(); ++k) left.append(k == i ? "" : "/").append(path[k]);
    values.push_back(std::move(left));
    return r;
  }
  return nullptr;
}

bool route_tree::match(std::string_view method, std::string_view path, route_match& m) const {
  segments parts;
  if (!split(path, parts)) return false;
  m.values.clear();
  m.found = search(root_, parts, 0, m.values, [&](const auto& list) { return best_of(list, method); });
  m.exact = m.found != nullptr && (m.found->what.segments.back().is != kind::rest ||
                                   (m.found->what.segments.size() == parts.size() && parts.back().empty()));
  return true;
}

std::string route_tree::allowed(std::string_view path) const {
  segments parts;
  segments values;
  std::set<std::string_view> methods;
  if (!split(path, parts)) return {};
  static_cast<void>(search(root_, parts, 0, values, [&](const auto& list) -> const route* {
    for (const route* r : list) methods.insert(r->what.method);
    return nullptr;
  }));
  if (methods.count("GET") != 0) methods.insert("HEAD");
  std::string text;
  for (const std::string_view method : methods) text.append(text.empty() ? "" : ", ").append(method);
  return text;
}

}  // namespace goro::detail
