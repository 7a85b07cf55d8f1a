// SPDX-License-Identifier: MIT
#include "http/text.hpp"

#include <goro/http/message.hpp>

#include <algorithm>
#include <limits>

namespace goro::http {

namespace {

void check(std::string_view name, std::string_view value) {
  if (!detail::is_token(name))
    throw std::invalid_argument("goro: http::fields: \"" + detail::printable(name) +
                                "\" is not the name of a field; use letters, digits and -");
  if (!detail::is_field_value(value))
    throw std::invalid_argument("goro: http::fields: the value of " + std::string(name) +
                                " contains a control character; encode or remove it");
}

}  // namespace

std::optional<std::string_view> fields::get(std::string_view name) const noexcept {
  for (const place& p : places_) {
    if (p.name_size != name.size()) continue;
    const field f = of(p);
    if (detail::equal_ignoring_case(f.name, name)) return f.value;
  }
  return std::nullopt;
}

void fields::set(std::string_view name, std::string_view value) {
  const std::size_t before = places_.size();
  add(name, value);
  // The argument may have been a view into text that has moved, so the name is read from the new field.
  const std::string_view own_name = of(places_.back()).name;
  const auto same = [&](const place& p) { return detail::equal_ignoring_case(of(p).name, own_name); };
  const auto end = places_.begin() + static_cast<std::ptrdiff_t>(before);
  places_.erase(std::remove_if(places_.begin(), end, same), end);
}

void fields::add(std::string_view name, std::string_view value) {
  value = detail::trimmed(value);
  check(name, value);
  add_checked(name, value);
}

void fields::add_checked(std::string_view name, std::string_view value) {
  const std::size_t at = text_.size();
  const std::size_t grown = at + name.size() + value.size();
  if (grown > std::numeric_limits<std::uint32_t>::max())
    throw std::length_error("goro: http::fields: more than 4 GiB of header fields; call clear()");
  if (grown > text_.capacity()) {  // the arguments may lie in the block that is left
    std::string larger;
    larger.reserve(std::max(grown, 2 * text_.capacity()));
    larger.append(text_).append(name).append(value);
    places_.push_back({});
    text_.swap(larger);
  } else {
    places_.push_back({});
    text_.append(name).append(value);
  }
  places_.back() = {static_cast<std::uint32_t>(at), static_cast<std::uint32_t>(name.size()),
                    static_cast<std::uint32_t>(value.size())};
}

std::size_t fields::erase(std::string_view name) noexcept {
  return std::erase_if(places_,
                       [&](const place& p) { return detail::equal_ignoring_case(of(p).name, name); });
}

status_error::status_error(int status, const std::string& text) : runtime_error(text), status_(status) {}
status_error::~status_error() = default;

}  // namespace goro::http
