// SPDX-License-Identifier: MIT
// What handlers see of a request and its response.
#include "http/connection.hpp"
#include "http/exchange.hpp"
#include "http/url.hpp"

#include <goro/http/server.hpp>

#include <stdexcept>
#include <string>

namespace goro::http {

std::string_view request::method() const noexcept { return x_->head.method; }
std::string_view request::target() const noexcept { return x_->head.target; }
std::string_view request::path() const noexcept { return x_->path; }
const fields& request::headers() const noexcept { return x_->head.fields; }
std::optional<std::uint64_t> request::content_length() const noexcept { return x_->head.content_length; }
std::string_view request::body() { return x_->connection->whole_body(); }
std::size_t request::read(std::span<char> into) { return x_->connection->read_body(into); }
const goro::context& request::context() const { return x_->connection->context(); }
net::address request::remote_address() const { return x_->connection->remote_address(); }

std::string_view request::path_value(std::string_view name) const noexcept {
  using kind = goro::detail::segment::kind;
  const goro::detail::route_match& m = x_->matched;
  if (m.found == nullptr || name.empty()) return {};
  std::size_t i = 0;
  for (const goro::detail::segment& s : m.found->what.segments) {
    if (s.is != kind::one && s.is != kind::rest) continue;
    if (s.text == name) return m.values[i];
    ++i;
  }
  return {};
}

std::optional<std::string_view> request::query(std::string_view name) const {
  if (!x_->query_known) {
    x_->query = goro::detail::parse_query(x_->raw_query);
    x_->query_known = true;
  }
  for (const auto& [known, value] : x_->query)
    if (known == name) return value;
  return std::nullopt;
}

fields& response_writer::headers() noexcept { return x_->headers; }
void response_writer::write(std::string_view part) { x_->connection->write(part); }
void response_writer::flush() { x_->connection->flush(); }
bool response_writer::begun() const noexcept {
  return x_->how != goro::detail::http_exchange::sending::nothing;
}
net::conn response_writer::hijack(std::string& read_ahead) { return x_->connection->hijack(read_ahead); }

void response_writer::status(int code) {
  if (code < 200 || code > 999)
    throw std::invalid_argument("goro: http::response_writer::status: " + std::to_string(code) +
                                " is not the status of a final response; use 200 to 999");
  if (begun())
    throw std::logic_error(
        "goro: http::response_writer::status: the head has gone out; set the status before flush, "
        "and before 64 KiB are written");
  x_->status = code;
}

}  // namespace goro::http
