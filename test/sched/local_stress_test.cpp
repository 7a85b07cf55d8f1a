// SPDX-License-Identifier: MIT
#include "support/at_procs.hpp"

#include <goro/goro.hpp>

#include <gtest/gtest.h>

#include <atomic>

namespace {

class LocalStress : public goro_test::AtProcs {};
GORO_AT_PROCS(LocalStress);

TEST_P(LocalStress, SumsAreExactOverManyParks) {
  goro::local<int> sum;
  std::atomic<int> wrong{0};
  goro::wait_group all;
  const int rounds = goro_test::scaled(200);
  for (int g = 0; g != 64; ++g) {
    all.go([&] {
      for (int i = 0; i != rounds; ++i) {
        ++*sum;
        goro::yield();
        if (*sum != i + 1) ++wrong;
      }
    });
  }
  all.wait();
  EXPECT_EQ(wrong, 0);
}

}  // namespace
