// SPDX-License-Identifier: MIT
// Characters and small texts of HTTP: tokens, field values, lists, numbers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace goro::detail {

constexpr bool is_alpha(char c) noexcept { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
constexpr bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }
constexpr bool is_blank(char c) noexcept { return c == ' ' || c == '\t'; }
constexpr char to_lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

constexpr int hex_digit(char c) noexcept {
  if (is_digit(c)) return c - '0';
  const char l = to_lower(c);
  return l >= 'a' && l <= 'f' ? l - 'a' + 10 : -1;
}

// tchar of RFC 9110, 5.6.2.
constexpr bool is_token_char(char c) noexcept {
  return is_alpha(c) || is_digit(c) || std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}
bool is_token(std::string_view s) noexcept;        // not empty
bool is_field_value(std::string_view s) noexcept;  // no control characters but tabs

bool equal_ignoring_case(std::string_view a, std::string_view b) noexcept;
std::string_view trimmed(std::string_view s) noexcept;  // without blanks around it

// Whether a list such as `keep-alive, Upgrade` contains the token.
bool list_contains(std::string_view list, std::string_view token) noexcept;

std::optional<std::uint64_t> parse_decimal(std::string_view s) noexcept;  // digits only, 64 bits
void append_decimal(std::string& to, std::uint64_t n);
void append_hex(std::string& to, std::uint64_t n);

// For error texts: at most 60 characters, those that would not print replaced.
std::string printable(std::string_view s);

}  // namespace goro::detail
