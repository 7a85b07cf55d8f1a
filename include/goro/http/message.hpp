// SPDX-License-Identifier: MIT
// What an HTTP message consists of: header fields, and a response as a client gets it.
//
//   goro::http::fields headers;
//   headers.set("Content-Type", "text/plain");
//   headers.add("Set-Cookie", "a=1");
//   headers.add("Set-Cookie", "b=2");                     // both are sent
//   if (auto type = headers.get("content-type")) use(*type);
//
// Go's http.Header and http.Response. Names are compared without regard to case and kept as they were written.
// Nothing that would end the line can get into a field: set() and add() refuse it, so a value that came from a
// user cannot smuggle in a second field or a second message.
//
// One fields object is used by one goroutine at a time. Views that get() and the iteration give are valid until
// the next call that changes the object.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <goro/detail/export.hpp>

namespace goro::http {

// Header fields in the order in which they were added. One block for all text, one for the positions.
struct fields {
  struct field {
    std::string_view name;
    std::string_view value;
  };

  // The value of the first field of that name; nothing if there is none.
  // Go       Header.Get
  GORO_API std::optional<std::string_view> get(std::string_view name) const noexcept;
  bool contains(std::string_view name) const noexcept { return get(name).has_value(); }

  // Replaces all fields of that name by one, at the end. Blanks around the value are not part of it. The
  // arguments may be views into this object.
  //
  // Throws   std::invalid_argument, and changes nothing: the name is no token of RFC 9110, or the value contains
  //          a line end or another control character. std::bad_alloc.
  // Go       Header.Set
  GORO_API void set(std::string_view name, std::string_view value);

  // Adds a field, whatever is there already. Throws as set().
  // Go       Header.Add
  GORO_API void add(std::string_view name, std::string_view value);

  // Removes all fields of that name. Returns how many there were.
  // Go       Header.Del
  GORO_API std::size_t erase(std::string_view name) noexcept;

  // Removes all, and keeps the memory.
  void clear() noexcept {
    text_.clear();
    places_.clear();
  }
  std::size_t size() const noexcept { return places_.size(); }
  bool empty() const noexcept { return places_.empty(); }
  field operator[](std::size_t i) const noexcept { return of(places_[i]); }

  class iterator {
   public:
    field operator*() const noexcept { return (*of_)[at_]; }
    iterator& operator++() noexcept {
      ++at_;
      return *this;
    }
    bool operator!=(const iterator& other) const noexcept { return at_ != other.at_; }
    bool operator==(const iterator& other) const noexcept { return at_ == other.at_; }

   private:
    friend struct fields;
    iterator(const fields* of, std::size_t at) noexcept : of_(of), at_(at) {}

    const fields* of_;
    std::size_t at_;
  };
  iterator begin() const noexcept { return {this, 0}; }
  iterator end() const noexcept { return {this, places_.size()}; }

  // For the library: as add(), of what a parser has checked.
  GORO_API void add_checked(std::string_view name, std::string_view value);

 private:
  struct place {
    std::uint32_t at;
    std::uint32_t name_size;
    std::uint32_t value_size;
  };
  field of(const place& p) const noexcept {
    const std::string_view text = text_;
    return {text.substr(p.at, p.name_size), text.substr(p.at + p.name_size, p.value_size)};
  }

  std::string text_;  // name, value, name, value; what was erased stays until clear()
  std::vector<place> places_;
};

// What a client gets. A response has been read to its end: the body is whole.
struct response {
  int status = 0;
  fields headers;
  std::string body;
};

// An answer other than success, as an exception: a handler that throws it answers with this status, and the text
// as the body; nothing is reported. The library throws it for a request that cannot be read to its end (400, 408,
// 413), out of request::body() and request::read().
class GORO_API status_error : public std::runtime_error {
 public:
  status_error(int status, const std::string& text);
  ~status_error() override;
  int status() const noexcept { return status_; }

 private:
  int status_;
};

// "Not Found" for 404; "" for a number that means nothing. Go: http.StatusText
GORO_API std::string_view status_text(int status) noexcept;

}  // namespace goro::http
