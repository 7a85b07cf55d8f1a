// SPDX-License-Identifier: MIT
#include "sched/on_goroutine.hpp"
#include "support/at_procs.hpp"
#include "support/eventually.hpp"

#include <goro/goro.hpp>

#include <gtest/gtest.h>

#include <sys/resource.h>
#include <sys/stat.h>

#include <atomic>
#include <chrono>
#include <set>
#include <string>
#include <thread>

namespace {

using namespace std::chrono_literals;
using goro_test::eventually;
using goro_test::on_goroutine;
using goro_test::procs_for_now;
using goro_test::this_thread_id;

bool thread_exists(pid_t tid) {
  struct stat unused;
  return ::stat(("/proc/self/task/" + std::to_string(tid)).c_str(), &unused) == 0;
}

// The threads on which n goroutines, all alive at once, run.
std::set<pid_t> threads_used(int n) {
  const auto out = goro::make_chan<pid_t>();
  for (int i = 0; i != n; ++i) {
    goro::go([out] {
      goro::yield();
      const pid_t here = goro::blocking([] {
        std::this_thread::sleep_for(1ms);
        return this_thread_id();
      });
      out.send(here);
      out.send(this_thread_id());
    });
  }
  std::set<pid_t> all;
  for (int i = 0; i != 2 * n; ++i) all.insert(out.recv().value());
  return all;
}

class LockedThread : public testing::Test {
 protected:
  void SetUp() override { before_ = goro_test::settled_goroutines(); }
  void TearDown() override {
    EXPECT_TRUE(eventually([&] { return goro::num_goroutine() == before_; })) << goro::num_goroutine();
  }
  goro_test::hang_guard guard_{"LockedThread"};
  std::size_t before_ = 0;
};

TEST_F(LockedThread, SC02_YieldsSleepsAndEndsWithoutUnlock) {
  for (const int p : {1, 2}) {
    const procs_for_now procs(p);
    on_goroutine([] {
      goro::lock_os_thread();
      for (int i = 0; i != 10; ++i) {
        goro::yield();
        goro::sleep_for(1ms);
      }
    });
    on_goroutine([] {});
  }
}

TEST_F(LockedThread, SC03_LockedSenderMeetsUnlockedReceiver) {
  for (const int p : {1, 2}) {
    const procs_for_now procs(p);
    const auto c = goro::make_chan<int>();
    goro::go([c] {
      goro::lock_os_thread();
      for (int i = 0; i != 10; ++i) c.send(i);
    });
    on_goroutine([c] {
      for (int i = 0; i != 10; ++i) EXPECT_EQ(c.recv(), i);
    });
  }
}

TEST_F(LockedThread, StaysOnItsThreadAndIsAloneThere) {
  const procs_for_now procs(2);
  const auto held = goro::make_chan<pid_t>();
  const auto leave = goro::make_chan<int>();
  const auto left = goro::make_chan<int>();
  goro::go([=] {
    goro::lock_os_thread();
    const pid_t mine = this_thread_id();
    for (int i = 0; i != 20; ++i) {
      goro::yield();
      EXPECT_EQ(this_thread_id(), mine);
      goro::sleep_for(200us);
      EXPECT_EQ(this_thread_id(), mine);
    }
    held.send(mine);
    EXPECT_EQ(this_thread_id(), mine);
    (void)leave.recv();
    EXPECT_EQ(this_thread_id(), mine);
    goro::unlock_os_thread();
    left.close();
  });
  const pid_t locked = held.recv().value();
  EXPECT_EQ(threads_used(50).count(locked), 0u) << "another goroutine ran on the locked thread";
  leave.close();
  (void)left.recv();
}

TEST_F(LockedThread, SC19_TwoLocksNeedTwoUnlocks) {
  const procs_for_now procs(2);
  const auto once_unlocked = goro::make_chan<pid_t>();
  const auto leave = goro::make_chan<int>();
  const auto left = goro::make_chan<int>();
  goro::go([=] {
    goro::lock_os_thread();
    goro::lock_os_thread();
    goro::unlock_os_thread();
    const pid_t mine = this_thread_id();
    once_unlocked.send(mine);
    (void)leave.recv();
    EXPECT_EQ(this_thread_id(), mine);
    goro::unlock_os_thread();
    EXPECT_TRUE(goro_test::migrate()) << "still locked after the second unlock";
    left.close();
  });
  const pid_t locked = once_unlocked.recv().value();
  EXPECT_EQ(threads_used(50).count(locked), 0u) << "unlocked by the first of two unlocks";
  leave.close();
  (void)left.recv();
}

TEST_F(LockedThread, UnlockWithoutLockIsHarmless) {
  on_goroutine([] {
    goro::unlock_os_thread();
    goro::yield();
  });
}

TEST_F(LockedThread, SC20_AThreadWhoseGoroutineEndsLockedIsDestroyed) {
  const procs_for_now procs(2);
  pid_t tid = 0;
  on_goroutine([&] {
    goro::lock_os_thread();
    tid = this_thread_id();
  });
  EXPECT_TRUE(eventually([&] { return !thread_exists(tid); })) << "thread " << tid << " lives on";
  on_goroutine([] {});
}

TEST_F(LockedThread, SC20_ATaintedThreadIsNotReusedThroughAHandOff) {
  const procs_for_now procs(1);
  pid_t tid = 0;
  on_goroutine([&] {
    goro::lock_os_thread();
    tid = this_thread_id();
    goro::blocking([] { std::this_thread::sleep_for(2ms); });  // the P goes to another thread meanwhile
  });
  EXPECT_EQ(threads_used(20).count(tid), 0u);
  EXPECT_TRUE(eventually([&] { return !thread_exists(tid); }));
}

// Where a goroutine ends the next one often begins at once, on the same thread. Not on one that ends with it: there
// it could bind itself, and would be gone with the thread, and a P with it.
TEST_F(LockedThread, SC20_NobodyIsTakenUpOnAThreadThatEnds) {
  struct thread_mark {
    [[gnu::noinline]] static bool& here() {
      thread_local bool bound_before = false;
      asm volatile("" ::: "memory");
      return bound_before;
    }
  };
  for (const int p : {1, 2, 4}) {
    const procs_for_now procs(p);
    std::atomic<int> wrong{0};
    for (int round = 0; round != 30; ++round) {
      goro::wait_group all;
      for (int i = 0; i != 20; ++i)
        all.go([&] {
          if (thread_mark::here()) ++wrong;
          goro::lock_os_thread();
          thread_mark::here() = true;
          goro::yield();
        });
      all.wait();
    }
    EXPECT_EQ(wrong.load(), 0) << "P=" << p;
  }
}

TEST_F(LockedThread, SC21_AMainThatLocksFirstKeepsItsThread) {
  const int status = goro::run([] {
    goro::lock_os_thread();
    const pid_t mine = this_thread_id();
    const auto others = threads_used(20);
    EXPECT_EQ(others.count(mine), 0u);
    EXPECT_EQ(this_thread_id(), mine);
    goro::unlock_os_thread();
    return 5;
  });
  EXPECT_EQ(status, 5);
}

TEST_F(LockedThread, SC22_NewThreadsDoNotInheritFromATaintedOne) {
  // A niceness belongs to one thread on Linux and is inherited by the threads that it starts.
  const procs_for_now procs(2);
  const int plain = ::getpriority(PRIO_PROCESS, 0);
  if (plain >= 19) GTEST_SKIP() << "niceness is at its end already";
  std::atomic<int> wrong{0};
  std::atomic<int> refused{0};
  on_goroutine([&] {
    goro::lock_os_thread();
    if (::setpriority(PRIO_PROCESS, static_cast<id_t>(this_thread_id()), plain + 1) != 0) ++refused;
    goro::wait_group all;
    for (int i = 0; i != 40; ++i) {  // many at once in the kernel: threads must be made
      all.go([&] {
        goro::blocking([&] {
          if (::getpriority(PRIO_PROCESS, static_cast<id_t>(this_thread_id())) != plain) ++wrong;
          std::this_thread::sleep_for(5ms);
        });
      });
    }
    all.wait();
  });
  ASSERT_EQ(refused, 0);
  EXPECT_EQ(wrong, 0) << "threads inherited the locked thread's niceness";
}

TEST_F(LockedThread, FromAPlainThreadItIsHarmless) {
  goro::lock_os_thread();
  on_goroutine([] {});
  goro::unlock_os_thread();
}

}  // namespace
