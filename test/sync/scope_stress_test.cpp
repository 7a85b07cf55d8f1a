// SPDX-License-Identifier: MIT
#include "support/at_procs.hpp"

#include <goro/goro.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <stdexcept>
#include <string>

namespace {

class ScopeStress : public goro_test::AtProcs {};
GORO_AT_PROCS(ScopeStress);

int fib(int n) {
  if (n < 2) return n;
  int left = 0;
  int right = 0;
  goro::scope s;
  s.go([&] { left = fib(n - 1); });
  s.go([&] { right = fib(n - 2); });
  s.wait();
  return left + right;
}

TEST_P(ScopeStress, ForkAndJoin) {
  goro::async([] { EXPECT_EQ(fib(15), 610); }).get();
}

TEST_P(ScopeStress, OneFailureOfManyIsKept) {
  goro::async([] {
    for (int round = 0; round != goro_test::scaled(100); ++round) {
      goro::scope s;
      std::atomic<int> ended{0};
      for (int i = 0; i != 16; ++i)
        s.go([&, i] {
          if (i % 4 == 0) goro::yield();
          ++ended;
          if (i % 2 == 0) throw std::runtime_error(std::to_string(i));
        });
      ASSERT_THROW(s.wait(), std::runtime_error);
      ASSERT_EQ(ended, 16);
    }
  }).get();
}

}  // namespace
