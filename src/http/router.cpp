// SPDX-License-Identifier: MIT
#include <goro/http/router.hpp>

#include "http/exchange.hpp"
#include "http/routes.hpp"
#include "http/url.hpp"

#include <stdexcept>
#include <string>

namespace goro {

namespace http {

namespace {

void answer(response_writer& w, int status, std::string_view text) {
  w.headers().set("Content-Type", "text/plain; charset=utf-8");
  w.status(status);
  w.write(text);
}

void redirect(response_writer& w, request& r, std::string to) {
  const std::string_view target = r.target();
  if (const std::size_t mark = target.find('?'); mark != std::string_view::npos) to += target.substr(mark);
  w.headers().set("Location", to);
  w.status(307);
}

}  // namespace

router::router() : tree_(new goro::detail::route_tree) {}
router::router(router&& other) noexcept : tree_(std::exchange(other.tree_, nullptr)) {}
router& router::operator=(router&& other) noexcept {
  std::swap(tree_, other.tree_);
  return *this;
}
router::router(const router& other) : router() {
  if (other.tree_ == nullptr) return;
  for (const auto& route : other.tree_->all) tree_->insert(route->what, route->h);
}
router& router::operator=(const router& other) {
  router copy(other);
  std::swap(tree_, copy.tree_);
  return *this;
}
router::~router() { delete tree_; }

void router::handle(std::string_view pattern, handler h) {
  if (!h)
    throw std::invalid_argument("goro: http::router::handle: the handler of \"" + std::string(pattern) +
                                "\" is empty; give it a function");
  if (tree_ == nullptr) tree_ = new goro::detail::route_tree;
  tree_->insert(goro::detail::parse_pattern(pattern), std::move(h));
}

void router::operator()(response_writer& w, request& r) const {
  goro::detail::http_exchange& x = *exchange_of(r);
  const std::string_view path = x.raw_path;
  if (path == "*") return answer(w, 404, "404: no handler for *\n");
  if (!goro::detail::is_clean_path(path)) return redirect(w, r, goro::detail::cleaned_path(path));
  goro::detail::route_match& m = x.matched;
  const bool sound = tree_ != nullptr && tree_->match(r.method(), path, m);
  if (sound && !m.exact && path.back() != '/') {
    const std::string below = std::string(path) + '/';
    goro::detail::route_match other;
    if (tree_->match(r.method(), below, other) && other.exact) return redirect(w, r, below);
  }
  if (sound && m.found != nullptr) return m.found->h(w, r);
  if (tree_ != nullptr && !sound) return answer(w, 400, "400: the path is not well-formed\n");
  const std::string allowed = tree_ != nullptr ? tree_->allowed(path) : "";
  if (allowed.empty()) return answer(w, 404, "404: page not found\n");
  w.headers().set("Allow", allowed);
  answer(w, 405, "405: method not allowed\n");
}

}  // namespace http
}  // namespace goro
