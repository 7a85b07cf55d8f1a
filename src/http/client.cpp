// SPDX-License-Identifier: MIT
// The client: connections kept for each host, redirections, and the one more try.
#include "http/client_connection.hpp"
#include "http/text.hpp"

#include <goro/http/client.hpp>
#include <goro/mutex.hpp>

#include <algorithm>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace goro {

namespace detail {

namespace {

constexpr std::int64_t idle_life = 90'000'000'000;

std::int64_t now() noexcept { return clock::now().time_since_epoch().count(); }

bool is_idempotent(std::string_view method) noexcept {
  return method == "GET" || method == "HEAD" || method == "OPTIONS" || method == "TRACE" || method == "PUT" ||
         method == "DELETE";
}

bool is_redirection(int status) noexcept {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

[[noreturn]] void refuse(const std::string& what, const char* remedy) {
  throw std::system_error(std::make_error_code(std::errc::invalid_argument),
                          "goro: http::client: " + what + "; " + remedy);
}

[[noreturn]] void fail(const std::error_code& ec, std::string_view method, const url& u) {
  throw std::system_error(ec, "goro: http: " + std::string(method) + " " + u.scheme + "://" + u.authority() +
                                  printable(u.target));
}

}  // namespace

class client_core {
 public:
  explicit client_core(const http::client_options& o) : options(o) {}

  http::response send(const goro::context& ctx, std::string_view method, std::string_view text,
                      const http::fields& headers, std::string_view body);

  const http::client_options options;

 private:
  using connections = std::vector<client_connection>;

  http::response send_once(const goro::context& ctx, std::string_view method, const url& u,
                           const http::fields& headers, std::string_view body);
  std::optional<client_connection> take_idle(const std::string& origin);
  void keep(const std::string& origin, client_connection c);

  goro::mutex lock_;
  std::map<std::string, connections>
      idle_;  // by scheme, host and port; the last used is the last; under lock_
};

// The one that was used last, if it is still good. Those that are not are let go, outside the lock.
std::optional<client_connection> client_core::take_idle(const std::string& origin) {
  for (;;) {
    std::optional<client_connection> c;
    connections old;
    {
      const std::lock_guard hold(lock_);
      const auto at = idle_.find(origin);
      if (at == idle_.end()) return std::nullopt;
      c = std::move(at->second.back());
      at->second.pop_back();
      if (c->idle_since < now() - idle_life) old.swap(at->second);  // the others are older
      if (at->second.empty()) idle_.erase(at);
    }
    if (old.empty() && c->idle_since >= now() - idle_life && !c->is_stale()) return c;
  }
}

void client_core::keep(const std::string& origin, client_connection c) {
  std::optional<client_connection> oldest;
  c.idle_since = now();
  if (options.max_idle_per_host == 0) return;
  const std::lock_guard hold(lock_);
  connections& kept = idle_[origin];
  if (kept.size() >= options.max_idle_per_host) {
    oldest = std::move(kept.front());
    kept.erase(kept.begin());
  }
  kept.push_back(std::move(c));
}

http::response client_core::send_once(const goro::context& ctx, std::string_view method, const url& u,
                                      const http::fields& headers, std::string_view body) {
  const std::string origin = u.scheme + " " + u.address();
  const std::string text = request_text(method, u, headers, body);
  for (bool again = false;; again = true) {
    std::optional<client_connection> c;
    if (!again) c = take_idle(origin);
    const bool kept = c.has_value();
    if (!kept) c.emplace(connect_for(ctx, u, options.tls));
    http::response r;
    std::error_code ec;
    if (c->round_trip(ctx, text, method == "HEAD", options.max_body, r, ec)) {
      if (c->can_be_used_again()) keep(origin, std::move(*c));
      return r;
    }
    if (kept && !c->anything_came() && !ctx.err() && is_idempotent(method)) continue;
    fail(ec, method, u);
  }
}

http::response client_core::send(const goro::context& from, std::string_view method, std::string_view text,
                                 const http::fields& headers, std::string_view body) {
  std::string fault;
  if (!is_token(method)) refuse("\"" + printable(method) + "\" is no method", "use GET, POST and the like");
  std::optional<url> at = parse_url(text, fault);
  if (!at || (at->scheme != "http" && at->scheme != "https"))
    refuse("\"" + printable(text) + "\" " + (at ? "is not http:// or https://" : fault),
           "write http://host/path");
  goro::context ctx = from;
  cancel_func end;
  if (options.timeout > duration::zero()) std::tie(ctx, end) = with_timeout(from, options.timeout);

  std::string own_method(method);
  http::fields own_headers = headers;
  for (int followed = 0;; ++followed) {
    http::response r = send_once(ctx, own_method, *at, own_headers, body);
    const auto where = r.headers.get("Location");
    if (!is_redirection(r.status) || !where || options.max_redirects <= 0) return r;
    if (followed == options.max_redirects)
      fail(std::make_error_code(std::errc::too_many_symbolic_link_levels), method, *at);
    std::optional<url> next = resolve(*at, *where, fault);
    if (!next || (next->scheme != "http" && next->scheme != "https"))
      fail(std::make_error_code(std::errc::protocol_error), method, *at);
    if (r.status < 307 && own_method != "HEAD") {
      own_method = "GET";
      body = {};
      own_headers.erase("Content-Type");
    }
    if (!next->same_origin(*at)) {
      own_headers.erase("Authorization");
      own_headers.erase("Cookie");
      own_headers.erase("Host");
      // A name and password in the new URL are the other server's idea, not the caller's.
      next->user_info.clear();
    } else if (next->user_info.empty()) {
      next->user_info = at->user_info;
    }
    at = std::move(next);
  }
}

}  // namespace detail

namespace http {

namespace {

client& common_client() {
  static client the_client;
  return the_client;
}

}  // namespace

client::client(client_options options) : core_(new goro::detail::client_core(options)) {}
client::~client() { delete core_; }

response client::get(const goro::context& ctx, std::string_view url) {
  return core_->send(ctx, "GET", url, {}, {});
}
response client::send(const goro::context& ctx, std::string_view method, std::string_view url,
                      const fields& headers, std::string_view body) {
  return core_->send(ctx, method, url, headers, body);
}

response get(const goro::context& ctx, std::string_view url) { return common_client().get(ctx, url); }
response post(const goro::context& ctx, std::string_view url, std::string_view content_type,
              std::string_view body) {
  fields headers;
  headers.set("Content-Type", content_type);
  return common_client().send(ctx, "POST", url, headers, body);
}

}  // namespace http
}  // namespace goro
