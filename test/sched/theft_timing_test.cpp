// SPDX-License-Identifier: MIT
// Goroutines that stop each other within a moment are left together. A moment is a time (src/sched/wake.hpp), which
// everything takes in a build that is not optimised.
#include "sched/theft.hpp"

#include "sched/on_goroutine.hpp"
#include "support/at_procs.hpp"
#include "support/cpus.hpp"

#include <algorithm>

namespace {

using goro_test::hang_guard;
using goro_test::procs_for_now;
using goro_test::thefts_of_a_contended_lock;
using goro_test::writes;

TEST(Theft, GoroutinesThatStopEachOtherAreLeftTogether) {
  if (goro_test::allowed_cpus().size() < 2) GTEST_SKIP() << "with one CPU Ps are in each other's way as it is";
  const hang_guard guard{"Theft"};
  const procs_for_now two(2);
  std::uint64_t fewest = writes;
  for (int round = 0; round != 10 && fewest >= writes / 40; ++round)
    fewest = std::min(fewest, thefts_of_a_contended_lock());
  // Each theft that follows upon the last one's ends with a write: there were a fifth as many as writes.
  EXPECT_LT(fewest, writes / 40);
}

}  // namespace
