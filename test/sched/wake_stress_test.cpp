// SPDX-License-Identifier: MIT
// Dekker's question, asked again and again: one side makes work ready and looks who sleeps, the other goes to sleep
// and looks for work. If both could miss the other's store (pairs W1 and W2 of wake.hpp, F1 of base/fence.hpp), all
// would sleep beside work, and the hang guard ends the test. docs/design/sched.md says which fences it misses when
// they are taken out.
#include "support/at_procs.hpp"

#include <goro/goro.hpp>

#include <gtest/gtest.h>

#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <random>
#include <thread>

namespace {

using goro_test::scaled;

class WakeStress : public goro_test::AtProcs {
 protected:
  // For as long as an M looks round before it sleeps, or less, so that the two sides meet in every way.
  void pause() {
    for (auto i = random_() % (1u << (8 + random_() % 7)); i != 0; --i) asm volatile("");
  }

  // A few seconds whatever the machine does: rounds stop then.
  bool in_time() const { return goro::clock::now() < until_; }

  const goro::time_point until_ = goro::clock::now() + std::chrono::seconds(3);
  std::minstd_rand random_{static_cast<unsigned>(goro_test::seed())};
};
GORO_AT_PROCS(WakeStress);

// Until `done`, without a sleep: the last M to be at work goes to rest meanwhile, and the next round meets it.
template <class Done>
void watch(Done done) {
  for (int looks = 0; !done(); ++looks)
    if (looks > 10'000) std::this_thread::yield();
}

// W1, W2 of release_and_sleep: a plain thread makes work while the M that did the last one goes to sleep.
TEST_P(WakeStress, WorkFromOutsideIsSeenByTheLastToFallAsleep) {
  const int rounds = scaled(50'000);
  std::atomic<int> ran{0};
  goro::wait_group all;
  for (int i = 1; i <= rounds && in_time(); ++i) {
    all.go([&] { ran.fetch_add(1, std::memory_order_relaxed); });
    watch([&] { return ran.load(std::memory_order_relaxed) == i; });
    pause();
  }
  all.wait();
}

// The same for a waiter that is woken from outside.
TEST_P(WakeStress, AValueFromOutsideIsSeenByTheLastToFallAsleep) {
  const int rounds = scaled(50'000);
  std::atomic<int> got{0};
  const auto ch = goro::make_chan<int>();
  goro::wait_group all;
  all.go([&] {
    while (ch.recv()) got.fetch_add(1, std::memory_order_relaxed);
  });
  for (int i = 1; i <= rounds && in_time(); ++i) {
    ch.send(i);
    watch([&] { return got.load(std::memory_order_relaxed) == i; });
    pause();
  }
  ch.close();
  all.wait();
}

// W1 of wake_for_timer: a plain thread arms the first timer while the M that would keep time goes to sleep.
TEST_P(WakeStress, ATimerFromOutsideIsSeenByTheLastToFallAsleep) {
  const int rounds = scaled(20'000);
  std::atomic<int> ran{0};
  goro::wait_group all;
  for (int i = 1; i <= rounds && in_time(); ++i) {
    all.add();
    (void)goro::after_func(std::chrono::nanoseconds(random_() % 2'000), [&] {
      ran.fetch_add(1, std::memory_order_relaxed);
      all.done();
    });
    watch([&] { return ran.load(std::memory_order_relaxed) == i; });
    pause();
  }
  all.wait();
}

// W2 of hand_off: the P of one that blocks is on its way to the idle list as work comes from outside, and that work
// is what ends the blocking.
TEST_P(WakeStress, WorkFromOutsideIsSeenWhenAPIsHandedOff) {
  const int rounds = scaled(4'000);
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  goro::wait_group all;
  for (int i = 0; i != rounds && in_time(); ++i) {
    std::atomic<bool> blocks{false};
    for (int n = 0; n != procs(); ++n)
      all.go([&] {
        char c = 0;
        goro::blocking([&] {
          blocks.store(true, std::memory_order_relaxed);
          (void)!::read(ends[0], &c, 1);
        });
      });
    watch([&] { return blocks.load(std::memory_order_relaxed); });
    for (auto turns = random_() % 64; turns != 0; --turns) pause();
    all.go([&] { (void)!::write(ends[1], "xxxxxxxxxxxxxxxx", static_cast<std::size_t>(procs())); });
    all.wait();
  }
  ::close(ends[0]);
  ::close(ends[1]);
}

// F1 of revoke.hpp: Ps are taken as fast as can be from Ms that enter and leave the runtime as fast as they can.
// Two that believe to have one P would lose goroutines, or run one twice.
TEST_P(WakeStress, APIsTakenFromThoseWhoComeAndGo) {
  const int rounds = scaled(100'000);
  std::atomic<bool> stop{false};
  std::atomic<std::int64_t> sent{0};
  std::atomic<std::int64_t> received{0};
  goro::wait_group all;
  for (int i = 0; i != 4; ++i) {
    const auto ch = goro::make_chan<int>(1);
    all.go([&, ch] {
      std::int64_t n = 0;
      for (; !stop.load(std::memory_order_relaxed); ++n) {
        ch.send(1);
        if (n % 8 == 0) goro::yield();
      }
      ch.close();
      sent += n;
    });
    all.go([&, ch] {
      std::int64_t n = 0;
      while (ch.recv()) ++n;
      received += n;
    });
  }
  for (int i = 0; i != rounds && in_time(); ++i) {
    goro::set_max_procs(1 + i % 3);
    pause();
  }
  stop = true;
  all.wait();
  goro::set_max_procs(procs());
  EXPECT_EQ(sent, received);
}

}  // namespace
