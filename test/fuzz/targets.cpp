// SPDX-License-Identifier: MIT
#include "fuzz/fuzz.hpp"

#include "http/frames.hpp"
#include "http/parser.hpp"
#include "http/routes.hpp"
#include "http/text.hpp"
#include "http/url.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <vector>

namespace goro_fuzz {

namespace {

using namespace goro::detail;

void promise(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "broken promise: %s\n", what);
  std::abort();
}

struct outcome {
  parse_fault fault = parse_fault::none;
  bool done = false;
  message_head head;
  std::string body;
  std::size_t left = 0;
};

outcome parse(message_parser::kind kind, std::string_view bytes, std::size_t piece) {
  outcome o;
  message_parser parser;
  parser.begin(kind, o.head, {2000, 2000});
  std::string pending;
  while (!bytes.empty() && !parser.done() && parser.fault() == parse_fault::none) {
    pending += bytes.substr(0, piece);
    bytes.remove_prefix(std::min(piece, bytes.size()));
    for (;;) {
      const std::size_t n = parser.put(pending, &o.body);
      promise(n <= pending.size(), "a parser does not use more than there is");
      pending.erase(0, n);
      if (n == 0 || pending.empty() || parser.done() || parser.fault() != parse_fault::none) break;
    }
    promise(pending.size() <= 5000, "what is not yet used is bounded");
  }
  if (parser.fault() == parse_fault::none && parser.until_eof()) parser.put_eof();
  o.fault = parser.fault();
  o.done = parser.done();
  o.left = pending.size() + bytes.size();
  return o;
}

// However the bytes are cut, they mean the same.
void same_in_pieces(message_parser::kind kind, std::string_view bytes) {
  const outcome whole = parse(kind, bytes, bytes.size() + 1);
  const outcome pieces = parse(kind, bytes, 3);
  if (whole.fault == parse_fault::none && whole.done) {
    promise(pieces.fault == parse_fault::none && pieces.done,
            "a message that is good as a whole is good in pieces");
    promise(whole.body == pieces.body && whole.left == pieces.left, "and its end is at the same place");
    promise(whole.head.fields.size() == pieces.head.fields.size(), "and it has the same fields");
    promise(whole.body.size() <= 2000, "and it keeps to its limit");
    for (const auto [name, value] : whole.head.fields) {
      promise(is_token(name), "names of fields are tokens");
      promise(is_field_value(value), "values of fields have no control characters");
    }
    promise(!(whole.head.chunked && whole.head.content_length), "a body does not end in two ways");
  } else {
    promise(
        !pieces.done || pieces.fault != parse_fault::none || !whole.done || whole.fault == parse_fault::none,
        "a message that is bad as a whole is not good in pieces");
  }
}

}  // namespace

void request(std::string_view bytes) {
  if (bytes.size() > 4000) return;
  same_in_pieces(message_parser::kind::request, bytes);
}

void response(std::string_view bytes) {
  if (bytes.size() > 4000) return;
  same_in_pieces(message_parser::kind::response, bytes);
}

// A line each: patterns, until one is empty; then paths.
void router(std::string_view bytes) {
  if (bytes.size() > 2000) return;
  route_tree tree;
  std::vector<pattern> all;
  bool paths = false;
  while (!bytes.empty()) {
    const std::string_view line = bytes.substr(0, bytes.find('\n'));
    bytes.remove_prefix(std::min(line.size() + 1, bytes.size()));
    if (line.empty()) {
      paths = true;
      continue;
    }
    if (!paths && all.size() < 20) {
      try {
        pattern p = parse_pattern(line);
        tree.insert(p, [](goro::http::response_writer&, goro::http::request&) {});
        all.push_back(std::move(p));
      } catch (const std::logic_error&) {
      }
      continue;
    }
    const auto parts = split_target(line);
    if (!parts) continue;
    const std::string clean = cleaned_path(parts->path);
    promise(is_clean_path(clean), "a cleaned path is clean");
    promise(cleaned_path(clean) == clean, "and stays as it is");
    (void)parse_query(parts->query);
    route_match m;
    if (!tree.match("GET", clean, m) || m.found == nullptr) continue;
    for (const std::string_view value : m.values)
      promise(("/" + std::string(value) + "/").find("/../") == std::string::npos,
              "what a name stands for does not climb");
    std::size_t names = 0;
    for (const segment& s : m.found->what.segments)
      names += s.is == segment::kind::one || s.is == segment::kind::rest;
    promise(names == m.values.size(), "each name has a value");
    promise(!tree.allowed(clean).empty() || m.found->what.method.empty(), "what matches is allowed");
  }
}

void websocket(std::string_view bytes) {
  frame_head head;
  std::string_view rest = bytes;
  while (parse_frame_head(rest, head) == frame_state::whole) {
    promise(head.size <= 14 && head.size <= rest.size(), "a head has 14 bytes at most");
    promise(!is_control(head.op) || (head.last && head.length <= 125), "controls are short and whole");
    if (head.length > rest.size() - head.size) break;
    std::string payload(rest.substr(head.size, head.length));
    if (head.masked) apply_mask(payload.data(), payload.size(), head.mask, 0);
    std::string again;
    append_frame(again, head.op, payload, head.masked ? head.mask : nullptr);
    if (head.last)
      promise(again == rest.substr(0, head.size + head.length), "a frame is written as it was read");
    rest.remove_prefix(head.size + head.length);
  }
  if (is_utf8(bytes)) promise(is_utf8(std::string(bytes) + "\xc3\xa4"), "texts can be joined");
  std::string fault;
  if (const auto u = parse_url(bytes, fault)) {
    promise(u->port != 0 && !u->host.empty() && u->target.front() == '/', "a URL has its parts");
    promise(u->target.find_first_of("\r\n ") == std::string::npos, "and nothing that ends a line");
  }
}

}  // namespace goro_fuzz
