// SPDX-License-Identifier: MIT
// Holding parked goroutines against those who wake them: nobody runs while held, nobody is lost.
#include "sched/hold.hpp"

#include <goro/goro.hpp>

#include "base/fence.hpp"
#include "sched/goroutines.hpp"
#include "sched/park.hpp"
#include "support/at_procs.hpp"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <cstdio>
#include <thread>
#include <vector>

namespace {

using namespace goro::detail;

class HoldStress : public goro_test::AtProcs {};
GORO_AT_PROCS(HoldStress);

// A goroutine that parks again and again, and looks whether it was let go while somebody held it.
struct sleeper {
  std::atomic<goroutine*> g{nullptr};
  std::atomic<bool> held{false};
  int rounds = 0;
  int caught = 0;
};

TEST_P(HoldStress, NobodyRunsWhileHeldAndEveryWakeUpArrives) {
  constexpr int count = 8;
  const int rounds = goro_test::scaled(8'000);
  std::array<sleeper, count> sleepers;
  std::atomic<bool> stop{false};
  std::atomic<bool> begun_at_all{false};
  goro::wait_group all;
  for (sleeper& s : sleepers) {
    all.add(2);
    goro::go([&s, &all, &begun_at_all, rounds] {
      while (!begun_at_all) goro::yield();
      const task self = task::current();
      for (int i = 0; i != rounds; ++i) {
        s.g.store(self.as_goroutine(), std::memory_order_release);
        park(self, wait_reason::cond, &s);
        if (s.held.load(std::memory_order_relaxed)) ++s.caught;
        ++s.rounds;
      }
      all.done();
    });
    goro::go([&s, &all, rounds] {
      for (int i = 0; i != rounds; ++i) {
        goroutine* g;
        while ((g = s.g.exchange(nullptr, std::memory_order_acquire)) == nullptr) goro::yield();
        ready(task(g));
      }
      all.done();
    });
  }
  std::uint64_t holds = 0;
  std::uint64_t let_go = 0;
  std::thread holder([&] {
    do {
      begun_at_all = true;
      const spin_guard hold(walk_lock);
      std::vector<goroutine*> begun;
      for (std::size_t i = 0; i != block_count(); ++i)
        if (begin_hold(block_at(i))) begun.push_back(block_at(i));
      heavy_fence();
      for (goroutine* const g : begun) {
        if (!confirm_hold(g)) {
          ++let_go;
          continue;
        }
        ++holds;
        for (sleeper& s : sleepers)
          if (g->waits_on.load(std::memory_order_relaxed) == &s) {
            s.held.store(true, std::memory_order_relaxed);
            for (int i = 0; i != 20; ++i) spin_wait(1);
            s.held.store(false, std::memory_order_relaxed);
          }
        end_hold(g);
      }
    } while (!stop.load(std::memory_order_relaxed));
  });
  all.wait();
  stop = true;
  holder.join();
  for (const sleeper& s : sleepers) {
    EXPECT_EQ(s.rounds, rounds);
    EXPECT_EQ(s.caught, 0) << "it ran while it was held";
  }
  std::printf("  %llu holds, %llu let go\n", static_cast<unsigned long long>(holds),
              static_cast<unsigned long long>(let_go));
}

}  // namespace
