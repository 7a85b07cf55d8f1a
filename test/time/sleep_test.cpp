// SPDX-License-Identifier: MIT
#include "sched/on_goroutine.hpp"
#include "support/at_procs.hpp"
#include "support/eventually.hpp"

#include <goro/goro.hpp>

#include <gtest/gtest.h>

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <random>
#include <thread>
#include <vector>

namespace {

using namespace std::chrono_literals;
using goro::clock;
using goro_test::eventually;
using goro_test::on_goroutine;

class Sleep : public testing::Test {
 protected:
  goro_test::hang_guard guard_{"Sleep"};
};

TEST_F(Sleep, ClockIsSteadyAndMoves) {
  static_assert(clock::is_steady);
  const auto a = clock::now();
  std::this_thread::sleep_for(1ms);
  EXPECT_GE(clock::now() - a, 1ms);
}

TEST_F(Sleep, TM01_LastsAtLeastAsLongAsSaid) {
  for (const auto d :
       {goro::duration(1ns), goro::duration(1us), goro::duration(300us), goro::duration(5ms)}) {
    const auto start = clock::now();
    goro::sleep_for(d);
    EXPECT_GE(clock::now() - start, d) << "in a plain thread";
    on_goroutine([d] {
      const auto begin = clock::now();
      goro::sleep_for(d);
      EXPECT_GE(clock::now() - begin, d);
    });
  }
}

TEST_F(Sleep, TM01_LastsAtLeastAsLongAsSaidWhenSignalsInterruptTheThread) {
  struct sigaction act {};
  struct sigaction old {};
  static std::atomic<int> arrived{0};
  arrived = 0;
  act.sa_handler = [](int) { ++arrived; };
  ::sigaction(SIGUSR1, &act, &old);
  std::atomic<bool> done{false};
  const pthread_t sleeper = ::pthread_self();
  std::thread nuisance([&] {
    while (!done) {
      ::pthread_kill(sleeper, SIGUSR1);
      ::usleep(2000);
    }
  });
  while (arrived == 0) std::this_thread::yield();
  const auto start = clock::now();
  goro::sleep_for(50ms);
  EXPECT_GE(clock::now() - start, 50ms);
  on_goroutine([] {
    const auto begin = clock::now();
    goro::sleep_for(50ms);
    EXPECT_GE(clock::now() - begin, 50ms);
  });
  done = true;
  nuisance.join();
  ::sigaction(SIGUSR1, &old, nullptr);
}

TEST_F(Sleep, TM02_ZeroAndNegativeReturnAtOnceBesideChangesOfP) {
  std::atomic<bool> stop{false};
  const int before = goro::max_procs();
  std::thread changes([&] {
    for (int i = 0; !stop; ++i) goro::set_max_procs(1 + i % 3);
  });
  on_goroutine([] {
    const auto start = clock::now();
    for (int i = 0; i != 100; ++i) {
      goro::sleep_for(0ns);
      goro::sleep_for(-1ns);
      goro::sleep_for(-1h);
      goro::sleep_for(goro::duration::min());
      goro::sleep_until(clock::now() - 1s);
      goro::sleep_until(clock::time_point::min());
    }
    EXPECT_LT(clock::now() - start, 20s);
  });
  goro::sleep_for(-1h);
  goro::sleep_for(0s);
  stop = true;
  changes.join();
  goro::set_max_procs(before);
}

TEST_F(Sleep, UntilAnotherClocksTimePoint) {
  on_goroutine([] {
    const auto due = std::chrono::steady_clock::now() + 3ms;
    goro::sleep_until(due);
    EXPECT_GE(std::chrono::steady_clock::now(), due);
    const auto wall = std::chrono::system_clock::now() + 3ms;
    goro::sleep_until(wall);
    EXPECT_GE(std::chrono::system_clock::now(), wall - 1ms);  // a wall clock may be set while we sleep
  });
}

TEST_F(Sleep, TakesAnyDuration) {
  on_goroutine([] {
    const auto start = clock::now();
    goro::sleep_for(std::chrono::duration<double>(0.002));
    EXPECT_GE(clock::now() - start, 2ms);
    goro::sleep_for(std::chrono::duration<int, std::micro>(5));
  });
}

TEST_F(Sleep, TM10_TheLongestSleepsDoNotEndAndHarmNobody) {
  // They cannot be woken, so they are daemons that stay until the program ends.
  std::atomic<int> ended{0};
  goro::go({.name = "sleeps for ever", .daemon = true}, [&ended] {
    goro::sleep_for(goro::duration::max());
    ++ended;
  });
  goro::go({.name = "sleeps for hours", .daemon = true}, [&ended] {
    goro::sleep_for(std::chrono::hours::max());
    ++ended;
  });
  goro::go({.name = "sleeps until the end", .daemon = true}, [&ended] {
    goro::sleep_until(clock::time_point::max());
    ++ended;
  });
  on_goroutine([] {
    const auto start = clock::now();
    goro::sleep_for(5ms);
    EXPECT_GE(clock::now() - start, 5ms);
  });
  EXPECT_EQ(ended, 0);
}

}  // namespace
