// SPDX-License-Identifier: MIT
#include "base/fatal.hpp"

#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

namespace goro::detail {

fatal_text& fatal_text::append(const char* text, std::size_t length) noexcept {
  const std::size_t room = sizeof text_ - size_;
  if (length <= room) {
    std::memcpy(text_ + size_, text, length);
    size_ += length;
  } else {
    std::memcpy(text_ + size_, text, room);
    size_ = sizeof text_;
    std::memcpy(text_ + size_ - 4, "...\n", 4);
  }
  return *this;
}

fatal_text& fatal_text::operator<<(const char* text) noexcept {
  if (text == nullptr) text = "(null)";
  return append(text, std::strlen(text));
}

fatal_text& fatal_text::operator<<(char c) noexcept { return append(&c, 1); }

fatal_text& fatal_text::operator<<(hex number) noexcept {
  char digits[2 + 16];
  std::size_t at = sizeof digits;
  std::uintptr_t rest = number.value;
  do {
    digits[--at] = "0123456789abcdef"[rest % 16];
    rest /= 16;
  } while (rest != 0);
  digits[--at] = 'x';
  digits[--at] = '0';
  return append(digits + at, sizeof digits - at);
}

fatal_text& fatal_text::decimal_unsigned(unsigned long long number) noexcept {
  char digits[20];
  std::size_t at = sizeof digits;
  do {
    digits[--at] = static_cast<char>('0' + number % 10);
    number /= 10;
  } while (number != 0);
  return append(digits + at, sizeof digits - at);
}

fatal_text& fatal_text::decimal(long long number) noexcept {
  if (number >= 0) return decimal_unsigned(static_cast<unsigned long long>(number));
  *this << '-';
  return decimal_unsigned(0ull - static_cast<unsigned long long>(number));  // right for the smallest one too
}

void fatal_text::write() noexcept {
  const int saved = errno;
  for (std::size_t done = 0; done != size_;) {
    const ssize_t n = ::write(STDERR_FILENO, text_ + done, size_ - done);
    if (n > 0)
      done += static_cast<std::size_t>(n);
    else if (n == 0 || errno != EINTR)
      break;
  }
  errno = saved;
  size_ = 0;
}

void fatal(const char* call, const char* what, const char* remedy) noexcept {
  fatal_text text;
  text << "goro: " << call << ": " << what;
  if (remedy != nullptr) text << "; " << remedy;
  text << '\n';
  text.write();
  std::abort();
}

void check_failed(const char* file, int line, const char* condition, const char* what) noexcept {
  constexpr char prefix[] = "goro: ";
  fatal_text text;
  if (std::strncmp(what, prefix, sizeof prefix - 1) != 0) text << prefix;
  text << what << " [" << file << ':' << line << ": " << condition << "]\n";
  text.write();
  std::abort();
}

}  // namespace goro::detail
