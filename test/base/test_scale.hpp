// SPDX-License-Identifier: MIT
// How long the stress tests of this room run: GORO_TEST_SCALE times their usual count.
#pragma once

#include <cstdlib>

inline int scaled(int count) {
  const char* const text = std::getenv("GORO_TEST_SCALE");
  const double scale = text != nullptr ? std::atof(text) : 1.0;
  const double n = count * (scale > 0 ? scale : 1.0);
  return n < 1 ? 1 : n > 1e9 ? 1'000'000'000 : static_cast<int>(n);
}
