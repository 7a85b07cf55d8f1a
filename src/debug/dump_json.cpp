// SPDX-License-Identifier: MIT
// One JSON object. Addresses are strings, since a reader's numbers may be doubles; times are nanoseconds.
#include "debug/crowds.hpp"
#include "debug/dump.hpp"

#include <cstdio>

namespace goro::detail {

namespace {

// A JSON string of any bytes. Names are the program's, and need not be UTF-8: what is none becomes U+FFFD.
void append_string(std::string& to, std::string_view text) {
  to += '"';
  for (std::size_t i = 0; i < text.size();) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c < 0x80) {
      if (c == '"' || c == '\\') {
        to += '\\';
        to += static_cast<char>(c);
      } else if (c < 0x20 || c == 0x7f) {
        char code[8];
        std::snprintf(code, sizeof code, "\\u%04x", static_cast<unsigned>(c));
        to += code;
      } else {
        to += static_cast<char>(c);
      }
      ++i;
      continue;
    }
    const std::size_t length = c >= 0xc2 && c < 0xe0   ? 2
                               : c >= 0xe0 && c < 0xf0 ? 3
                               : c >= 0xf0 && c < 0xf5 ? 4
                                                       : 0;
    bool whole = length != 0 && i + length <= text.size();
    for (std::size_t k = 1; whole && k != length; ++k)
      whole = (static_cast<unsigned char>(text[i + k]) & 0xc0) == 0x80;
    if (whole) {  // too long a form, a surrogate, or beyond the last character
      const auto second = static_cast<unsigned char>(text[i + 1]);
      whole = !((c == 0xe0 && second < 0xa0) || (c == 0xed && second > 0x9f) ||
                (c == 0xf0 && second < 0x90) || (c == 0xf4 && second > 0x8f));
    }
    if (whole) {
      to.append(text.substr(i, length));
      i += length;
    } else {
      to += "\\ufffd";
      ++i;
    }
  }
  to += '"';
}

void append_address(std::string& to, std::uintptr_t address) {
  char text[24];
  std::snprintf(text, sizeof text, "\"%#lx\"", static_cast<unsigned long>(address));
  to += text;
}

void append_frame(std::string& to, const stack_frame& f) {
  to += "{\"pc\":";
  append_address(to, f.pc);
  to += ",\"function\":";
  append_string(to, f.function);
  to += ",\"file\":";
  append_string(to, f.file);
  to.append(",\"line\":").append(std::to_string(f.line)).append("}");
}

void append_holders(std::string& to, const std::vector<lock_holder>& all) {
  if (all.empty()) return;
  const char* between = ",\"held_by\":[";
  for (const lock_holder& h : all) {
    to.append(between).append("{\"id\":").append(std::to_string(h.id)).append(",\"name\":");
    append_string(to, h.name);
    to += '}';
    between = ",";
  }
  to += ']';
}

const char* kind_of(const sighting& s) noexcept {
  if (s.of_a_timer) return "timer";
  if (s.unbounded) return "unbounded";
  return s.capacity == 0 ? "unbuffered" : "buffered";
}

void append_goroutine(std::string& to, const sightings& seen, const sighting& s, const crowds& waiting) {
  to.append("{\"id\":").append(std::to_string(s.who.id)).append(",\"name\":");
  append_string(to, s.name);
  to += ",\"state\":";
  append_string(to, state_word(s.who));
  to.append(",\"daemon\":").append((s.who.flags & flag_daemon) != 0 ? "true" : "false");
  to.append(",\"waiting_ns\":").append(std::to_string(s.waiting));
  if (s.who.state == goroutine_state::parked && s.who.waits_on != nullptr) {
    to += ",\"waits_on\":{\"address\":";
    append_address(to, reinterpret_cast<std::uintptr_t>(s.who.waits_on.get()));
    if (s.on_channel) {
      to.append(",\"kind\":\"").append(kind_of(s)).append("\"");
      to.append(",\"len\":").append(std::to_string(s.length)).append(",\"cap\":");
      to += s.unbounded ? "null" : std::to_string(s.capacity);
      to.append(",\"waiting\":").append(std::to_string(waiting.around(s)));
    }
    append_holders(to, s.held_by);
    to += '}';
  }
  to.append(",\"created_by\":").append(std::to_string(s.who.created_by)).append(",\"created_at\":");
  append_frame(to, creation_frame(s.who.created_at));
  to += ",\"stack\":[";
  const char* between = "";
  for (const stack_frame& f : frames_of(seen.stack_of(s))) {
    to += between;
    append_frame(to, f);
    between = ",";
  }
  to += "]}";
}

void append_failure(std::string& to, const kept_failure& f) {
  to.append("{\"id\":").append(std::to_string(f.id)).append(",\"name\":");
  append_string(to, f.name);
  to += ",\"state\":";
  append_string(to, f.state);
  to += ",\"daemon\":false,\"waiting_ns\":0,\"waits_on\":{\"address\":";
  append_address(to, reinterpret_cast<std::uintptr_t>(f.kept_by.get()));
  to.append("},\"created_by\":").append(std::to_string(f.created_by)).append(",\"created_at\":");
  append_frame(to, creation_frame(f.created_at));
  to += ",\"stack\":[]}";
}

}  // namespace

void write_json(const sightings& seen, text_sink sink) {
  symbolise_all(seen);
  const crowds waiting(seen);
  std::string text = "{\"goroutines\":[";
  const char* between = "\n";
  for (const sighting& s : seen.all) {
    text += between;
    between = ",\n";
    append_goroutine(text, seen, s, waiting);
    if (text.size() > 64u * 1024) {
      sink.write(sink.to, text);
      text.clear();
    }
  }
  for (const kept_failure& f : seen.failures) {
    text += between;
    between = ",\n";
    append_failure(text, f);
  }
  text += "\n]}\n";
  sink.write(sink.to, text);
}

}  // namespace goro::detail
