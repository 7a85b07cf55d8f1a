// SPDX-License-Identifier: MIT
// Reading messages: Boost.Beast's parser, made stricter, behind a door. Nothing else includes Beast.
//
// A parser reads one message, from whatever pieces it comes in. It does not keep the bytes: the caller hands in
// what it has, takes off what was consumed, and comes again with the rest and more. Beast remembers where its
// search for the end of the head stopped, so that a head which comes in small pieces is not read over and over.
//
// What Beast lets through and this does not, since two servers in a row might read it differently:
//   a field that goes on in the next line (obs-fold)          400
//   Transfer-Encoding of HTTP/1.0, twice, or with Content-Length  400 (the last two by Beast)
//   Transfer-Encoding other than `chunked` alone              501
//   no Host in HTTP/1.1, or two                               400
//   a version that is not HTTP/1.x                            505
// And what it does not count: the head as a whole (its limit is for what it is given at a time, and fields that
// come one by one pass under it), and what chunks cost beside their content.
//
// Trailers are checked like fields, and dropped.
#pragma once

#include <goro/http/message.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace goro::detail {

// What a head says besides its fields.
struct message_head {
  std::string method;  // of a request
  std::string target;
  int status = 0;  // of a response
  bool http_1_1 = true;
  bool keep_alive = false;  // whether the connection lasts, as far as this side says
  bool upgrade = false;     // Connection: upgrade
  bool chunked = false;
  std::optional<std::uint64_t> content_length;
  http::fields fields;

  void clear();  // keeps the memory
};

enum class parse_fault {
  none,
  bad_message,      // 400
  head_too_large,   // 431
  body_too_large,   // 413
  not_implemented,  // 501
  wrong_version,    // 505
};
int status_of(parse_fault fault) noexcept;
const char* text_of(parse_fault fault) noexcept;

struct parse_limits {
  std::size_t head = 64u << 10;
  std::uint64_t body = 8u << 20;
};

// Beast's object stands in the room here, so that neither its type is known nor an allocation made.
class message_parser {
 public:
  enum class kind { request, response };

  message_parser() noexcept = default;
  message_parser(const message_parser&) = delete;
  message_parser& operator=(const message_parser&) = delete;
  ~message_parser() { end(); }

  // Starts over. `no_body`: of a response to HEAD.
  void begin(kind what, message_head& head, const parse_limits& limits, bool no_body = false);
  void end() noexcept;

  // Returns how much of `data` was used. Stops behind the head; then once each time it gets on in the body, whose
  // bytes are appended to `body`. A fault is for good.
  std::size_t put(std::string_view data, std::string* body);
  // There is nothing more to come: a message that is not over ends here, or is cut off (bad_message).
  void put_eof();

  bool head_done() const noexcept { return head_done_; }
  bool done() const noexcept { return done_; }
  bool until_eof() const noexcept;  // the head is done, and the body lasts until the connection ends
  parse_fault fault() const noexcept { return fault_; }

 private:
  struct operations;
  template <bool IsRequest>
  struct parser;
  template <bool IsRequest>
  static const operations operations_of;

  void check_head(std::string_view data, std::size_t consumed, std::size_t until) noexcept;
  void check_body(std::size_t consumed, std::size_t content) noexcept;

  static constexpr std::size_t room = 256;

  const operations* of_ = nullptr;  // null: nothing stands in storage_
  bool head_done_ = false;
  bool done_ = false;
  parse_fault fault_ = parse_fault::none;
  std::size_t head_limit_ = 0;
  std::size_t head_size_ = 0;   // consumed
  std::size_t looked_at_ = 0;   // of what is left of the last piece
  std::uint64_t overhead_ = 0;  // of a body: what was consumed, and is none of it
  std::uint64_t content_ = 0;
  alignas(16) unsigned char storage_[room];
};

}  // namespace goro::detail
