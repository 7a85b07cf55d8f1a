// SPDX-License-Identifier: MIT
#include "support/at_procs.hpp"
#include "support/eventually.hpp"

#include <goro/goro.hpp>

#include <gtest/gtest.h>

#include <execinfo.h>
#include <signal.h>
#include <sys/time.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdint>

namespace {

using goro_test::eventually;

std::atomic<std::uint64_t> ticks{0};
std::atomic<std::uint64_t> long_stacks{0};

void on_tick(int) {
  const int saved = errno;
  void* at[64];
  const int n = ::backtrace(at, 64);  // an unwinder in the midst of a switch must not crash or run wild
  if (n == 64) long_stacks.fetch_add(1, std::memory_order_relaxed);
  ticks.fetch_add(1, std::memory_order_relaxed);
  errno = saved;
}

// A handler and a timer, put back as they were.
class profiling {
 public:
  explicit profiling(long microseconds) {
    void* at[4];
    (void)::backtrace(at, 4);  // loads the unwinder's library now, not inside a handler
    struct sigaction act {};
    act.sa_handler = on_tick;
    act.sa_flags = SA_RESTART;
    ::sigaction(SIGPROF, &act, &old_);
    const itimerval every{{0, microseconds}, {0, microseconds}};
    ::setitimer(ITIMER_PROF, &every, nullptr);
  }
  ~profiling() {
    const itimerval off{};
    ::setitimer(ITIMER_PROF, &off, nullptr);
    ::usleep(20'000);  // what is on its way arrives
    ::sigaction(SIGPROF, &old_, nullptr);
  }

 private:
  struct sigaction old_ {};
};

class SignalsStress : public goro_test::AtProcs {};
GORO_AT_PROCS(SignalsStress);

TEST_P(SignalsStress, SigprofAt10KHzDuringSwitchHeavyLoad) {
  ticks = 0;
  long_stacks = 0;
  {
    const profiling on(100);
    goro::wait_group all;
    std::atomic<bool> stop{false};
    for (int i = 0; i != 8; ++i) {
      const auto c = goro::make_chan<int>();
      all.go([c] {
        while (c.recv()) {
        }
      });
      all.go([c, &stop] {
        while (!stop) {
          c.send(1);
          goro::yield();
        }
        c.close();
      });
    }
    all.go([&] {
      while (!stop) {
        try {
          throw 1;
        } catch (int) {
          goro::yield();
        }
      }
    });
    goro::sleep_for(std::chrono::milliseconds(goro_test::scaled(300)));
    EXPECT_TRUE(eventually([] { return ticks != 0; }));  // they come by the CPU's time, not the clock's
    stop = true;
    all.wait();
  }
  EXPECT_EQ(long_stacks, 0u) << "of " << ticks << " stacks";
}

}  // namespace
