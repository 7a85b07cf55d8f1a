// SPDX-License-Identifier: MIT
#include "sha256.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

namespace digest {
namespace {

// FIPS 180-4, 4.2.2: the first 32 bits of the fractional parts of the cube roots of the first 64 primes.
constexpr std::array<std::uint32_t, 64> round_constants{
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

std::uint32_t load_big_endian(const unsigned char* p) noexcept {
  return std::uint32_t{p[0]} << 24 | std::uint32_t{p[1]} << 16 | std::uint32_t{p[2]} << 8 |
         std::uint32_t{p[3]};
}

}  // namespace

// FIPS 180-4, 6.2.2.
void sha256::compress(const unsigned char* block) noexcept {
  using std::rotr;
  std::array<std::uint32_t, 64> w;
  for (std::size_t t = 0; t != 16; ++t) w[t] = load_big_endian(block + 4 * t);
  for (std::size_t t = 16; t != 64; ++t) {
    const std::uint32_t s0 = rotr(w[t - 15], 7) ^ rotr(w[t - 15], 18) ^ (w[t - 15] >> 3);
    const std::uint32_t s1 = rotr(w[t - 2], 17) ^ rotr(w[t - 2], 19) ^ (w[t - 2] >> 10);
    w[t] = s1 + w[t - 7] + s0 + w[t - 16];
  }

  auto [a, b, c, d, e, f, g, h] = state_;
  for (std::size_t t = 0; t != 64; ++t) {
    const std::uint32_t sum1 = rotr(e, 6) ^ rotr(e, 11) ^ rotr(e, 25);
    const std::uint32_t choose = (e & f) ^ (~e & g);
    const std::uint32_t t1 = h + sum1 + choose + round_constants[t] + w[t];
    const std::uint32_t sum0 = rotr(a, 2) ^ rotr(a, 13) ^ rotr(a, 22);
    const std::uint32_t majority = (a & b) ^ (a & c) ^ (b & c);
    const std::uint32_t t2 = sum0 + majority;
    h = g, g = f, f = e, e = d + t1;
    d = c, c = b, b = a, a = t1 + t2;
  }
  const std::array<std::uint32_t, 8> worked{a, b, c, d, e, f, g, h};
  for (std::size_t i = 0; i != 8; ++i) state_[i] += worked[i];
}

void sha256::update(const void* data, std::size_t size) noexcept {
  if (size == 0) return;
  const auto* p = static_cast<const unsigned char*>(data);
  const std::size_t held = bytes_ % block_size;
  bytes_ += size;
  if (held != 0) {
    const std::size_t n = std::min(size, block_size - held);
    std::memcpy(rest_.data() + held, p, n);
    p += n, size -= n;
    if (held + n < block_size) return;
    compress(rest_.data());
  }
  for (; size >= block_size; p += block_size, size -= block_size) compress(p);
  if (size != 0) std::memcpy(rest_.data(), p, size);
}

std::string sha256::finish() {
  // 5.1.1: a one bit, zeros up to 8 bytes before the end of a block, the length in bits.
  const std::uint64_t bits = bytes_ * 8;
  const std::size_t held = bytes_ % block_size;
  std::array<unsigned char, 2 * block_size> padding{0x80};
  const std::size_t zeros_end = (held < 56 ? 56 : 56 + block_size) - held;
  for (std::size_t i = 0; i != 8; ++i)
    padding[zeros_end + i] = static_cast<unsigned char>(bits >> (56 - 8 * i));
  update(padding.data(), zeros_end + 8);

  std::string hex;
  hex.reserve(64);
  for (std::uint32_t word : state_)
    for (int shift = 28; shift >= 0; shift -= 4) hex += "0123456789abcdef"[word >> shift & 15];
  return hex;
}

std::string sha256::of(std::string_view text) {
  sha256 hash;
  hash.update(text.data(), text.size());
  return hash.finish();
}

bool sha256_self_check() {
  struct vector {
    std::string text;
    std::string_view hex;
  };
  const vector vectors[] = {
      {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
      {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
      {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
       "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
      {std::string(1'000'000, 'a'), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"},
  };
  for (const vector& v : vectors) {
    if (sha256::of(v.text) != v.hex) return false;
    // In pieces of odd sizes it must come to the same.
    sha256 hash;
    for (std::size_t at = 0, n = 1; at < v.text.size(); at += n, n = n * 2 + 1) {
      n = std::min(n, v.text.size() - at);
      hash.update(v.text.data() + at, n);
    }
    if (hash.finish() != v.hex) return false;
  }
  return true;
}

}  // namespace digest
