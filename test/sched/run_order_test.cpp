// SPDX-License-Identifier: MIT
// The seam for controlled schedules: somebody else decides who runs next.
#include "sched/run_order.hpp"

#include "support/at_procs.hpp"

#include <goro/goro.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <cstddef>
#include <vector>

namespace {

class newest_first : public goro::detail::run_order {
 public:
  std::size_t choose(int, goro::detail::goroutine* const*, std::size_t n) noexcept override { return n - 1; }
};

class oldest_first : public goro::detail::run_order {
 public:
  std::size_t choose(int, goro::detail::goroutine* const*, std::size_t) noexcept override { return 0; }
};

// On one P: in which order ten goroutines run that are started one after the other.
std::vector<int> order_of_ten() {
  std::vector<int> ran(10);
  std::atomic<std::size_t> n{0};
  goro::async([&] {
    goro::yield();  // from here on the order that was set decides
    goro::wait_group done;
    for (int i = 0; i != 10; ++i) done.go([&, i] { ran[n++] = i; });
    done.wait();
  }).get();
  return ran;
}

class RunOrder : public testing::Test {
 protected:
  void SetUp() override { procs_before_ = goro::set_max_procs(1); }
  void TearDown() override {
    goro::detail::set_run_order(nullptr);
    goro::set_max_procs(procs_before_);
  }
  goro_test::hang_guard guard_{"RunOrder"};
  int procs_before_ = 1;
};

// A machine that stops this thread for a slice lets another one take the P, and the order with it: then again.
bool comes_about(const std::vector<int>& order) {
  for (int i = 0; i != 100; ++i)
    if (order_of_ten() == order) return true;
  return false;
}

TEST_F(RunOrder, WhoIsSetDecides) {
  static newest_first backwards;
  static oldest_first forwards;
  goro::detail::set_run_order(&backwards);
  EXPECT_TRUE(comes_about({9, 8, 7, 6, 5, 4, 3, 2, 1, 0}));
  goro::detail::set_run_order(&forwards);
  EXPECT_TRUE(comes_about({0, 1, 2, 3, 4, 5, 6, 7, 8, 9}));
}

TEST_F(RunOrder, NobodySetIsTheSchedulersOwn) {
  static newest_first backwards;
  goro::detail::set_run_order(&backwards);
  (void)order_of_ten();
  goro::detail::set_run_order(nullptr);
  // Go's order: the last one started is in run_next, the others follow as they came.
  EXPECT_TRUE(comes_about({9, 0, 1, 2, 3, 4, 5, 6, 7, 8}));
}

}  // namespace
