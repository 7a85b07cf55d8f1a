// SPDX-License-Identifier: MIT
// Nobody is left standing: yields, hogs, pairs that hand over to each other for ever, and the global queue.
// All bounds in time are guards against hangs; the real checks are that things happen at all.
#include "sched/on_goroutine.hpp"
#include "support/at_procs.hpp"
#include "support/eventually.hpp"

#include <goro/goro.hpp>

#include <gtest/gtest.h>

#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

namespace {

using namespace std::chrono_literals;
using goro_test::eventually;
using goro_test::on_goroutine;
using goro_test::procs_for_now;
using std::chrono::steady_clock;

class Progress : public testing::Test {
 protected:
  void SetUp() override { before_ = goro_test::settled_goroutines(); }
  void TearDown() override {
    EXPECT_TRUE(eventually([&] { return goro::num_goroutine() == before_; })) << goro::num_goroutine();
  }
  goro_test::hang_guard guard_{"Progress"};
  std::size_t before_ = 0;
};

void yield_until_told(bool locked) {
  const procs_for_now one(1);
  on_goroutine([locked] {
    const auto told = goro::make_chan<bool>();
    const auto done = goro::make_chan<int>();
    goro::go([=] {
      if (locked) goro::lock_os_thread();
      bool heard = false;
      while (!heard) {
        goro::select(goro::recv(told, [&] { heard = true; }), goro::otherwise([] {}));
        goro::yield();
      }
      done.close();
    });
    goro::yield();
    told.send(true);
    (void)done.recv();
  });
}

TEST_F(Progress, SC01_YieldLoopGetsItsMessage) { yield_until_told(false); }
TEST_F(Progress, SC01_YieldLoopLockedToItsThreadGetsItsMessage) { yield_until_told(true); }

// Each of n goroutines spins until the baton shows its number and passes it on: needs all of them running.
void baton_ring(int n) {
  std::atomic<std::uint32_t> baton{0};
  goro::wait_group all;
  for (int me = 0; me != n; ++me) {
    all.go([&baton, me, n] {
      for (int round = 0; round != 3; ++round) {
        const auto mine = static_cast<std::uint32_t>(round * n + me);
        while (baton.load() != mine) std::this_thread::yield();
        baton.store(mine + 1);
      }
    });
  }
  all.wait();
  EXPECT_EQ(baton.load(), static_cast<std::uint32_t>(3 * n));
}

TEST_F(Progress, SC04_AllPsRunAtOnce) {
  for (const int p : {2, 4}) {
    const procs_for_now procs(p);
    for (int i = 0; i != 10; ++i) {
      baton_ring(p);
      on_goroutine([p] { baton_ring(p); });
    }
  }
}

void spawn_tree(int depth, goro::wait_group& all) {
  if (depth == 0) return;
  for (int i = 0; i != 2; ++i) all.go([depth, &all] { spawn_tree(depth - 1, all); });
}

TEST_F(Progress, SC05_AllPsRunAtOnceNestedAfterABurst) {
  const procs_for_now procs(4);
  on_goroutine([] {
    goro::wait_group all;
    spawn_tree(8, all);
    all.wait();
    for (int i = 0; i != 5; ++i) goro::async([] { baton_ring(4); }).get();
  });
}

// Two goroutines that hand over to each other for ever; a timer in a third must fire all the same.
void timer_beside_a_pair(bool with_system_call) {
  for (const int p : {1, 2}) {
    const procs_for_now procs(p);
    const auto c = goro::make_chan<int>();
    const auto stop = goro::make_chan<int>();
    goro::wait_group all;
    for (int i = 0; i != 2; ++i) {
      all.go([=] {
        for (bool on = true; on;) {
          if (with_system_call) (void)::getppid();
          const std::size_t which = i == 0 ? goro::select(goro::send(c, 1), goro::recv(stop))
                                           : goro::select(goro::recv(c), goro::recv(stop));
          on = which == 0;
        }
      });
    }
    const auto start = steady_clock::now();
    on_goroutine([] { (void)goro::after(20ms).recv(); });
    EXPECT_GE(steady_clock::now() - start, 20ms);
    stop.close();
    all.wait();
  }
}

TEST_F(Progress, SC06_ATimerFiresBesideAPairThatNeverPauses) { timer_beside_a_pair(false); }
TEST_F(Progress, SC07_ATimerFiresBesideAPairThatCallsTheKernel) { timer_beside_a_pair(true); }

TEST_F(Progress, SC08_TwoSpinnersAlternateOnOneP) {
  const procs_for_now one(1);
  std::atomic<int> turn{0};
  goro::wait_group all;
  for (int me = 0; me != 2; ++me) {
    all.go([&turn, me] {
      for (int i = 0; i != 5; ++i) {
        while (turn.load() % 2 != me) std::this_thread::yield();
        turn.fetch_add(1);
      }
    });
  }
  all.wait();
  EXPECT_EQ(turn.load(), 10);
}

TEST_F(Progress, SC09_ALoopWithoutCallsCannotStopTheOthers) {
  const procs_for_now one(1);
  std::atomic<bool> stop{false};
  std::atomic<bool> spinning{false};
  goro::wait_group hog;
  hog.go([&] {
    spinning = true;
    while (!stop.load(std::memory_order_relaxed)) {
    }
  });
  while (!spinning) std::this_thread::yield();
  on_goroutine([] {
    for (int i = 0; i != 3; ++i) goro::yield();
  });
  stop = true;
  hog.wait();
}

TEST_F(Progress, SC10_AHoggingPairLeavesALightPairItsShare) {
  const procs_for_now one(1);
  const auto stop = goro::make_chan<int>();
  std::uint64_t heavy = 0;  // by built-ins: a turn must stay well below a slice where nothing is inlined, too
  std::uint64_t light = 0;
  goro::wait_group all;
  const auto pair = [&](std::uint64_t& counter, int each) {
    const auto baton = goro::make_chan<int>();
    for (int i = 0; i != 2; ++i) {
      all.go([&counter, each, baton, stop] {
        for (;;) {
          if (goro::select(goro::recv(baton), goro::recv(stop)) == 1) return;
          for (int n = 0; n != each; ++n)
            __atomic_store_n(&counter, __atomic_load_n(&counter, __ATOMIC_RELAXED) + 1, __ATOMIC_RELAXED);
          if (goro::select(goro::send(baton, 0), goro::recv(stop)) == 1) return;
        }
      });
    }
    baton.send(0);
  };
  pair(heavy, 1'000'000);
  pair(light, 1'000);
  std::this_thread::sleep_for(300ms);
  const double h = static_cast<double>(__atomic_load_n(&heavy, __ATOMIC_RELAXED));
  const double l = static_cast<double>(__atomic_load_n(&light, __ATOMIC_RELAXED));
  stop.close();
  all.wait();
  std::printf("  heavy %.3g, light %.3g, ratio %.2f\n", h, l, h / l);
  EXPECT_GT(l, 0);
  EXPECT_LT(h, 20 * l);
  EXPECT_LT(l, 20 * h);
}

TEST_F(Progress, SC18_ThreeAllocatingLoopsAllRunOnOneP) {
  const procs_for_now one(1);
  std::atomic<int> ran{0};
  std::atomic<bool> stop{false};
  goro::wait_group all;
  const auto start = steady_clock::now();
  for (int i = 0; i != 3; ++i) {
    all.go([&] {
      for (bool first = true; !stop; first = false) {
        const auto garbage = std::make_unique<std::vector<char>>(1024);
        if (first && garbage->size() == 1024) ++ran;
      }
    });
  }
  EXPECT_TRUE(eventually([&] { return ran == 3; }));
  std::printf("  all three ran after %.1f ms\n",
              std::chrono::duration<double, std::milli>(steady_clock::now() - start).count());
  stop = true;
  all.wait();
}

TEST_F(Progress, SC37_TheGlobalQueueIsServedBesideLocalOnesThatRespawnForEver) {
  const procs_for_now one(1);
  std::atomic<bool> stop{false};
  goro::wait_group all;
  // Held by a shared pointer, for a lambda cannot name itself.
  const auto respawn = std::make_shared<std::function<void()>>();
  *respawn = [&, self = std::weak_ptr(respawn)] {
    if (const auto again = self.lock(); again && !stop) all.go([again] { (*again)(); });
  };
  for (int i = 0; i != 4; ++i) all.go([respawn] { (*respawn)(); });
  for (int i = 0; i != 10; ++i) on_goroutine([] {});  // from a plain thread: by the global queue
  stop = true;
  all.wait();
}

TEST_F(Progress, AFreshGoroutineBehindAHogRuns) {
  for (const int p : {1, 2}) {
    const procs_for_now procs(p);
    on_goroutine([] {
      std::atomic<bool> ran{false};
      goro::wait_group child;
      child.go([&] { ran = true; });  // in this P's run_next, and this goroutine computes on
      while (!ran) {
      }
      child.wait();
    });
  }
}

TEST_F(Progress, AWokenGoroutineBehindAHogRuns) {
  for (const int p : {1, 2}) {
    const procs_for_now procs(p);
    on_goroutine([] {
      std::atomic<bool> ran{false};
      const auto c = goro::make_chan<int>();
      goro::wait_group child;
      child.go([&] {
        (void)c.recv();
        ran = true;
      });
      goro::yield();
      c.send(1);
      while (!ran) {
      }
      child.wait();
    });
  }
}

}  // namespace
