// SPDX-License-Identifier: MIT
// WaitGroup: add before the goroutine starts, or let go() do it.
//
// The bug is an add inside the goroutine: wait may look at the count before any of them has run. Nothing can
// tell that wait from a right one. Two of its forms can be seen, and throw: an add from zero while a wait is
// just being ended, and a wait that finds the group in use again. Whether the first is seen is a matter of
// timing, so the program tries a while and prints how often; the second is brought about with one P.
#include "guide.hpp"

#include <atomic>
#include <chrono>
#include <stdexcept>
#include <string>
#include <thread>

namespace {

constexpr int workers = 3;

// BUG: nobody is counted yet when wait looks. Gives back how many had ended when it returned.
int add_inside() {
  goro::wait_group late, really;
  std::atomic<int> ended{0};
  for (int id = 0; id != workers; ++id)
    really.go([&] {
      try {
        late.add();  // too late
      } catch (const std::logic_error&) {
        return;  // and seen, this time
      }
      ++ended;
      late.done();
    });
  try {
    late.wait();
  } catch (const std::logic_error&) {
  }
  const int at_return = ended;
  really.wait();
  return at_return;
}

int add_before() {
  goro::wait_group wg;
  std::atomic<int> ended{0};
  for (int id = 0; id != workers; ++id) {
    wg.add();  // before starting the goroutine
    goro::go([&] {
      ++ended;
      wg.done();
    });
  }
  wg.wait();
  return ended;
}

int add_by_go() {
  goro::wait_group wg;
  std::atomic<int> ended{0};
  for (int id = 0; id != workers; ++id) wg.go([&] { ++ended; });
  wg.wait();
  return ended;
}

struct misuse {
  int adds_refused = 0;
  int waits_told = 0;
  std::string words;  // of an add that was refused
};

// Many goroutines wait, so that it takes the last done a while to wake them; and meanwhile another thread
// adds, and takes it back, again and again. While somebody else is counted that is in order.
void add_beside_the_last_done(misuse& seen) {
  constexpr int waiting = 1000;
  goro::wait_group group, waiters;
  std::atomic<int> arrived{0}, told{0};
  group.add();
  for (int i = 0; i != waiting; ++i)
    waiters.go([&] {
      ++arrived;
      try {
        group.wait();
      } catch (const std::logic_error&) {
        ++told;
      }
    });
  while (arrived != waiting) goro::yield();

  std::atomic<bool> adding{false}, over{false};
  std::thread late([&] {
    try {
      for (adding = true; !over;) {
        group.add();
        group.done();
      }
    } catch (const std::logic_error& e) {
      ++seen.adds_refused;
      seen.words = e.what();
    }
  });
  while (!adding) std::this_thread::yield();
  group.done();
  over = true;
  goro::blocking([&] { late.join(); });
  waiters.wait();
  seen.waits_told += told;
}

// With one P the waiter that done() wakes has not run yet when the same goroutine adds again. Gives back what
// it says.
std::string use_again_too_early() {
  const int before = goro::set_max_procs(1);
  std::string words;
  for (int i = 0; i != 1000 && words.empty(); ++i) {
    goro::wait_group group, waiter;
    group.add();
    waiter.go([&] {
      try {
        group.wait();
      } catch (const std::logic_error& e) {
        words = e.what();
      }
    });
    goro::yield();  // it waits now, as a rule
    group.done();
    group.add();  // BUG: the wait has not returned
    (void)waiter.wait_for(std::chrono::milliseconds(100));  // if it had not begun, it waits for the second add
    group.done();
    waiter.wait();
  }
  goro::set_max_procs(before);
  return words;
}

}  // namespace

int main() {
  return goro::run([] {
    guide::outcome outcome;

    const int inside = add_inside();
    const int before = add_before();
    const int by_go = add_by_go();
    std::printf(
        "when wait returned, of %d: add inside the goroutine: %d had ended; before it: %d; wg.go: %d\n",
        workers, inside, before, by_go);

    misuse seen;
    const guide::stopwatch watch;
    int rounds = 0;
    for (; seen.adds_refused == 0 && watch.ms() < 300; ++rounds) add_beside_the_last_done(seen);
    std::printf("an add beside the last done, %d times: %d adds refused, %d waits told\n", rounds,
                seen.adds_refused, seen.waits_told);
    if (!seen.words.empty()) std::printf("  | %s\n", seen.words.c_str());

    const std::string reused = use_again_too_early();
    std::printf("an add before the wait had returned:\n  | %s\n", reused.c_str());

    outcome.expect(before == workers, "with add before the goroutine, wait waits for all");
    outcome.expect(by_go == workers, "and so with go()");
    outcome.expect(seen.words.empty() || seen.words.find("wait_group::add") != std::string::npos,
                   "the misuse names its call");
    outcome.expect(reused.find("reused") != std::string::npos,
                   "a group that is used again too early says so");
    return outcome.verdict("what is counted before it starts is waited for");
  });
}
