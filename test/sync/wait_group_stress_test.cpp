// SPDX-License-Identifier: MIT
#include "support/at_procs.hpp"

#include <goro/goro.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>

namespace {

using namespace std::chrono_literals;

class WaitGroupStress : public goro_test::AtProcs {};
GORO_AT_PROCS(WaitGroupStress);

TEST_P(WaitGroupStress, WG03_CountsAreExact) {
  const int rounds = goro_test::scaled(300);
  goro::async([rounds] {
    for (int round = 0; round != rounds; ++round) {
      goro::wait_group g;
      std::atomic<int> sum{0};
      for (int i = 0; i != 20; ++i)
        g.go([&, i] {
          if (i % 3 == 0) goro::yield();
          sum += i;
        });
      g.wait();
      ASSERT_EQ(sum, 190);
    }
  }).get();
}

TEST_P(WaitGroupStress, TimedWaitAndTheLastDoneAtTheSameMoment) {
  const int rounds = goro_test::scaled(1'000);
  goro::async([rounds] {
    for (int i = 0; i != rounds; ++i) {
      goro::wait_group g;
      g.add();
      goro::wait_group helper;
      helper.go([&] {
        goro::sleep_for(std::chrono::microseconds(i % 40));
        g.done();
      });
      if (!g.wait_for(std::chrono::microseconds(i % 40))) g.wait();
      helper.wait();
      ASSERT_TRUE(g.wait_for(0s));
    }
  }).get();
}

}  // namespace
