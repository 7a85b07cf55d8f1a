// SPDX-License-Identifier: MIT
// Calls that sleep in the kernel, announced and not: the P goes on without them.
#include "sched/introspect.hpp"

#include "sched/on_goroutine.hpp"
#include "support/at_procs.hpp"
#include "support/child.hpp"
#include "support/eventually.hpp"

#include <goro/goro.hpp>

#include <gtest/gtest.h>

#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <type_traits>

namespace {

using namespace std::chrono_literals;
using goro_test::eventually;
using goro_test::on_goroutine;
using goro_test::procs_for_now;

std::string program(const char* name) { return std::string(GORO_DEATH_DIR) + "/" + name; }

// Straight to the kernel; goes on when a signal cuts it short.
void kernel_sleep(std::chrono::nanoseconds d) {
  timespec left{d.count() / 1'000'000'000, d.count() % 1'000'000'000};
  while (::nanosleep(&left, &left) != 0 && errno == EINTR) {
  }
}

class Blocking : public testing::Test {
 protected:
  void SetUp() override { before_ = goro_test::settled_goroutines(); }
  void TearDown() override {
    EXPECT_TRUE(eventually([&] { return goro::num_goroutine() == before_; })) << goro::num_goroutine();
  }
  goro_test::hang_guard guard_{"Blocking"};
  std::size_t before_ = 0;
};

TEST_F(Blocking, GivesTheFunctionsResult) {
  on_goroutine([] {
    EXPECT_EQ(goro::blocking([] { return 42; }), 42);
    static_assert(std::is_void_v<decltype(goro::blocking([] {}))>);
    int value = 1;
    int& r = goro::blocking([&]() -> int& { return value; });
    EXPECT_EQ(&r, &value);
    EXPECT_EQ(*goro::blocking([] { return std::make_unique<int>(3); }), 3);
  });
  EXPECT_EQ(goro::blocking([] { return 7; }), 7) << "from a plain thread";
}

TEST_F(Blocking, LetsAnExceptionThroughAndIsItselfAgain) {
  on_goroutine([] {
    for (int i = 0; i != 10; ++i)
      EXPECT_THROW(goro::blocking([] {
                     kernel_sleep(200us);
                     throw std::runtime_error("inside");
                   }),
                   std::runtime_error);
    goro::yield();
    EXPECT_EQ(goro::blocking([] { return 1; }), 1);
  });
}

TEST_F(Blocking, AnyOperationMayBeCalledInside) {
  const procs_for_now one(1);
  on_goroutine([] {
    const auto c = goro::make_chan<int>();
    const auto back = goro::make_chan<int>();
    goro::go([=] { back.send(c.recv().value() + 1); });
    const int got = goro::blocking([&] {
      kernel_sleep(1ms);
      c.send(41);
      goro::yield();
      goro::sleep_for(1ms);
      goro::blocking([] { kernel_sleep(100us); });
      goro::select(goro::timeout(1ms));
      return back.recv().value();
    });
    EXPECT_EQ(got, 42);
    goro::yield();
  });
}

// The call ends when the test has seen another goroutine run: on the only P, or never.
void while_one_is_in_the_kernel(bool announced) {
  const procs_for_now one(1);
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  std::atomic<bool> enters{false};
  goro::wait_group reader;
  reader.go([&] {
    char c = 0;
    const auto read_one = [&] { return ::read(ends[0], &c, 1); };
    enters = true;
    EXPECT_EQ(announced ? goro::blocking(read_one) : read_one(), 1);
  });
  while (!enters) std::this_thread::yield();
  on_goroutine([] {});
  EXPECT_EQ(::write(ends[1], "x", 1), 1);
  reader.wait();
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST_F(Blocking, SC36_TheOnlyPIsTakenFromAnAnnouncedCall) { while_one_is_in_the_kernel(true); }
TEST_F(Blocking, SC36_TheOnlyPIsTakenFromAnUnannouncedCall) { while_one_is_in_the_kernel(false); }

TEST_F(Blocking, SC36_AHandOffIsCounted) {
  const procs_for_now one(1);
  const auto before = goro::detail::counters();
  // Once, unless the machine stops the reader for a slice before it blocks: then it counts as a hog.
  EXPECT_TRUE(eventually([&] {
    while_one_is_in_the_kernel(true);
    return goro::detail::counters().handoffs > before.handoffs;
  }));
}

TEST_F(Blocking, SC36_APipeReadThatNobodyAnnouncedLetsItsWriterRun) {
  const procs_for_now one(1);
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  on_goroutine([&] {
    goro::wait_group writer;
    writer.go([&] { EXPECT_EQ(::write(ends[1], "x", 1), 1); });
    char c = 0;
    EXPECT_EQ(::read(ends[0], &c, 1), 1);  // on the only P, before the writer has run
    EXPECT_EQ(c, 'x');
    writer.wait();
  });
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST_F(Blocking, AStdMutexHeldAcrossAParkDoesNotStopTheOthers) {
  // Its user's mistake, but blocking in a futex is only blocking: the holder gets a P and goes on.
  for (const int p : {1, 2}) {
    const procs_for_now procs(p);
    std::mutex m;
    std::atomic<int> entered{0};
    goro::wait_group all;
    // Unlocking must happen on the thread that locked it, so the holder is locked to its thread.
    all.go([&] {
      goro::lock_os_thread();
      {
        const std::lock_guard held(m);
        goro::sleep_for(20ms);
      }
      goro::unlock_os_thread();
    });
    for (int i = 0; i != 4; ++i) {
      all.go([&] {
        const std::lock_guard held(m);
        ++entered;
      });
    }
    all.wait();
    EXPECT_EQ(entered, 4);
  }
}

TEST_F(Blocking, SC15_SleepersOfManyLengthsNoticeAStopFlag) {
  const procs_for_now two(2);
  for (const auto length : {10us, 100us, 1000us}) {
    std::atomic<bool> stop{false};
    std::atomic<int> calls{0};
    goro::wait_group all;
    for (int i = 0; i != 8; ++i) {
      all.go([&] {
        while (!stop) {
          ++calls;
          kernel_sleep(length);
        }
      });
    }
    on_goroutine([] { goro::sleep_for(10ms); });
    EXPECT_TRUE(eventually([&] { return calls >= 8; })) << calls;
    stop = true;
    all.wait();
  }
}

TEST(ThreadCap, SetReturnsTheOldValue) {
  const int before = goro::set_max_threads(500);
  EXPECT_EQ(goro::set_max_threads(before), 500);
  EXPECT_EQ(before, 10'000);
}

TEST(ThreadCap, LessThanOneIsRefused) {
  for (const int n : {0, -1}) {
    try {
      goro::set_max_threads(n);
      ADD_FAILURE() << n << " was taken";
    } catch (const std::logic_error& e) {
      EXPECT_NE(std::string(e.what()).find("goro: set_max_threads"), std::string::npos) << e.what();
    }
  }
}

TEST(ThreadCap, SC23_AHundredPipeReadersUnderACapOf50) {
  for (const char* how : {"announced", "unannounced"}) {
    const auto r = goro_test::run_child(program("thread_cap"), {how});
    EXPECT_EQ(r.exit_status, 0) << how << ": " << r.out << r.err;
    EXPECT_EQ(r.out, "all read\n") << how;
  }
}

TEST(ThreadCap, SC24_PastTheCapBlockingWorkWaitsItsTurn) {
  const auto r = goro_test::run_child(program("thread_cap"), {"queue"});
  EXPECT_EQ(r.exit_status, 0) << r.out << r.err;
  EXPECT_EQ(r.out, "all done\n");
}

}  // namespace
