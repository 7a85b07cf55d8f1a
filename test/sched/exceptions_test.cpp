// SPDX-License-Identifier: MIT
// The C++ runtime keeps the exceptions in flight for each thread; goro must keep them for each goroutine.
// Each test parks with one in flight and comes back in another thread.
#include "sched/in_flight.hpp"
#include "sched/on_goroutine.hpp"
#include "support/at_procs.hpp"

#include <goro/goro.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <exception>
#include <stdexcept>

namespace {

using namespace std::chrono_literals;
using goro_test::at_exit;
using goro_test::message;
using goro_test::migrate;
using goro_test::on_goroutine;
using goro_test::procs_for_now;

// errno's address is the thread's, and its accessor is declared const: a compiler may keep it over a park. So
// each access goes through a call that it cannot look through (the empty asm), as user code has to do, too.
[[gnu::noinline]] int read_errno() {
  asm volatile("" ::: "memory");
  return errno;
}
[[gnu::noinline]] void write_errno(int value) {
  asm volatile("" ::: "memory");
  errno = value;
}

class Exceptions : public testing::Test {
 protected:
  goro_test::hang_guard guard_{"Exceptions"};
  procs_for_now procs_{4};
};

TEST_F(Exceptions, ParkInsideACatchBlockGoesOnInAnotherThread) {
  on_goroutine([] {
    bool caught = false;
    try {
      throw std::runtime_error("mine");
    } catch (const std::runtime_error& e) {
      ASSERT_TRUE(migrate());
      EXPECT_EQ(message(std::current_exception()), "mine");
      EXPECT_STREQ(e.what(), "mine");
      EXPECT_EQ(std::uncaught_exceptions(), 0);
      caught = true;
    }
    EXPECT_TRUE(caught);
    EXPECT_FALSE(std::current_exception());
  });
}

TEST_F(Exceptions, RethrowAfterAParkInsideACatchBlock) {
  on_goroutine([] {
    try {
      try {
        throw std::runtime_error("again");
      } catch (...) {
        ASSERT_TRUE(migrate());
        throw;
      }
    } catch (const std::runtime_error& e) {
      EXPECT_STREQ(e.what(), "again");
    }
    EXPECT_FALSE(std::current_exception());
  });
}

TEST_F(Exceptions, TheThreadThatIsLeftHasNoExceptionOfOurs) {
  const procs_for_now one(1);
  on_goroutine([] {
    try {
      throw std::runtime_error("mine");
    } catch (...) {
      std::exception_ptr seen;
      int uncaught = -1;
      goro::wait_group other;
      other.go([&] {  // runs in this thread while the caller is parked inside its catch block
        seen = std::current_exception();
        uncaught = std::uncaught_exceptions();
      });
      other.wait();
      EXPECT_EQ(message(seen), "(none)");
      EXPECT_EQ(uncaught, 0);
      EXPECT_EQ(message(std::current_exception()), "mine");
    }
  });
}

TEST_F(Exceptions, ParkInADestructorDuringUnwindingGoesOnInAnotherThread) {
  on_goroutine([] {
    bool ran = false;
    try {
      const at_exit parks{[&] {
        EXPECT_EQ(std::uncaught_exceptions(), 1);
        EXPECT_TRUE(migrate());
        EXPECT_EQ(std::uncaught_exceptions(), 1);
        ran = true;
      }};
      throw std::runtime_error("unwinds");
    } catch (const std::runtime_error& e) {
      EXPECT_STREQ(e.what(), "unwinds");
      EXPECT_EQ(std::uncaught_exceptions(), 0);
    }
    EXPECT_TRUE(ran);
    EXPECT_EQ(std::uncaught_exceptions(), 0);
  });
}

TEST_F(Exceptions, ThrowAndCatchInsideAParkingDestructorDuringUnwinding) {
  on_goroutine([] {
    try {
      const at_exit parks{[] {
        try {
          ASSERT_TRUE(migrate());
          throw std::logic_error("inner");
        } catch (const std::logic_error& e) {
          EXPECT_TRUE(migrate());
          EXPECT_STREQ(e.what(), "inner");
          EXPECT_EQ(message(std::current_exception()), "inner");
          EXPECT_EQ(std::uncaught_exceptions(), 1);
        }
      }};
      throw std::runtime_error("outer");
    } catch (const std::runtime_error& e) {
      EXPECT_STREQ(e.what(), "outer");
    }
  });
}

TEST_F(Exceptions, AGoroutineStartedWhileItsCreatorUnwindsSeesNone) {
  on_goroutine([] {
    for (const bool wait : {false, true}) {
      std::atomic<int> in_child{-1};
      std::atomic<bool> child_has_one{true};
      goro::wait_group child;
      try {
        const at_exit starts{[&] {
          EXPECT_EQ(std::uncaught_exceptions(), 1);
          child.go([&] {
            in_child = std::uncaught_exceptions();
            child_has_one = static_cast<bool>(std::current_exception());
          });
          if (wait) child.wait();
          EXPECT_EQ(std::uncaught_exceptions(), 1);
        }};
        throw std::runtime_error("unwinds");
      } catch (const std::runtime_error&) {
      }
      child.wait();
      EXPECT_EQ(in_child, 0);
      EXPECT_FALSE(child_has_one);
      EXPECT_EQ(std::uncaught_exceptions(), 0);
    }
  });
}

TEST_F(Exceptions, AGoroutineEndsWhileAnotherUnwinds) {
  const procs_for_now one(1);
  on_goroutine([] {
    try {
      const at_exit waits{[] {
        goro::wait_group child;
        for (int i = 0; i != 3; ++i)
          child.go([] {
            try {
              throw 42;
            } catch (int) {
              goro::yield();
            }
          });
        child.wait();
        EXPECT_EQ(std::uncaught_exceptions(), 1);
      }};
      throw std::runtime_error("unwinds");
    } catch (const std::runtime_error&) {
    }
    EXPECT_EQ(std::uncaught_exceptions(), 0);
  });
}

TEST_F(Exceptions, APlainThreadMayWaitInsideACatchBlock) {
  const auto c = goro::make_chan<int>();
  goro::go([c] {
    goro::sleep_for(1ms);
    c.send(1);
  });
  try {
    throw std::runtime_error("plain");
  } catch (...) {
    (void)c.recv();
    EXPECT_EQ(message(std::current_exception()), "plain");
  }
}

TEST_F(Exceptions, ErrnoIsKeptAcrossAPark) {
  on_goroutine([] {
    for (int i = 1; i != 6; ++i) {
      write_errno(100 + i);
      ASSERT_TRUE(migrate());
      EXPECT_EQ(read_errno(), 100 + i);
    }
  });
}

TEST_F(Exceptions, ErrnoIsKeptWhileOthersChangeIt) {
  const procs_for_now one(1);
  goro::wait_group all;
  for (int me = 1; me != 20; ++me) {
    all.go([me] {
      for (int i = 0; i != 200; ++i) {
        write_errno(me);
        if (i % 2 == 0)
          goro::yield();
        else
          goro::sleep_for(std::chrono::nanoseconds(100));
        ASSERT_EQ(read_errno(), me);
      }
    });
  }
  all.wait();
}

}  // namespace
