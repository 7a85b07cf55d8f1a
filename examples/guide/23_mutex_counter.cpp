// SPDX-License-Identifier: MIT
// Mutex: a counter that many goroutines may increment, and what it counts without the lock.
//
// To count is to load, to add and to store; two that load the same number count one between them. The
// unguarded counter does these steps by relaxed atomics: each is whole, so nothing here is undefined, and
// only the count is wrong. On one CPU it may come out right all the same: what is seen is printed, and proves
// nothing.
#include "guide.hpp"

#include <atomic>
#include <map>
#include <mutex>
#include <string>

namespace {

constexpr int goroutines = 8;
constexpr int times = 100'000;
constexpr int all = goroutines * times;

class safe_counter {
 public:
  void inc(const std::string& key) {
    const std::lock_guard hold(mu_);
    ++v_[key];
  }
  int value(const std::string& key) {
    const std::lock_guard hold(mu_);
    return v_[key];
  }

 private:
  goro::mutex mu_;
  std::map<std::string, int> v_;
};

// Calls f as often as is to be counted, from all goroutines.
template <class F>
void count_by_all(F f) {
  goro::wait_group group;
  for (int g = 0; g != goroutines; ++g)
    group.go([&f] {
      for (int i = 0; i != times; ++i) f();
    });
  group.wait();
}

// BUG: what comes between its load and its store is overwritten.
int count_unguarded() {
  std::atomic<int> n{0};
  count_by_all([&n] { n.store(n.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed); });
  return n;
}

}  // namespace

int main() {
  return goro::run([] {
    guide::outcome outcome;

    int unguarded = all;
    for (int round = 0; round != 50 && unguarded == all; ++round) unguarded = count_unguarded();

    safe_counter counter;
    count_by_all([&counter] { counter.inc("hits"); });

    std::printf("%d goroutines counted to %d each: without a lock %d (%d lost), with the mutex %d\n",
                goroutines, times, unguarded, all - unguarded, counter.value("hits"));
    outcome.expect(unguarded <= all, "the unguarded counter does not invent any");
    outcome.expect(counter.value("hits") == all, "the mutex loses none");
    return outcome.verdict("what the mutex guards is counted exactly");
  });
}
