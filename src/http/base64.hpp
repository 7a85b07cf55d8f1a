// SPDX-License-Identifier: MIT
// Base64, and the SHA-1 that WebSocket's opening handshake asks for: a checksum there, nothing that is to be secret.
#pragma once

#include <array>
#include <string>
#include <string_view>

namespace goro::detail {

std::string base64(std::string_view bytes);
std::array<unsigned char, 20> sha1(std::string_view bytes);

}  // namespace goro::detail
