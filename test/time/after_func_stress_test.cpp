// SPDX-License-Identifier: MIT
#include "support/at_procs.hpp"
#include "support/eventually.hpp"

#include <goro/goro.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>

namespace {

using namespace std::chrono_literals;
using goro_test::eventually;

class AfterFuncStress : public goro_test::AtProcs {};
GORO_AT_PROCS(AfterFuncStress);

TEST_P(AfterFuncStress, TM30_ManyAtOnceAllRun) {
  const int n = goro_test::scaled(10'000);
  goro::wait_group all;
  all.add(n);
  for (int i = 0; i != n; ++i) (void)goro::after_func(0s, [&] { all.done(); });
  all.wait();
}

TEST_P(AfterFuncStress, StopAndExpiryAtTheSameMomentAgree) {
  // For each, exactly one of the two: stop said true, or it ran.
  const int n = goro_test::scaled(2'000);
  std::atomic<int> ran{0};
  int stopped = 0;
  for (int i = 0; i != n; ++i) {
    goro::timer t = goro::after_func(std::chrono::microseconds(i % 50), [&] { ++ran; });
    if (i % 3 == 0) goro::yield();
    for (int spin = (i * 131) % 20'000; spin != 0; --spin) asm volatile("");
    if (t.stop()) ++stopped;
  }
  EXPECT_TRUE(eventually([&] { return ran + stopped == n; })) << ran << " ran, " << stopped << " stopped";
  goro::sleep_for(5ms);
  EXPECT_EQ(ran + stopped, n);
}

}  // namespace
