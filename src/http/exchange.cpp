// SPDX-License-Identifier: MIT
#include "http/exchange.hpp"

#include "http/text.hpp"

#include <cstdio>

namespace goro::detail {

namespace {

constexpr std::size_t most_kept = 64u << 10;  // bytes of each buffer of an exchange in stock

void empty(std::string& s) noexcept {
  s.clear();
  if (s.capacity() > most_kept) std::string().swap(s);
}

bool has_no_body(int status) noexcept { return status == 204 || status == 304; }

}  // namespace

std::string http_date_of(std::time_t when) {
  constexpr const char* days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  constexpr const char* months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                    "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  std::tm t{};
  gmtime_r(&when, &t);
  char text[64];
  const int n = std::snprintf(text, sizeof text, "%s, %02d %s %04d %02d:%02d:%02d GMT",
                              days[static_cast<unsigned>(t.tm_wday) % 7], t.tm_mday,
                              months[static_cast<unsigned>(t.tm_mon) % 12], t.tm_year + 1900, t.tm_hour,
                              t.tm_min, t.tm_sec);
  return {text, static_cast<std::size_t>(n)};
}

std::string_view http_date::now() {
  const std::time_t second = std::time(nullptr);
  if (second != of) {
    const std::string s = http_date_of(second);
    s.copy(text, sizeof text - 1);
    of = second;
  }
  return {text, 29};
}

void http_exchange::begin() {
  head.clear();
  raw_path = raw_query = {};
  path.clear();
  matched.clear();
  query.clear();
  query_known = expects_continue = false;
  body.clear();
  body_given = 0;
  headers.clear();
  status = 200;
  how = sending::nothing;
  keep_alive = false;
  declared.reset();
  written = 0;
  content.clear();
}

void http_exchange::recycle() noexcept {
  parser.end();
  in.reset(most_kept);
  empty(body);
  empty(content);
  empty(out);
  empty(path);
  query.clear();
  matched.clear();
  connection = nullptr;
}

void begin_response(http_exchange& x, std::optional<std::uint64_t> length) {
  using sending = http_exchange::sending;
  if (const auto connection = x.headers.get("Connection"); connection && list_contains(*connection, "close"))
    x.keep_alive = false;
  if (x.declared) length = x.declared;
  const bool bare = has_no_body(x.status);
  if (bare)
    x.how = sending::sized;
  else if (length)
    x.how = sending::sized;
  else if (x.head.http_1_1)
    x.how = sending::chunked;
  else
    x.how = sending::until_close;
  if (x.how == sending::until_close) x.keep_alive = false;

  std::string& out = x.out;
  if (x.status == 200) {
    out += "HTTP/1.1 200 OK\r\nDate: ";
  } else {
    out += "HTTP/1.1 ";
    append_decimal(out, static_cast<std::uint64_t>(x.status));
    out.append(" ").append(http::status_text(x.status)).append("\r\nDate: ");
  }
  out += x.headers.get("Date").value_or(x.date.now());
  out += "\r\n";
  for (const auto [name, value] : x.headers) {
    switch (name.size()) {  // those that are ours to say
      case 4:
        if (equal_ignoring_case(name, "Date")) continue;
        break;
      case 10:
        if (equal_ignoring_case(name, "Connection")) {
          if (list_contains(value, "close") || list_contains(value, "keep-alive")) continue;
        }
        break;
      case 14:
        if (equal_ignoring_case(name, "Content-Length")) continue;
        break;
      case 17:
        if (equal_ignoring_case(name, "Transfer-Encoding")) continue;
        break;
      default: break;
    }
    out.append(name).append(": ").append(value).append("\r\n");
  }
  if (length && (!bare || (x.status == 304 && x.declared))) {
    out += "Content-Length: ";
    append_decimal(out, *length);
    out += "\r\n";
  }
  if (x.how == sending::chunked) out += "Transfer-Encoding: chunked\r\n";
  if (!x.keep_alive)
    out += "Connection: close\r\n";
  else if (!x.head.http_1_1)
    out += "Connection: keep-alive\r\n";
  out += "\r\n";
}

}  // namespace goro::detail
