// SPDX-License-Identifier: MIT
// Goroutines that compute are taken by idle Ps, also after thefts that were not worth it.
#include "sched/theft.hpp"

#include "sched/on_goroutine.hpp"
#include "support/at_procs.hpp"

namespace {

using goro_test::hang_guard;
using goro_test::procs_for_now;
using goro_test::thefts_of_a_contended_lock;

// Each spins until the others are there, too.
void meet(int n) {
  std::atomic<int> there{0};
  goro::wait_group all;
  for (int i = 0; i != n; ++i)
    all.go([&] {
      ++there;
      while (there != n) {
      }
    });
  all.wait();
}

TEST(Theft, WhatComputesIsTakenAgainAfterwards) {
  const hang_guard guard{"Theft"};
  for (const int p : {2, 4}) {
    const procs_for_now procs(p);
    for (int round = 0; round != 3; ++round) {
      (void)thefts_of_a_contended_lock();
      goro::async([p] { meet(p); }).get();
    }
  }
}

}  // namespace
