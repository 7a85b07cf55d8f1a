// SPDX-License-Identifier: MIT
// SHA-256 as FIPS 180-4 defines it, so that the demo needs no other package.
//
//   sha256 hash;
//   hash.update(data, size);           // as often as there is data
//   std::string hex = hash.finish();   // 64 hexadecimal digits; the object is used up
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace digest {

class sha256 {
 public:
  void update(const void* data, std::size_t size) noexcept;
  std::string finish();

  static std::string of(std::string_view text);

 private:
  static constexpr std::size_t block_size = 64;

  void compress(const unsigned char* block) noexcept;

  // FIPS 180-4, 5.3.3: the initial hash value.
  std::array<std::uint32_t, 8> state_{0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                      0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  std::array<unsigned char, block_size> rest_{};  // what did not fill a block yet
  std::uint64_t bytes_ = 0;
};

// Compares with known results, among them the standard's examples; false: this build's SHA-256 is wrong.
bool sha256_self_check();

}  // namespace digest
