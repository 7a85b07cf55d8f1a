// SPDX-License-Identifier: MIT
#include "http/parser.hpp"

#include "http/text.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>

#include <algorithm>
#include <new>

namespace goro::detail {

namespace beast = boost::beast;
using beast::http::field;

namespace {

std::string_view view(beast::string_view s) noexcept { return {s.data(), s.size()}; }

// Whether data[from, to), a part of the head, has a line that ends with LF alone, or goes on in the next one. Beast
// would wait for the right end of the first, and join the second.
bool has_odd_line(std::string_view data, std::size_t from, std::size_t to) noexcept {
  if (from != 0 && from < to && data[from - 1] == '\n' && is_blank(data[from])) return true;
  for (std::size_t at = data.find('\n', from); at < to; at = data.find('\n', at + 1))
    if (at == 0 || data[at - 1] != '\r' || (at + 1 < to && is_blank(data[at + 1]))) return true;
  return false;
}

// Whether the first line ends with HTTP/<digit>.<digit>: another version, and not another protocol.
bool names_a_version(std::string_view line) noexcept {
  const std::size_t length = line.find('\n');
  if (length == std::string_view::npos || length < 9 || line[length - 1] != '\r') return false;
  line = line.substr(0, length - 1);
  const std::string_view end = line.substr(line.size() - 8);
  return end.substr(0, 5) == "HTTP/" && is_digit(end[5]) && end[6] == '.' && is_digit(end[7]);
}

// Codes of our own, told to Beast's put through its error_code.
enum class refusal { bad = 1, not_implemented };

class refusal_category final : public boost::system::error_category {
 public:
  const char* name() const noexcept override { return "goro.http"; }
  std::string message(int) const override { return "refused"; }
};

beast::error_code refused(refusal why) noexcept {
  static const refusal_category category;
  return {static_cast<int>(why), category};
}

}  // namespace

void message_head::clear() {
  method.clear();
  target.clear();
  status = 0;
  http_1_1 = true;
  keep_alive = upgrade = chunked = false;
  content_length.reset();
  fields.clear();
}

int status_of(parse_fault fault) noexcept {
  switch (fault) {
    case parse_fault::none: return 200;
    case parse_fault::bad_message: return 400;
    case parse_fault::head_too_large: return 431;
    case parse_fault::body_too_large: return 413;
    case parse_fault::not_implemented: return 501;
    case parse_fault::wrong_version: return 505;
  }
  return 400;
}

const char* text_of(parse_fault fault) noexcept {
  switch (fault) {
    case parse_fault::none: return "no fault";
    case parse_fault::bad_message: return "the message is not well-formed";
    case parse_fault::head_too_large: return "the header fields are too large";
    case parse_fault::body_too_large: return "the body is too large";
    case parse_fault::not_implemented: return "the transfer encoding is not known";
    case parse_fault::wrong_version: return "the version is not HTTP/1.0 or HTTP/1.1";
  }
  return "";
}

template <bool IsRequest>
struct message_parser::parser final : beast::http::basic_parser<IsRequest> {
  using base = beast::http::basic_parser<IsRequest>;
  using error = beast::error_code&;
  using text = beast::string_view;

  explicit parser(message_head& into) : head(into) {}

  message_head& head;
  std::string* body = nullptr;
  std::size_t content = 0;  // bytes of the body in this call
  std::uint64_t left_of_chunk = 0;
  int hosts = 0;
  int encodings = 0;

  void on_request_impl(beast::http::verb, text method, text target, int version, error) override {
    head.method = view(method);
    head.target = view(target);
    head.http_1_1 = version == 11;
  }
  void on_response_impl(int status, text, int version, error) override {
    head.status = status;
    head.http_1_1 = version == 11;
  }
  void on_field_impl(field f, text name, text value, error ec) override {
    if (this->is_header_done()) {  // a trailer: one that says how the message ends comes too late
      if (f == field::content_length || f == field::transfer_encoding || f == field::host)
        ec = refused(refusal::bad);
      return;
    }
    if (f == field::host) ++hosts;
    if (f == field::transfer_encoding) {
      if (++encodings > 1 || !head.http_1_1) {
        ec = refused(refusal::bad);
        return;
      }
      if (!equal_ignoring_case(view(value), "chunked")) {
        ec = refused(refusal::not_implemented);
        return;
      }
    }
    head.fields.add_checked(view(name), view(value));
  }
  void on_header_impl(error ec) override {
    if (IsRequest && (hosts > 1 || (hosts == 0 && head.http_1_1))) {
      ec = refused(refusal::bad);
      return;
    }
    head.keep_alive = this->keep_alive();
    head.upgrade = this->upgrade();
    head.chunked = this->chunked();
    if (const auto length = this->content_length()) head.content_length = *length;
  }
  void on_body_init_impl(boost::optional<std::uint64_t> const&, error) override {}
  std::size_t on_body_impl(text bytes, error) override { return take(bytes); }
  void on_chunk_header_impl(std::uint64_t size, text, error) override { left_of_chunk = size; }
  std::size_t on_chunk_body_impl(std::uint64_t, text bytes, error) override {
    left_of_chunk -= bytes.size();
    return take(bytes);
  }
  std::size_t take(text bytes) {
    if (body != nullptr) body->append(bytes.data(), bytes.size());
    content += bytes.size();
    return bytes.size();
  }
  void on_finish_impl(error) override {}
};

struct message_parser::operations {
  void (*make)(void* at, message_head& head, const parse_limits& limits, bool no_body);
  void (*destroy)(void* at) noexcept;
  std::size_t (*put)(message_parser& self, std::string_view data, std::string* body);
  void (*put_eof)(message_parser& self);
  bool (*need_eof)(const void* at) noexcept;
};

namespace {

parse_fault fault_of(const beast::error_code& ec, std::string_view data) noexcept {
  using beast::http::error;
  if (ec == error::header_limit || ec == error::buffer_overflow) return parse_fault::head_too_large;
  if (ec == error::body_limit) return parse_fault::body_too_large;
  if (ec == error::bad_version && names_a_version(data)) return parse_fault::wrong_version;
  if (ec == refused(refusal::not_implemented)) return parse_fault::not_implemented;
  return parse_fault::bad_message;
}

}  // namespace

template <bool IsRequest>
const message_parser::operations message_parser::operations_of = {
    [](void* at, message_head& head, const parse_limits& limits, bool no_body) {
      using own = parser<IsRequest>;
      static_assert(sizeof(own) <= room && alignof(own) <= 16);
      own& p = *::new (at) own(head);
      p.header_limit(static_cast<std::uint32_t>(std::min<std::size_t>(limits.head, 0xffff'ffff)));
      p.body_limit(limits.body);
      p.skip(no_body);
    },
    [](void* at) noexcept { static_cast<parser<IsRequest>*>(at)->~parser<IsRequest>(); },
    [](message_parser& self, std::string_view data, std::string* body) {
      parser<IsRequest>& p = *std::launder(reinterpret_cast<parser<IsRequest>*>(self.storage_));
      const bool in_head = !p.is_header_done();
      // Beast asserts that a last chunk which it has begun to read comes again with 5 bytes or more. No chunk, and
      // no end of them, is shorter.
      if (!in_head && p.chunked() && p.left_of_chunk == 0 && data.size() < 5) return std::size_t{0};
      p.body = body;
      beast::error_code ec;
      p.content = 0;
      const std::size_t n = p.put(boost::asio::const_buffer(data.data(), data.size()), ec);
      if (ec == beast::http::error::need_more) ec = {};
      if (ec)
        self.fault_ = fault_of(ec, data);
      else if (in_head)
        self.check_head(data, n, p.is_header_done() ? n : data.size());
      else
        self.check_body(n, p.content);
      self.head_done_ = p.is_header_done();
      self.done_ = p.is_done();
      return n;
    },
    [](message_parser& self) {
      parser<IsRequest>& p = *std::launder(reinterpret_cast<parser<IsRequest>*>(self.storage_));
      beast::error_code ec;
      p.put_eof(ec);
      if (ec) self.fault_ = parse_fault::bad_message;
      self.done_ = p.is_done();
    },
    [](const void* at) noexcept { return static_cast<const parser<IsRequest>*>(at)->need_eof(); },
};

void message_parser::begin(kind what, message_head& head, const parse_limits& limits, bool no_body) {
  end();
  head_done_ = done_ = false;
  fault_ = parse_fault::none;
  head_limit_ = limits.head;
  head_size_ = looked_at_ = 0;
  overhead_ = content_ = 0;
  const operations& of = what == kind::request ? operations_of<true> : operations_of<false>;
  of.make(storage_, head, limits, no_body);
  of_ = &of;
}

// data[0, until) is of the head; of that, `consumed` bytes are now read, and `looked_at_` were looked at before.
void message_parser::check_head(std::string_view data, std::size_t consumed, std::size_t until) noexcept {
  head_size_ += consumed;
  if (head_size_ > head_limit_)
    fault_ = parse_fault::head_too_large;
  else if (has_odd_line(data, looked_at_, until))
    fault_ = parse_fault::bad_message;
  looked_at_ = until - consumed;
}

// A chunk of one byte costs five more. What costs far more than that is made to keep a reader busy.
void message_parser::check_body(std::size_t consumed, std::size_t content) noexcept {
  content_ += content;
  overhead_ += consumed - content;
  if (overhead_ > (16u << 10) + 16 * content_) fault_ = parse_fault::bad_message;
}

void message_parser::end() noexcept {
  if (of_ != nullptr) of_->destroy(storage_);
  of_ = nullptr;
}

std::size_t message_parser::put(std::string_view data, std::string* body) {
  return of_->put(*this, data, body);
}
void message_parser::put_eof() { of_->put_eof(*this); }
bool message_parser::until_eof() const noexcept { return head_done_ && !done_ && of_->need_eof(storage_); }

}  // namespace goro::detail
