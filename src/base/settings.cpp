// SPDX-License-Identifier: MIT
#include "base/settings.hpp"

#include <unistd.h>

#include <bit>
#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <system_error>

namespace goro::detail {
namespace {

using std::string_view;

// A reader takes a value into `out` and returns what is wrong with it, or null.
using reader = const char* (*)(string_view value, settings& out);

// The digits at the start of `text`, which it loses. False: there are none, or too many for 64 bits.
bool leading_number(string_view& text, std::uint64_t& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc()) return false;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return true;
}

const char* read_max_procs(string_view value, settings& out) {
  std::uint64_t n = 0;
  if (!leading_number(value, n) || !value.empty()) return "not a whole number";
  if (n < 1 || n > max_max_procs) return "out of range";
  out.max_procs = static_cast<int>(n);
  return nullptr;
}

const char* read_stack_size(string_view value, settings& out) {
  std::uint64_t n = 0;
  if (!leading_number(value, n)) return "not a size";
  int shift = 0;
  if (value == "k" || value == "K")
    shift = 10;
  else if (value == "m" || value == "M")
    shift = 20;
  else if (value == "g" || value == "G")
    shift = 30;
  else if (!value.empty())
    return "not a size";
  if (n > max_stack_size >> shift) return "too large";
  n <<= shift;
  if (n < min_stack_size) return "too small";
  out.stack_size = std::bit_ceil(static_cast<std::size_t>(n));
  return nullptr;
}

const char* read_debug_item(string_view item, settings& out) {
  constexpr string_view trace = "schedtrace=";
  if (item == "leak") {
    out.debug_leak = true;
  } else if (item == "deadlock") {
    out.debug_deadlock = true;
  } else if (item.substr(0, trace.size()) == trace) {
    string_view number = item.substr(trace.size());
    std::uint64_t ms = 0;
    if (!leading_number(number, ms) || !number.empty()) return "schedtrace is not a whole number";
    if (ms < 1 || ms > 3'600'000) return "schedtrace is out of range";
    out.schedtrace_ms = static_cast<int>(ms);
  } else {
    return "an unknown item";
  }
  return nullptr;
}

const char* read_debug(string_view value, settings& out) {
  for (;;) {
    const std::size_t comma = value.find(',');
    if (const char* wrong = read_debug_item(value.substr(0, comma), out)) return wrong;
    if (comma == string_view::npos) return nullptr;
    value.remove_prefix(comma + 1);
  }
}

// The one list of what the environment may say.
constexpr struct {
  const char* name;
  reader read;
  const char* allowed;
} table[] = {
    {"GORO_MAXPROCS", read_max_procs, "a whole number from 1 to 1024"},
    {"GORO_STACK_SIZE", read_stack_size,
     "a number of bytes, or of k, m, g (64k), from 16k to 1g; it is rounded up to a power of two"},
    {"GORO_DEBUG", read_debug,
     "a comma-separated list of leak, deadlock, schedtrace=N (milliseconds, 1 to 3600000)"},
};
static_assert(max_max_procs == 1024 && min_stack_size == 16u << 10 && max_stack_size == 1u << 30,
              "the texts above name these");

// The value as an error shows it: whatever it holds, one short line.
std::string printable(string_view value) {
  constexpr std::size_t longest = 64;
  std::string text(value.substr(0, longest));
  for (char& c : text)
    if (static_cast<unsigned char>(c) < ' ' || c == 0x7f) c = '?';
  if (value.size() > longest) text += "...";
  return text;
}

[[noreturn]] void refuse(const std::string& error) noexcept {
  const std::string line = error + '\n';
  // Written and left at once: neither destructors nor buffers of a program that has hardly begun.
  [[maybe_unused]] const ssize_t n = write(STDERR_FILENO, line.data(), line.size());
  _exit(2);
}

settings from_environment() {
  settings read;
  const auto error = parse_settings([](const char* name) -> const char* { return std::getenv(name); }, read);
  if (error) refuse(*error);
  return read;
}

}  // namespace

std::optional<std::string> parse_settings(getenv_like lookup, settings& out) {
  settings read = out;
  for (const auto& variable : table) {
    const char* const value = lookup(variable.name);
    if (value == nullptr || *value == '\0') continue;
    if (const char* wrong = variable.read(value, read))
      return std::string("goro: ") + variable.name + '=' + printable(value) + ": " + wrong +
             "; allowed: " + variable.allowed;
  }
  out = read;
  return std::nullopt;
}

const settings& the_settings() {
  static const settings read = from_environment();
  return read;
}

}  // namespace goro::detail
