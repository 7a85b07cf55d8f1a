// SPDX-License-Identifier: MIT
// Who waits for a mutex and what it costs, by counts: who has it next, and how often somebody is taken up.
#include "sched/introspect.hpp"

#include "support/at_procs.hpp"
#include "support/eventually.hpp"
#include "support/kernel.hpp"

#include <goro/goro.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace {

using namespace std::chrono_literals;
using goro_test::eventually;
using goro_test::scaled;

std::size_t waiting() { return goro::detail::parked_count(goro::detail::wait_reason::mutex); }

class MutexFairnessStress : public goro_test::AtProcs {};
GORO_AT_PROCS(MutexFairnessStress);

// One locks without a pause, another now and then. Whenever the first one sees, with the lock in its hand, that the
// other has been in the queue for more than 1 ms, it gives the lock back to that one: when it has it again, the
// other has had it in between. No time is compared with a bound: the mutex can only see more of it pass.
TEST_P(MutexFairnessStress, MU03_WhoHasWaitedForAMillisecondIsTheNext) {
  const int wanted = scaled(25);
  goro::mutex m;
  int turns = 0;  // these under m: how often the sleeper had it
  int kept = 0;   // it was to be the next, and was
  int overtaken = 0;
  std::atomic<bool> stop{false};
  goro::wait_group both;
  both.go([&] {
    bool is_old = false;  // the sleeper, in the last section
    int turns_then = 0;
    int seen_in = -1;  // before this turn of it, it has been seen in the queue, at:
    goro::time_point seen_at{};
    for (unsigned section = 0; !stop; ++section) {
      m.lock();
      if (is_old) ++(turns == turns_then ? overtaken : kept);
      turns_then = turns;
      is_old = false;
      // As a rule it only looks; now and then it keeps the lock until the sleeper is old, to be sure to see that.
      do {
        if (section % 64 == 0) goro::yield();
        if (waiting() != 1) continue;
        const auto now = goro::clock::now();
        if (seen_in != turns) {
          seen_in = turns;
          seen_at = now;
        }
        is_old = now - seen_at > 1ms;
      } while (section % 64 == 0 && !is_old && !stop);
      m.unlock();
    }
  });
  both.go([&] {
    for (bool more = true; more;) {
      goro::sleep_for(20us);
      m.lock();
      ++turns;
      more = kept + overtaken < wanted;
      m.unlock();
    }
    stop = true;
  });
  both.wait();
  EXPECT_EQ(overtaken, 0);
  EXPECT_GE(kept, 1);
}

// A walk along the queue at each unlock would be five thousand million steps, which the hang guard would see; and
// nobody is taken up more often than to queue, to have the lock and to let its successor go first.
TEST_P(MutexFairnessStress, AHundredThousandWaitersCostTheSameEach) {
  const int room = goro_test::under_tsan ? 2'000 : goro_test::kernel_has_light_guards() ? 100'000 : 10'000;
  const int n = std::min(scaled(100'000), room);
  goro::mutex m;
  goro::wait_group done;
  int count = 0;  // under m
  m.lock();
  for (int i = 0; i != n; ++i)
    done.go([&] {
      m.lock();
      ++count;
      m.unlock();
    });
  ASSERT_TRUE(eventually([n] { return waiting() == static_cast<std::size_t>(n); }));
  const std::uint64_t before = goro::detail::counters().switches;
  m.unlock();
  done.wait();
  EXPECT_EQ(count, n);
  EXPECT_LE(goro::detail::counters().switches - before, 3 * static_cast<std::uint64_t>(n) + 1'000);
}

}  // namespace
