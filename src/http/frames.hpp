// SPDX-License-Identifier: MIT
// WebSocket's frames (RFC 6455, 5.2), as bytes and back.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace goro::detail {

enum class opcode : unsigned char { continuation = 0, text = 1, binary = 2, close = 8, ping = 9, pong = 10 };
constexpr bool is_control(opcode op) noexcept { return (static_cast<unsigned char>(op) & 8) != 0; }

struct frame_head {
  bool last = true;
  opcode op = opcode::text;
  bool masked = false;
  std::uint64_t length = 0;
  unsigned char mask[4] = {};
  std::size_t size = 0;  // of the head itself
};

enum class frame_state { whole, incomplete, bad };
// bad: reserved bits or an unknown opcode, a control frame in parts or of more than 125 bytes, a length that is not
// written in its shortest form or has more than 63 bits.
frame_state parse_frame_head(std::string_view bytes, frame_head& head) noexcept;

// Adds a whole frame to `out`. mask: four bytes, of a client; null: a server's.
void append_frame(std::string& out, opcode op, std::string_view payload, const unsigned char* mask);
void apply_mask(char* bytes, std::size_t n, const unsigned char* mask, std::size_t offset) noexcept;

bool is_utf8(std::string_view s) noexcept;  // no surrogates, nothing longer than it need be

// Whether a close frame may carry the code.
bool is_close_code(std::uint16_t code) noexcept;

// What the server answers to a Sec-WebSocket-Key.
std::string websocket_accept_key(std::string_view key);

}  // namespace goro::detail
