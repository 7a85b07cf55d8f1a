// SPDX-License-Identifier: MIT
#include "http/text.hpp"

#include <algorithm>
#include <array>
#include <charconv>

namespace goro::detail {

namespace {

constexpr std::array<bool, 256> table_of_tokens() noexcept {
  std::array<bool, 256> table{};
  for (int c = 0; c != 256; ++c) table[static_cast<std::size_t>(c)] = is_token_char(static_cast<char>(c));
  return table;
}
constexpr std::array<bool, 256> token_char = table_of_tokens();

void append_number(std::string& to, std::uint64_t n, int base) {
  char digits[20];
  const auto end = std::to_chars(digits, digits + sizeof digits, n, base).ptr;
  to.append(digits, end);
}

}  // namespace

bool is_token(std::string_view s) noexcept {
  return !s.empty() &&
         std::all_of(s.begin(), s.end(), [](char c) { return token_char[static_cast<unsigned char>(c)]; });
}

bool is_field_value(std::string_view s) noexcept {
  return std::none_of(s.begin(), s.end(), [](char c) {
    return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f;
  });
}

bool equal_ignoring_case(std::string_view a, std::string_view b) noexcept {
  return a.size() == b.size() &&
         std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) { return to_lower(x) == to_lower(y); });
}

std::string_view trimmed(std::string_view s) noexcept {
  while (!s.empty() && is_blank(s.front())) s.remove_prefix(1);
  while (!s.empty() && is_blank(s.back())) s.remove_suffix(1);
  return s;
}

bool list_contains(std::string_view list, std::string_view token) noexcept {
  while (!list.empty()) {
    const std::size_t comma = std::min(list.find(','), list.size());
    if (equal_ignoring_case(trimmed(list.substr(0, comma)), token)) return true;
    list.remove_prefix(std::min(comma + 1, list.size()));
  }
  return false;
}

std::optional<std::uint64_t> parse_decimal(std::string_view s) noexcept {
  std::uint64_t n = 0;
  if (s.empty() || !std::all_of(s.begin(), s.end(), is_digit)) return std::nullopt;
  const auto result = std::from_chars(s.data(), s.data() + s.size(), n);
  if (result.ec != std::errc()) return std::nullopt;
  return n;
}

void append_decimal(std::string& to, std::uint64_t n) { append_number(to, n, 10); }
void append_hex(std::string& to, std::uint64_t n) { append_number(to, n, 16); }

std::string printable(std::string_view s) {
  std::string text(s.substr(0, 60));
  for (char& c : text)
    if (static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) >= 0x7f) c = '?';
  return text;
}

}  // namespace goro::detail
