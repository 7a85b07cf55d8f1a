// SPDX-License-Identifier: MIT
// URLs as a client is given them, request targets as a server gets them, and what lies in them in percent codes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace goro::detail {

struct url {
  std::string scheme;  // lower case: http, https, ws, wss
  std::string host;    // lower case; an IPv6 address without its brackets
  std::uint16_t port = 0;
  std::string user_info;  // as it stands before the @, decoded; "" for none
  std::string target;     // path and query, as it is sent; begins with a slash

  bool secure() const noexcept { return scheme == "https" || scheme == "wss"; }
  bool default_port() const noexcept { return port == (secure() ? 443 : 80); }
  std::string address() const;    // for net::dial: host:port, [::1]:80
  std::string authority() const;  // for Host: without the port if it is the scheme's own
  bool same_origin(const url& other) const noexcept {
    return scheme == other.scheme && host == other.host && port == other.port;
  }
};

// Nothing, and `fault` says why: not one of the four schemes, no host, a port that is none, a blank or control
// character anywhere.
std::optional<url> parse_url(std::string_view text, std::string& fault);

// What a Location or link means where `base` was asked for: RFC 3986, 5.2. A fragment is dropped.
std::optional<url> resolve(const url& base, std::string_view reference, std::string& fault);

// Without percent codes; `plus_is_blank` for queries. Nothing: a percent sign without two hex digits behind it.
std::optional<std::string> percent_decoded(std::string_view s, bool plus_is_blank = false);

// The path of a target, in origin or absolute form, and its query, which may be empty.
struct target_parts {
  std::string_view path;
  std::string_view query;
};
// Nothing: neither form, or a character that a target cannot have. "*" is its own path.
std::optional<target_parts> split_target(std::string_view target) noexcept;

// Without "//", "/./" and "/../", however these are written (%2e); what climbs out ends at the root. A last slash
// stays. The path is not decoded.
std::string cleaned_path(std::string_view path);
bool is_clean_path(std::string_view path) noexcept;

// The pairs of a query in their order, decoded. One that cannot be decoded is left out.
std::vector<std::pair<std::string, std::string>> parse_query(std::string_view query);

}  // namespace goro::detail
