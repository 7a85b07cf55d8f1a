// SPDX-License-Identifier: MIT
// GPM scheduler, work stealing: a P that has run out of goroutines takes half of another P's queue.
//
// One goroutine starts 64 others that only compute. All of them begin in the queue of its own P; those
// that another thread ran were stolen. A program cannot see which P it is on, so threads are counted. On a
// busy machine they can be more than Ps: a P whose thread the kernel has stopped goes on in another one.
#include "guide.hpp"

#include <goro/wait_group.hpp>

#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <map>

namespace {

constexpr int goroutines = 64;
std::atomic<std::uint32_t> sink{0};

// About half a millisecond of arithmetic: a goroutine in it never gives way.
void compute(std::uint32_t x) {
  for (int i = 0; i != 200'000; ++i) {
    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
  }
  sink.fetch_xor(x, std::memory_order_relaxed);
}

std::map<pid_t, int> run_round() {
  std::array<pid_t, goroutines> ran_on{};
  goro::wait_group group;
  group.add(goroutines);
  for (std::uint32_t i = 0; i != goroutines; ++i)
    goro::go([&group, &ran_on, i] {
      ran_on[i] = gettid();
      compute(i + 1);
      group.done();
    });
  group.wait();

  std::map<pid_t, int> count;
  for (pid_t thread : ran_on) ++count[thread];
  return count;
}

}  // namespace

int main() {
  return goro::run([] {
    guide::outcome outcome;
    goro::set_max_procs(2);

    // On a machine busy with other things the kernel may keep the second thread waiting for a whole
    // round. So a round in which nobody stole is run again.
    std::map<pid_t, int> count;
    int rounds = 0;
    while (count.size() < 2 && rounds != 40) {
      count = run_round();
      ++rounds;
    }

    std::printf("64 goroutines, started by one goroutine on one of 2 Ps (round %d):\n", rounds);
    int total = 0;
    for (auto [thread, n] : count) {
      std::printf("  thread %d ran %2d\n", static_cast<int>(thread), n);
      total += n;
    }
    outcome.expect(total == goroutines && count.count(0) == 0, "each goroutine runs exactly once");
    outcome.expect(count.size() >= 2, "a second thread steals some of them");
    return outcome.verdict("the idle P stole work from the busy one");
  });
}
