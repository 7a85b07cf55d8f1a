// SPDX-License-Identifier: MIT
#include "http/url.hpp"

#include "http/text.hpp"

#include <algorithm>

namespace goro::detail {

namespace {

constexpr std::string_view::size_type npos = std::string_view::npos;

// What no URL contains unencoded. A backslash is among it: some take it for a slash.
bool has_blank_or_control(std::string_view s) noexcept {
  return std::any_of(s.begin(), s.end(),
                     [](char c) { return static_cast<unsigned char>(c) <= 0x20 || c == 0x7f || c == '\\'; });
}

std::string lower(std::string_view s) {
  std::string text(s);
  for (char& c : text) c = to_lower(c);
  return text;
}

// What may stand in a host that is no IPv6 address. Letters beyond ASCII would have to be encoded first.
bool is_host(std::string_view host) noexcept {
  return !host.empty() && std::all_of(host.begin(), host.end(), [](char c) {
    return is_alpha(c) || is_digit(c) || c == '-' || c == '.' || c == '_' || c == '~';
  });
}

bool is_ipv6(std::string_view host) noexcept {
  return host.find(':') != npos && std::all_of(host.begin(), host.end(), [](char c) {
           return hex_digit(c) >= 0 || c == ':' || c == '.' || c == '%';
         });
}

// user@host:port
bool parse_authority(std::string_view authority, url& u, std::string& fault) {
  if (const std::size_t at = authority.rfind('@'); at != npos) {
    auto user = percent_decoded(authority.substr(0, at));
    if (!user) {
      fault = "has a broken percent code before the @";
      return false;
    }
    u.user_info = std::move(*user);
    authority.remove_prefix(at + 1);
  }
  std::string_view host = authority;
  std::string_view port;
  if (!authority.empty() && authority.front() == '[') {
    const std::size_t end = authority.find(']');
    if (end == npos || !is_ipv6(authority.substr(1, end - 1)) ||
        (end + 1 != authority.size() && authority[end + 1] != ':')) {
      fault = "has no IPv6 address between its brackets";
      return false;
    }
    host = authority.substr(1, end - 1);
    port = authority.substr(std::min(end + 2, authority.size()));
  } else {
    const std::size_t colon = authority.find(':');
    host = authority.substr(0, colon);
    if (colon != npos) port = authority.substr(colon + 1);
    if (!is_host(host)) {
      fault = host.empty() ? "has no host" : "has a host with characters that no host can have";
      return false;
    }
  }
  u.host = lower(host);
  u.port = u.secure() ? 443 : 80;
  if (!port.empty()) {
    const auto number = parse_decimal(port);
    if (!number || *number == 0 || *number > 65535) {
      fault = "has a port that is no number from 1 to 65535";
      return false;
    }
    u.port = static_cast<std::uint16_t>(*number);
  }
  return true;
}

std::string_view without_fragment(std::string_view s) noexcept { return s.substr(0, s.find('#')); }

// The scheme before a colon, if there is one: a colon behind a slash or question mark belongs to something else.
std::string_view scheme_of(std::string_view s) noexcept {
  const std::size_t end = s.find_first_of(":/?#");
  if (end == npos || s[end] != ':' || end == 0 || !is_alpha(s[0])) return {};
  return s.substr(0, end);
}

// Whether a segment is ".", or "..", with percent codes or without: its number of dots, else 0.
int dots(std::string_view segment) noexcept {
  int n = 0;
  while (!segment.empty()) {
    if (segment.front() == '.')
      segment.remove_prefix(1);
    else if (segment.size() >= 3 && segment[0] == '%' && segment[1] == '2' && to_lower(segment[2]) == 'e')
      segment.remove_prefix(3);
    else
      return 0;
    ++n;
  }
  return n <= 2 ? n : 0;
}

}  // namespace

std::string url::address() const {
  const bool brackets = host.find(':') != std::string::npos;
  return (brackets ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

std::string url::authority() const {
  std::string text = address();
  if (default_port()) text.resize(text.rfind(':'));
  return text;
}

std::optional<url> parse_url(std::string_view text, std::string& fault) {
  url u;
  if (has_blank_or_control(text)) {
    fault = "contains a blank, a backslash or a control character";
    return std::nullopt;
  }
  u.scheme = lower(scheme_of(text));
  if (u.scheme != "http" && u.scheme != "https" && u.scheme != "ws" && u.scheme != "wss") {
    fault = "does not begin with http://, https://, ws:// or wss://";
    return std::nullopt;
  }
  text = without_fragment(text.substr(u.scheme.size() + 1));
  if (text.substr(0, 2) != "//") {
    fault = "has no // behind its scheme";
    return std::nullopt;
  }
  text.remove_prefix(2);
  const std::size_t end = std::min(text.find_first_of("/?"), text.size());
  if (!parse_authority(text.substr(0, end), u, fault)) return std::nullopt;
  text.remove_prefix(end);
  if (text.empty() || text.front() == '?') u.target = "/";
  u.target += text;
  return u;
}

std::optional<url> resolve(const url& base, std::string_view reference, std::string& fault) {
  if (!scheme_of(reference).empty()) return parse_url(reference, fault);
  if (reference.substr(0, 2) == "//") return parse_url(base.scheme + ":" + std::string(reference), fault);
  if (has_blank_or_control(reference)) {
    fault = "contains a blank, a backslash or a control character";
    return std::nullopt;
  }
  url u = base;
  reference = without_fragment(reference);
  if (reference.empty()) return u;
  const std::size_t query = std::min(reference.find('?'), reference.size());
  const std::string_view path = reference.substr(0, query);
  const std::string_view old = std::string_view(base.target).substr(0, base.target.find('?'));
  if (path.empty())
    u.target = old;
  else if (path.front() == '/')
    u.target = cleaned_path(path);
  else
    u.target = cleaned_path(std::string(old.substr(0, old.rfind('/') + 1)).append(path));
  u.target += reference.substr(query);
  return u;
}

std::optional<std::string> percent_decoded(std::string_view s, bool plus_is_blank) {
  std::string text;
  text.reserve(s.size());
  for (std::size_t i = 0; i != s.size(); ++i) {
    if (s[i] == '+' && plus_is_blank) {
      text += ' ';
    } else if (s[i] != '%') {
      text += s[i];
    } else {
      if (s.size() - i < 3 || hex_digit(s[i + 1]) < 0 || hex_digit(s[i + 2]) < 0) return std::nullopt;
      text += static_cast<char>(hex_digit(s[i + 1]) * 16 + hex_digit(s[i + 2]));
      i += 2;
    }
  }
  return text;
}

std::optional<target_parts> split_target(std::string_view target) noexcept {
  if (target.empty() || has_blank_or_control(target) || target.find('#') != npos) return std::nullopt;
  if (target == "*") return target_parts{target, {}};
  if (target.front() != '/') {
    // The absolute form, which a server must take though only proxies are sent it. Its host is Host's once more.
    const std::string_view scheme = scheme_of(target);
    if (!equal_ignoring_case(scheme, "http") && !equal_ignoring_case(scheme, "https")) return std::nullopt;
    target.remove_prefix(scheme.size() + 1);
    if (target.substr(0, 2) != "//") return std::nullopt;
    const std::size_t end = target.find_first_of("/?", 2);
    if (end == 2) return std::nullopt;
    target = end == npos ? std::string_view("/") : target.substr(end);
  }
  const std::size_t mark = std::min(target.find('?'), target.size());
  target_parts parts{target.substr(0, mark), target.substr(std::min(mark + 1, target.size()))};
  if (parts.path.empty()) parts.path = "/";
  return parts;
}

bool is_clean_path(std::string_view path) noexcept {
  if (path.empty() || path.front() != '/') return false;
  for (std::size_t at = 1; at <= path.size();) {
    const std::size_t end = std::min(path.find('/', at), path.size());
    if ((end == at && end != path.size()) || dots(path.substr(at, end - at)) != 0) return false;
    at = end + 1;
  }
  return true;
}

std::string cleaned_path(std::string_view path) {
  std::string clean;
  bool last_slash = path.empty() || path.back() == '/';
  for (std::size_t at = 0; at < path.size();) {
    const std::size_t end = std::min(path.find('/', at), path.size());
    const std::string_view segment = path.substr(at, end - at);
    at = end + 1;
    if (segment.empty()) continue;
    const int n = dots(segment);
    if (n == 0) clean.append("/").append(segment);
    if (n == 2) clean.resize(clean.empty() ? 0 : clean.rfind('/'));
    if (n != 0 && end == path.size()) last_slash = true;
  }
  if (clean.empty() || last_slash) clean += '/';
  return clean;
}

std::vector<std::pair<std::string, std::string>> parse_query(std::string_view query) {
  std::vector<std::pair<std::string, std::string>> pairs;
  while (!query.empty()) {
    const std::size_t end = std::min(query.find('&'), query.size());
    const std::string_view part = query.substr(0, end);
    query.remove_prefix(std::min(end + 1, query.size()));
    if (part.empty()) continue;
    const std::size_t equals = std::min(part.find('='), part.size());
    auto name = percent_decoded(part.substr(0, equals), true);
    auto value = percent_decoded(part.substr(std::min(equals + 1, part.size())), true);
    if (name && value) pairs.emplace_back(std::move(*name), std::move(*value));
  }
  return pairs;
}

}  // namespace goro::detail
