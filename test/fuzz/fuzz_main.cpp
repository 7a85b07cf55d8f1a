// SPDX-License-Identifier: MIT
// libFuzzer's entry: GORO_FUZZ_TARGET is the function to be fuzzed.
#include "fuzz/fuzz.hpp"

#include <cstddef>
#include <cstdint>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  goro_fuzz::GORO_FUZZ_TARGET({reinterpret_cast<const char*>(data), size});
  return 0;
}
