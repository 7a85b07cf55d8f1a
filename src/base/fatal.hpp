// SPDX-License-Identifier: MIT
// The end of the program, with words: for invariants that broke and for places where nothing can be thrown.
// Everything here may be called from a signal handler, with any lock held and on any stack that has 1 KiB
// left: no allocation, no stdio, no locale.
#pragma once

#include <cstddef>
#include <cstdint>

namespace goro::detail {

struct hex {  // fatal_text << hex{p}
  constexpr explicit hex(std::uintptr_t v) noexcept : value(v) {}
  explicit hex(const void* p) noexcept : value(reinterpret_cast<std::uintptr_t>(p)) {}
  std::uintptr_t value;
};

// A text of bounded length, put together and then written to standard error in one go. What does not fit is
// cut off, and the text then ends in "...".
class fatal_text {
 public:
  fatal_text() noexcept = default;
  fatal_text(const fatal_text&) = delete;
  fatal_text& operator=(const fatal_text&) = delete;

  fatal_text& operator<<(const char* text) noexcept;  // null reads "(null)"
  fatal_text& operator<<(char c) noexcept;
  fatal_text& operator<<(hex number) noexcept;  // 0x2a
  fatal_text& operator<<(int number) noexcept { return decimal(number); }
  fatal_text& operator<<(long number) noexcept { return decimal(number); }
  fatal_text& operator<<(long long number) noexcept { return decimal(number); }
  fatal_text& operator<<(unsigned number) noexcept { return decimal_unsigned(number); }
  fatal_text& operator<<(unsigned long number) noexcept { return decimal_unsigned(number); }
  fatal_text& operator<<(unsigned long long number) noexcept { return decimal_unsigned(number); }
  fatal_text& append(const char* text, std::size_t length) noexcept;

  const char* data() const noexcept { return text_; }
  std::size_t size() const noexcept { return size_; }

  // Writes the text to file descriptor 2 and empties it. Errors are ignored, errno is left as it was.
  void write() noexcept;

 private:
  fatal_text& decimal(long long number) noexcept;
  fatal_text& decimal_unsigned(unsigned long long number) noexcept;

  std::size_t size_ = 0;
  char text_[512];  // [0, size_) is the text
};

// Prints "goro: call: what; remedy" and aborts. remedy may be null.
[[noreturn]] void fatal(const char* call, const char* what, const char* remedy) noexcept;

// Prints "goro: what [file:line: condition]" and aborts: what the two macros below call. `what` may begin
// with "goro: " itself.
[[noreturn]] void check_failed(const char* file, int line, const char* condition, const char* what) noexcept;

}  // namespace goro::detail

// A condition that must hold in every build; `text` says what is wrong if it does not.
#define GORO_CHECK(cond, text) \
  (__builtin_expect(!(cond), 0) ? ::goro::detail::check_failed(__FILE__, __LINE__, #cond, text) : (void)0)

// The same in debug builds only. Otherwise the condition is compiled but not evaluated, so that what only an
// assertion uses still counts as used. Variadic, since a condition may contain template commas.
#ifdef NDEBUG
#define GORO_ASSERT(...) ((void)sizeof(!(__VA_ARGS__)))
#else
#define GORO_ASSERT(...)              \
  (__builtin_expect(!(__VA_ARGS__), 0) \
       ? ::goro::detail::check_failed(__FILE__, __LINE__, #__VA_ARGS__, "assertion failed") \
       : (void)0)
#endif
