// SPDX-License-Identifier: MIT
#include "http/frames.hpp"

#include "http/base64.hpp"

namespace goro::detail {

frame_state parse_frame_head(std::string_view bytes, frame_head& head) noexcept {
  const auto at = [&](std::size_t i) { return static_cast<unsigned char>(bytes[i]); };
  if (bytes.size() < 2) return frame_state::incomplete;
  const unsigned op = at(0) & 0x0f;
  head.last = (at(0) & 0x80) != 0;
  head.op = static_cast<opcode>(op);
  head.masked = (at(1) & 0x80) != 0;
  head.length = at(1) & 0x7f;
  if ((at(0) & 0x70) != 0 || (op > 2 && op < 8) || op > 10) return frame_state::bad;
  if (is_control(head.op) && (!head.last || head.length > 125)) return frame_state::bad;
  const std::size_t more = head.length == 126 ? 2 : head.length == 127 ? 8 : 0;
  head.size = 2 + more + (head.masked ? 4 : 0);
  if (bytes.size() < head.size) return frame_state::incomplete;
  if (more != 0) {
    head.length = 0;
    for (std::size_t i = 0; i != more; ++i) head.length = head.length << 8 | at(2 + i);
    if (head.length < (more == 2 ? 126u : 65536u) || head.length >> 63 != 0) return frame_state::bad;
  }
  if (head.masked)
    for (std::size_t i = 0; i != 4; ++i) head.mask[i] = at(2 + more + i);
  return frame_state::whole;
}

void apply_mask(char* bytes, std::size_t n, const unsigned char* mask, std::size_t offset) noexcept {
  for (std::size_t i = 0; i != n; ++i)
    bytes[i] = static_cast<char>(static_cast<unsigned char>(bytes[i]) ^ mask[(offset + i) % 4]);
}

void append_frame(std::string& out, opcode op, std::string_view payload, const unsigned char* mask) {
  const std::uint64_t n = payload.size();
  const unsigned bit = mask != nullptr ? 0x80 : 0;
  out += static_cast<char>(0x80 | static_cast<unsigned>(op));
  if (n < 126) {
    out += static_cast<char>(bit | n);
  } else {
    const int bytes = n < 65536 ? 2 : 8;
    out += static_cast<char>(bit | (bytes == 2 ? 126u : 127u));
    for (int i = bytes - 1; i >= 0; --i) out += static_cast<char>(n >> (8 * i));
  }
  if (mask != nullptr) out.append(reinterpret_cast<const char*>(mask), 4);
  const std::size_t begin = out.size();
  out += payload;
  if (mask != nullptr) apply_mask(out.data() + begin, payload.size(), mask, 0);
}

bool is_utf8(std::string_view s) noexcept {
  for (std::size_t i = 0; i != s.size();) {
    const unsigned char c = static_cast<unsigned char>(s[i++]);
    if (c < 0x80) continue;
    const int more = c >= 0xc2 && c <= 0xdf ? 1 : (c & 0xf0) == 0xe0 ? 2 : c >= 0xf0 && c <= 0xf4 ? 3 : 0;
    if (more == 0 || s.size() - i < static_cast<std::size_t>(more)) return false;
    const unsigned char second = static_cast<unsigned char>(s[i]);
    if ((c == 0xe0 && second < 0xa0) || (c == 0xed && second > 0x9f) || (c == 0xf0 && second < 0x90) ||
        (c == 0xf4 && second > 0x8f))
      return false;
    for (int k = 0; k != more; ++k)
      if ((static_cast<unsigned char>(s[i++]) & 0xc0) != 0x80) return false;
  }
  return true;
}

bool is_close_code(std::uint16_t code) noexcept {
  return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) || (code >= 3000 && code <= 4999);
}

std::string websocket_accept_key(std::string_view key) {
  const auto digest = sha1(std::string(key) + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
  return base64(std::string_view(reinterpret_cast<const char*>(digest.data()), digest.size()));
}

}  // namespace goro::detail
