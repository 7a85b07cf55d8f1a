// SPDX-License-Identifier: MIT
// Small tools of the scheduler's tests: run a body in a goroutine, know the thread, and change it.
#pragma once

#include <goro/goro.hpp>

#include <sys/types.h>
#include <unistd.h>

#include <atomic>
#include <thread>
#include <utility>

namespace goro_test {

// Runs `body` in a goroutine and waits for it here. Its exception comes out here.
template <class F>
void on_goroutine(F body) {
  goro::async(std::move(body)).get();
}

// A system call each time: nothing that a compiler could keep over a switch.
[[gnu::noinline]] inline pid_t this_thread_id() { return ::gettid(); }

// Parks the calling goroutine until it has come back in another thread than the one it was called in.
// Needs two Ps. A helper spins in one thread while the caller runs in another, so the two are known to be
// apart; then the caller parks, and the helper wakes it and parks itself: its thread is left to the caller.
// False: it did not happen in `tries` rounds.
[[nodiscard]] inline bool migrate(int tries = 2000) {
  const pid_t before = this_thread_id();
  for (int i = 0; i != tries; ++i) {
    std::atomic<int> stage{0};
    const auto wake = goro::make_chan<int>();
    const auto release = goro::make_chan<int>();
    goro::go([&stage, wake, release] {
      stage = 1;
      while (stage != 2) std::this_thread::yield();
      wake.send(0);
      (void)release.recv();
    });
    while (stage != 1) goro::yield();
    stage = 2;
    (void)wake.recv();
    const bool moved = this_thread_id() != before;
    release.close();
    if (moved) return true;
  }
  return false;
}

// Sets max_procs for a scope.
class procs_for_now {
 public:
  explicit procs_for_now(int n) : before_(goro::set_max_procs(n)) {}
  ~procs_for_now() { goro::set_max_procs(before_); }
  procs_for_now(const procs_for_now&) = delete;
  procs_for_now& operator=(const procs_for_now&) = delete;

 private:
  const int before_;
};

}  // namespace goro_test
