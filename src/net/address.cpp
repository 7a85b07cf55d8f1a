// SPDX-License-Identifier: MIT
#include <goro/net/address.hpp>

#include "net/errors.hpp"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <charconv>
#include <cstring>

namespace goro::net {

namespace {

constexpr sa_family_t named_family = AF_UNSPEC;  // what has only a name, which follows
constexpr std::size_t path_at = offsetof(sockaddr_un, sun_path);

sa_family_t family_of(const address& a) noexcept {
  sa_family_t family = AF_UNSPEC;
  if (a.size() >= sizeof family) std::memcpy(&family, a.data(), sizeof family);
  return family;
}

template <class Native>
Native as(const address& a) noexcept {
  Native native{};
  std::memcpy(&native, a.data(), std::min(sizeof native, a.size()));
  return native;
}

bool read_port(std::string_view text, std::uint16_t& port) noexcept {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  return !text.empty() && error == std::errc() && end == text.data() + text.size();
}

bool read_scope(const std::string& text, std::uint32_t& scope) noexcept {
  if (text.empty()) return false;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), scope);
  if (error == std::errc() && end == text.data() + text.size()) return true;
  scope = if_nametoindex(text.c_str());
  return scope != 0;
}

bool parse_unix(std::string_view path, address& out) noexcept {
  sockaddr_un native{};
  if (path.empty() || path.size() >= sizeof native.sun_path || path.find('\0') != path.npos) return false;
  native.sun_family = AF_UNIX;
  std::memcpy(native.sun_path, path.data(), path.size());
  const bool abstract = path.front() == '@';
  if (abstract) native.sun_path[0] = '\0';
  out = address::from_native(&native, path_at + path.size() + (abstract ? 0 : 1));
  return true;
}

bool parse_v6(std::string_view host, std::uint16_t port, address& out) {
  sockaddr_in6 native{};
  native.sin6_family = AF_INET6;
  native.sin6_port = htons(port);
  const std::size_t percent = host.find('%');
  if (percent != host.npos && !read_scope(std::string(host.substr(percent + 1)), native.sin6_scope_id))
    return false;
  if (inet_pton(AF_INET6, std::string(host.substr(0, percent)).c_str(), &native.sin6_addr) != 1) return false;
  out = address::from_native(&native, sizeof native);
  return true;
}

bool parse_ip(std::string_view text, address& out) {
  const std::size_t colon = text.rfind(':');
  std::uint16_t port = 0;
  if (colon == text.npos || !read_port(text.substr(colon + 1), port)) return false;
  std::string_view host = text.substr(0, colon);
  if (host.size() >= 2 && host.front() == '[' && host.back() == ']')
    return parse_v6(host.substr(1, host.size() - 2), port, out);
  if (host.empty()) return parse_v6("::", port, out);  // takes IPv4 as well
  sockaddr_in native{};
  native.sin_family = AF_INET;
  native.sin_port = htons(port);
  if (inet_pton(AF_INET, std::string(host).c_str(), &native.sin_addr) != 1) return false;
  out = address::from_native(&native, sizeof native);
  return true;
}

}  // namespace

address::address(std::string_view text) {
  std::error_code ec;
  *this = parse(text, ec);
  if (ec)
    throw std::system_error(ec, "goro: net::address: \"" + std::string(text) +
                                    "\"; write host:port with a number for the host, or unix:/path");
}

address address::parse(std::string_view text, std::error_code& ec) {
  address out;
  const bool good = text.substr(0, 5) == "unix:" ? parse_unix(text.substr(5), out) : parse_ip(text, out);
  ec = good ? std::error_code() : make_error_code(errc::bad_address);
  return good ? out : address();
}

address address::from_native(const void* sockaddr, std::size_t size) noexcept {
  address out;
  out.size_ = static_cast<std::uint16_t>(std::min(size, sizeof out.bytes_));
  std::memcpy(out.bytes_, sockaddr, out.size_);
  return out;
}

address address::named(std::string_view name) noexcept {
  address out;
  const std::size_t length = std::min(name.size(), sizeof out.bytes_ - sizeof named_family);
  std::memcpy(out.bytes_, &named_family, sizeof named_family);
  std::memcpy(out.bytes_ + sizeof named_family, name.data(), length);
  out.size_ = static_cast<std::uint16_t>(sizeof named_family + length);
  return out;
}

bool address::is_unix() const noexcept { return family_of(*this) == AF_UNIX; }
bool address::is_v4() const noexcept { return family_of(*this) == AF_INET; }
bool address::is_v6() const noexcept { return family_of(*this) == AF_INET6; }

std::string address::host() const {
  char text[INET6_ADDRSTRLEN] = "";
  if (is_v4()) {
    const auto native = as<sockaddr_in>(*this);
    inet_ntop(AF_INET, &native.sin_addr, text, sizeof text);
    return text;
  }
  if (is_v6()) {
    const auto native = as<sockaddr_in6>(*this);
    inet_ntop(AF_INET6, &native.sin6_addr, text, sizeof text);
    std::string out = text;
    if (native.sin6_scope_id != 0) {
      char name[IF_NAMESIZE];
      out += '%';
      out += if_indextoname(native.sin6_scope_id, name) != nullptr ? std::string(name)
                                                                   : std::to_string(native.sin6_scope_id);
    }
    return out;
  }
  const auto* const chars = reinterpret_cast<const char*>(bytes_);
  if (is_unix()) {
    if (size_ <= path_at) return "";
    std::string path(chars + path_at, size_ - path_at);
    if (path[0] == '\0')
      path[0] = '@';
    else
      path.resize(std::strlen(path.c_str()));
    return path;
  }
  return size_ <= sizeof named_family ? std::string()
                                      : std::string(chars + sizeof named_family, size_ - sizeof named_family);
}

std::uint16_t address::port() const noexcept {
  if (is_v4()) return ntohs(as<sockaddr_in>(*this).sin_port);
  if (is_v6()) return ntohs(as<sockaddr_in6>(*this).sin6_port);
  return 0;
}

std::string address::to_string() const {
  if (is_v4()) return host() + ':' + std::to_string(port());
  if (is_v6()) return '[' + host() + "]:" + std::to_string(port());
  if (is_unix()) return "unix:" + host();
  return host();
}

address address::with_port(std::uint16_t port) const noexcept {
  if (is_v4()) {
    auto native = as<sockaddr_in>(*this);
    native.sin_port = htons(port);
    return from_native(&native, sizeof native);
  }
  if (is_v6()) {
    auto native = as<sockaddr_in6>(*this);
    native.sin6_port = htons(port);
    return from_native(&native, sizeof native);
  }
  return *this;
}

bool operator==(const address& a, const address& b) noexcept {
  return a.size_ == b.size_ && std::memcmp(a.bytes_, b.bytes_, a.size_) == 0;
}

}  // namespace goro::net
