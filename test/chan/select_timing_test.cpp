// SPDX-License-Identifier: MIT
// What leaving a long queue costs, by the ratio of two times of one run.
#include "chan/parked.hpp"
#include "support/at_procs.hpp"

#include <goro/goro.hpp>
#include <goro/wait_group.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <vector>

using namespace goro_test;
using goro::chan;
using goro::make_chan;

namespace {

class SelectTiming : public AtProcs {};
GORO_AT_PROCS(SelectTiming);

// n goroutines wait on one shared and one own channel each; each is woken through its own and has to leave
// the shared queue. What one of them costs must not grow with n as it would if the queue were searched.
double seconds_to_wake(std::size_t n) {
  const auto shared = make_chan<int>();
  std::vector<chan<int>> own(n);
  goro::wait_group done;
  for (auto& ch : own) {
    ch = make_chan<int>();
    done.go([=] { goro::select(goro::recv(shared), goro::recv(ch)); });
  }
  EXPECT_TRUE(until_parked(n, wait_reason::select));
  double elapsed = 0;
  in_goroutine([&] {
    const auto start = std::chrono::steady_clock::now();
    for (std::size_t i = n; i-- != 0;) own[i].send(1);  // the last in the queue first
    done.wait();
    elapsed = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  });
  return elapsed;
}

TEST_P(SelectTiming, CH30_LeavingALongQueueTakesConstantTime) {
  if (under_sanitizer) GTEST_SKIP() << "a clock means little here";
  constexpr std::size_t few = 1'000;
  constexpr std::size_t many = 16 * few;
  double growth = 1e9;  // of the cost of one; the best of some tries, for the machine may be busy
  for (int attempt = 0; attempt != 5 && growth >= 6; ++attempt) {
    double small = 1e9;
    double large = 1e9;
    for (int i = 0; i != 3; ++i) {
      small = std::min(small, seconds_to_wake(few) / few);
      large = std::min(large, seconds_to_wake(many) / many);
    }
    growth = std::min(growth, large / small);
  }
  // 16,000 stacks are beyond the caches, which alone makes it 2 to 3. A search past half of the others, at a
  // nanosecond or more for each, makes it more than 10.
  EXPECT_LT(growth, 6);
}

}  // namespace
