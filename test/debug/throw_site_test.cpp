// SPDX-License-Identifier: MIT
// The handler of uncaught exceptions is told where they were thrown, although their stacks are gone by then.
#include "support/at_procs.hpp"
#include "support/eventually.hpp"

#include <goro/goro.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <exception>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace {

using goro_test::eventually;

std::atomic<int> handled{0};
std::atomic<int> without_stack{0};
std::string functions;  // of the last one; read after `handled`

void note(const goro::goroutine_info& info, std::exception_ptr) {
  functions.clear();
  for (const goro::stack_frame& f : info.stack) functions += f.function + '\n';
  if (info.stack.empty()) ++without_stack;
  ++handled;
}

[[gnu::noinline]] void throw_far_in(const char* what) { throw std::runtime_error(what); }

[[gnu::noinline]] void through_a_frame(const char* what) {
  throw_far_in(what);
  std::atomic_signal_fence(std::memory_order_seq_cst);  // no tail call
}

[[gnu::noinline]] void wait_far_in(goro::future<void> f) {
  f.get();
  std::atomic_signal_fence(std::memory_order_seq_cst);
}

[[gnu::noinline]] void fail_far_in(goro::promise<void>& p, std::exception_ptr error) {
  p.set_exception(std::move(error));
  std::atomic_signal_fence(std::memory_order_seq_cst);
}

template <class F>
[[gnu::noinline]] int call_far_in(goro::singleflight<int, int>& flights, F f) {
  const int got = flights.do_call(1, std::move(f)).value;
  std::atomic_signal_fence(std::memory_order_seq_cst);
  return got;
}

// What a destructor does while the exception is on its way.
struct busy {
  ~busy() {
    try {
      throw std::logic_error("is caught here");
    } catch (const std::logic_error&) {
    }
    for (int i = 0; i != 3; ++i) goro::yield();
  }
};

class ThrowSite : public testing::Test {
 protected:
  void SetUp() override {
    handled = 0;
    without_stack = 0;
    old_ = goro::set_uncaught_handler(note);
  }
  void TearDown() override { goro::set_uncaught_handler(old_); }
  goro_test::hang_guard guard_{"ThrowSite"};
  goro::uncaught_handler old_ = nullptr;
};

TEST_F(ThrowSite, IsKnownAfterTheStackIsGone) {
  goro::go([] {
    const busy b;
    through_a_frame("escapes");
  });
  ASSERT_TRUE(eventually([] { return handled == 1; }));
  EXPECT_EQ(functions.rfind("(anonymous namespace)::throw_far_in", 0), 0u) << "the innermost first:\n"
                                                                           << functions;
  EXPECT_NE(functions.find("through_a_frame"), std::string::npos) << functions;
  EXPECT_EQ(functions.find("__cxa"), std::string::npos) << functions;
  EXPECT_EQ(functions.find("Unwind"), std::string::npos) << functions;
}

TEST_F(ThrowSite, IsThatOfTheLastThrow) {
  goro::go([] {
    try {
      through_a_frame("for the first time");
    } catch (const std::runtime_error&) {
      throw_far_in("once more");
    }
  });
  ASSERT_TRUE(eventually([] { return handled == 1; }));
  EXPECT_NE(functions.find("throw_far_in"), std::string::npos) << functions;
  EXPECT_EQ(functions.find("through_a_frame"), std::string::npos) << functions;
}

TEST_F(ThrowSite, ACaughtExceptionLeavesNone) {
  goro::go([] {
    try {
      through_a_frame("caught");
    } catch (const std::runtime_error&) {
    }
    throw 42;
  });
  ASSERT_TRUE(eventually([] { return handled == 1; }));
  EXPECT_EQ(functions.find("throw_far_in"), std::string::npos) << functions;
}

TEST_F(ThrowSite, GoexitIsNoThrow) {
  goro::wait_group all;
  for (int i = 0; i != 100; ++i)
    all.go([] {
      const busy b;
      goro::goexit();
    });
  all.wait();
  EXPECT_EQ(handled, 0);
}

// Those who catch what escapes from a goroutine's function before the goroutine's end does.
TEST_F(ThrowSite, OfAWaitGroupsGoroutine) {
  goro::wait_group group;
  group.go([] { through_a_frame("escapes"); });
  group.wait();
  ASSERT_EQ(handled, 1);
  EXPECT_EQ(functions.rfind("(anonymous namespace)::throw_far_in", 0), 0u) << functions;
  EXPECT_NE(functions.find("through_a_frame"), std::string::npos) << functions;
}

TEST_F(ThrowSite, OfAScopesFirstFailureThatNobodyCollects) {
  {
    goro::scope s;
    s.go([] { through_a_frame("escapes"); });
  }
  ASSERT_EQ(handled, 1);
  EXPECT_NE(functions.find("throw_far_in"), std::string::npos) << functions;
  {
    goro::scope s;
    s.go([] { through_a_frame("is collected"); });
    EXPECT_THROW(s.wait(), std::runtime_error);
    s.go([] { throw 42; });
  }
  ASSERT_EQ(handled, 2);
  EXPECT_EQ(functions.find("throw_far_in"), std::string::npos) << functions;
}

TEST_F(ThrowSite, OfAnErrgroupsFirstFailureThatNobodyCollects) {
  {
    goro::errgroup tasks;
    tasks.go([] { through_a_frame("escapes"); });
  }
  ASSERT_EQ(handled, 1);
  EXPECT_NE(functions.find("throw_far_in"), std::string::npos) << functions;
  {
    goro::errgroup tasks;
    tasks.go([] { return std::make_error_code(std::errc::io_error); });
  }
  ASSERT_EQ(handled, 2);
  EXPECT_EQ(functions, "") << "a code is not thrown";
}

TEST_F(ThrowSite, OfAPoolsTask) {
  {
    goro::worker_pool pool(1, 8);
    pool.submit([] { through_a_frame("escapes"); });
    pool.submit([] {
      try {
        through_a_frame("caught");
      } catch (const std::runtime_error&) {
      }
    });
  }
  ASSERT_EQ(handled, 1);
  EXPECT_NE(functions.find("throw_far_in"), std::string::npos) << functions;
  {
    goro::worker_pool pool(1, 8);
    pool.submit([] { through_a_frame("escapes"); });
    pool.submit([] { throw 42; });  // by the same worker
  }
  ASSERT_EQ(handled, 3);
  EXPECT_EQ(functions.find("throw_far_in"), std::string::npos) << functions;
}

// What is thrown again where it is waited for: the place of the first throw, and then that.
TEST_F(ThrowSite, OfWhatAFutureCarries) {
  goro::go([] { wait_far_in(goro::async([] { through_a_frame("escapes"); })); });
  ASSERT_TRUE(eventually([] { return handled == 1; }));
  const std::size_t first = functions.find("throw_far_in"), then = functions.find("wait_far_in");
  EXPECT_EQ(functions.rfind("(anonymous namespace)::throw_far_in", 0), 0u) << functions;
  EXPECT_NE(then, std::string::npos) << functions;
  EXPECT_LT(first, then) << functions;
  EXPECT_EQ(functions.find("__cxa"), std::string::npos) << functions;
  EXPECT_EQ(functions.find("rethrow"), std::string::npos) << functions;
  EXPECT_EQ(functions.find("Unwind"), std::string::npos) << functions;
}

// Nobody has noted a throw: who gave it to the promise, and then who waited.
TEST_F(ThrowSite, OfWhatAPromiseIsGiven) {
  goro::go([] {
    goro::promise<void> p;
    fail_far_in(p, std::make_exception_ptr(std::runtime_error("was never thrown")));
    wait_far_in(p.get_future());
  });
  ASSERT_TRUE(eventually([] { return handled == 1; }));
  EXPECT_EQ(functions.rfind("goro::promise<void>::set_exception", 0), 0u) << functions;
  const std::size_t given = functions.find("fail_far_in"), then = functions.find("wait_far_in");
  EXPECT_NE(given, std::string::npos) << functions;
  EXPECT_NE(then, std::string::npos) << functions;
  EXPECT_LT(given, then) << functions;
}

TEST_F(ThrowSite, OfWhatAPlainThreadGivesAPromise) {
  goro::promise<void> p;
  goro::go([f = p.get_future()]() mutable { wait_far_in(std::move(f)); });
  std::thread([&p] { fail_far_in(p, std::make_exception_ptr(std::runtime_error("was never thrown"))); }).join();
  ASSERT_TRUE(eventually([] { return handled == 1; }));
  EXPECT_LT(functions.find("fail_far_in"), functions.find("wait_far_in")) << functions;
}

// Without a failure that somebody gave.
TEST_F(ThrowSite, OfABrokenPromise) {
  goro::go([] {
    goro::future<void> f = goro::promise<void>().get_future();
    wait_far_in(std::move(f));
  });
  ASSERT_TRUE(eventually([] { return handled == 1; }));
  EXPECT_EQ(functions.rfind("goro::future<void>::get", 0), 0u) << functions;
  EXPECT_NE(functions.find("wait_far_in"), std::string::npos) << functions;
}

// One has called, another has joined: both throw it, from its first place on.
TEST_F(ThrowSite, OfWhatASingleflightShares) {
  goro::singleflight<int, int> flights;
  goro::chan<int> flying = goro::make_chan<int>(), end = goro::make_chan<int>();
  goro::go([&] {
    (void)call_far_in(flights, [&]() -> int {
      flying.send(1);
      (void)end.recv();
      through_a_frame("escapes");
      return 0;
    });
  });
  (void)flying.recv();
  goro::future<goro::singleflight<int, int>::result> joined =
      flights.do_async(1, [] { return 0; });  // has joined when this returns
  end.send(1);
  ASSERT_TRUE(eventually([] { return handled == 1; }));
  EXPECT_EQ(functions.rfind("(anonymous namespace)::throw_far_in", 0), 0u) << functions;
  EXPECT_NE(functions.find("through_a_frame"), std::string::npos) << functions;
  EXPECT_LT(functions.find("throw_far_in"), functions.rfind("call_far_in")) << functions;
  EXPECT_EQ(functions.find("__cxa"), std::string::npos) << functions;
  goro::go([&] { (void)joined.get(); });
  ASSERT_TRUE(eventually([] { return handled == 2; }));
  EXPECT_EQ(functions.rfind("(anonymous namespace)::throw_far_in", 0), 0u) << functions;
}

// The next one's has its own.
TEST_F(ThrowSite, OfASingleflightsNextCallIsAnother) {
  goro::singleflight<int, int> flights;
  goro::go([&] {
    try {
      (void)call_far_in(flights, []() -> int {
        through_a_frame("is caught");
        return 0;
      });
    } catch (const std::runtime_error&) {
    }
    (void)call_far_in(flights, []() -> int { throw 42; });
  });
  ASSERT_TRUE(eventually([] { return handled == 1; }));
  EXPECT_EQ(functions.find("throw_far_in"), std::string::npos) << functions;
  EXPECT_NE(functions.find("call_far_in"), std::string::npos) << functions;
}

TEST_F(ThrowSite, IsNotThatOfAFutureWhoseFailureWasCaught) {
  goro::go([] {
    try {
      wait_far_in(goro::async([] { through_a_frame("is caught"); }));
    } catch (const std::runtime_error&) {
    }
    throw 42;
  });
  ASSERT_TRUE(eventually([] { return handled == 1; }));
  EXPECT_EQ(functions.find("throw_far_in"), std::string::npos) << functions;
  EXPECT_EQ(functions.find("wait_far_in"), std::string::npos) << functions;
}

TEST_F(ThrowSite, OfAFuturesFailureThroughAnother) {
  goro::go([] {
    auto inner = goro::async([] { through_a_frame("escapes"); });
    wait_far_in(goro::async([inner = std::move(inner)]() mutable { inner.get(); }));
  });
  ASSERT_TRUE(eventually([] { return handled == 1; }));
  EXPECT_EQ(functions.rfind("(anonymous namespace)::throw_far_in", 0), 0u) << functions;
  EXPECT_NE(functions.find("wait_far_in"), std::string::npos) << functions;
}

TEST_F(ThrowSite, OfWhatAScopeAndAnErrgroupThrowAgain) {
  goro::go([] {
    goro::scope s;
    s.go([] { through_a_frame("escapes"); });
    s.wait();
  });
  ASSERT_TRUE(eventually([] { return handled == 1; }));
  EXPECT_EQ(functions.rfind("(anonymous namespace)::throw_far_in", 0), 0u) << functions;
  EXPECT_NE(functions.find("goro::scope::wait"), std::string::npos) << functions;
  goro::go([] {
    goro::errgroup tasks;
    tasks.go([] { through_a_frame("escapes"); });
    tasks.wait();
  });
  ASSERT_TRUE(eventually([] { return handled == 2; }));
  EXPECT_EQ(functions.rfind("(anonymous namespace)::throw_far_in", 0), 0u) << functions;
  EXPECT_NE(functions.find("goro::errgroup::wait"), std::string::npos) << functions;
}

TEST_F(ThrowSite, ManyOneAfterTheOther) {
  for (int i = 1; i != 100; ++i) {
    goro::go([] { through_a_frame("escapes"); });
    ASSERT_TRUE(eventually([&] { return handled == i; }));
    ASSERT_NE(functions.find("throw_far_in"), std::string::npos) << i << ": " << functions;
  }
  EXPECT_EQ(without_stack, 0);
}

}  // namespace
