// SPDX-License-Identifier: MIT
#include "support/at_procs.hpp"

#include <goro/goro.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <vector>

namespace {

class FutureStress : public goro_test::AtProcs {};
GORO_AT_PROCS(FutureStress);

TEST_P(FutureStress, EveryValueArrives) {
  const int n = goro_test::scaled(10'000);
  goro::async([n] {
    std::vector<goro::future<int>> all;
    for (int i = 0; i != n; ++i)
      all.push_back(goro::async([i] {
        if (i % 3 == 0) goro::yield();
        return i;
      }));
    for (int i = 0; i != n; ++i) ASSERT_EQ(all[static_cast<std::size_t>(i)].get(), i);
  }).get();
}

TEST_P(FutureStress, SetAndTimedWaitAtTheSameMoment) {
  const int n = goro_test::scaled(2'000);
  goro::async([n] {
    for (int i = 0; i != n; ++i) {
      auto p = std::make_shared<goro::promise<int>>();
      auto f = p->get_future();
      goro::go([p, i] {
        if (i % 2 == 0) goro::sleep_for(std::chrono::microseconds(i % 40));
        p->set_value(i);
      });
      (void)f.wait_for(std::chrono::microseconds(i % 40));
      ASSERT_EQ(f.get(), i);
    }
  }).get();
}

}  // namespace
