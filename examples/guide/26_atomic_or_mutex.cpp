// SPDX-License-Identifier: MIT
// Atomics: for a simple counter a mutex is overkill. The same count by std::atomic and by goro::mutex.
//
// The guide says that atomics are about 10 times faster. The factor depends on the machine, and on whether
// others want the counter at the same moment: both are measured and printed, and only the counts are checked.
#include "guide.hpp"

#include <sched.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <mutex>
#include <thread>

namespace {

constexpr int all = 1'000'000;

class atomic_counter {
 public:
  void inc() { ops_.fetch_add(1); }
  int value() const { return ops_.load(); }

 private:
  std::atomic<int> ops_{0};
};

class locked_counter {
 public:
  void inc() {
    const std::lock_guard hold(mu_);
    ++ops_;
  }
  int value() {
    const std::lock_guard hold(mu_);
    return ops_;
  }

 private:
  goro::mutex mu_;
  int ops_ = 0;
};

struct figures {
  double ns = 0;      // for one count
  bool apart = true;  // they began on different CPUs
};

// The middle one of three rounds. The goroutines begin together, each in a thread of its own: who waits for
// the others here does not park. On a machine that is busy the kernel may keep both threads on one CPU all
// the same.
template <class Counter>
figures count(int goroutines, bool& exact) {
  std::array<figures, 3> rounds;
  for (figures& round : rounds) {
    Counter counter;
    std::atomic<int> missing{goroutines}, first_cpu{-1};
    goro::wait_group group;
    goro::time_point start;
    for (int g = 0; g != goroutines; ++g)
      group.go([&] {
        const goro::time_point now = goro::clock::now();
        if (--missing == 0) start = now;
        while (missing != 0) std::this_thread::yield();
        int expected = -1;
        const int cpu = sched_getcpu();
        if (!first_cpu.compare_exchange_strong(expected, cpu) && expected == cpu) round.apart = false;
        for (int i = 0; i != all / goroutines; ++i) counter.inc();
      });
    group.wait();
    round.ns = std::chrono::duration<double, std::nano>(goro::clock::now() - start).count() / all;
    if (counter.value() != all) exact = false;
  }
  std::sort(rounds.begin(), rounds.end(), [](const figures& a, const figures& b) { return a.ns < b.ns; });
  return rounds[1];
}

}  // namespace

int main() {
  return goro::run([] {
    guide::outcome outcome;
    bool exact = true;
    goro::set_max_procs(2);
    std::printf("%d counts:\n", all);
    for (const int goroutines : {1, 2}) {
      const figures by_atomic = count<atomic_counter>(goroutines, exact);
      const figures by_mutex = count<locked_counter>(goroutines, exact);
      std::printf("  by %s: atomic %5.1f ns, mutex %5.1f ns: a factor of %.1f%s\n",
                  goroutines == 1 ? "one, alone" : "two at once", by_atomic.ns, by_mutex.ns,
                  by_mutex.ns / by_atomic.ns,
                  by_atomic.apart && by_mutex.apart ? "" : " (on one CPU: the machine is busy)");
    }
    outcome.expect(exact, "either way every count is there");
    return outcome.verdict("an atomic and a mutex count the same");
  });
}
