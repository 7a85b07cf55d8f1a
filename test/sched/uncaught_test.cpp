// SPDX-License-Identifier: MIT
// A handler of the program's own for exceptions that escape. The default: last_words_death_test.cpp.
#include "support/at_procs.hpp"
#include "support/eventually.hpp"

#include <goro/goro.hpp>
#if __has_include(<goro/debug.hpp>)
#include <goro/debug.hpp>
#endif

#include <gtest/gtest.h>

#include <atomic>
#include <exception>
#include <stdexcept>
#include <string>

namespace {

using goro_test::eventually;

std::atomic<int> handled{0};
std::atomic<int> right{0};

void note(const goro::goroutine_info&, std::exception_ptr e) {
  try {
    std::rethrow_exception(e);
  } catch (const std::runtime_error& r) {
    if (std::string(r.what()) == "escapes") ++right;
  } catch (int i) {
    if (i == 42) ++right;
  } catch (...) {
  }
  ++handled;
}

class Uncaught : public testing::Test {
 protected:
  void SetUp() override {
    handled = 0;
    right = 0;
    before_ = goro_test::settled_goroutines();
    old_ = goro::set_uncaught_handler(note);
  }
  void TearDown() override {
    EXPECT_TRUE(eventually([&] { return goro::num_goroutine() == before_; })) << goro::num_goroutine();
    EXPECT_EQ(goro::set_uncaught_handler(old_), note);
  }
  goro_test::hang_guard guard_{"Uncaught"};
  goro::uncaught_handler old_ = nullptr;
  std::size_t before_ = 0;
};

TEST_F(Uncaught, AHandlerThatReturnsEndsTheGoroutineAndTheProgramGoesOn) {
  for (int i = 0; i != 20; ++i) {  // each costs some 30 ms: the report's stack is looked up
    goro::go([] { throw std::runtime_error("escapes"); });
    goro::go([] {
      goro::yield();
      throw 42;
    });
  }
  EXPECT_TRUE(eventually([] { return handled == 40; })) << handled;
  EXPECT_EQ(right, 40);
  auto f = goro::async([] { return 1; });
  EXPECT_EQ(f.get(), 1);
}

TEST_F(Uncaught, DestructorsRunOnTheWay) {
  std::atomic<bool> destroyed{false};
  goro::go([&] {
    const goro::defer d([&] { destroyed = true; });
    throw std::runtime_error("escapes");
  });
  EXPECT_TRUE(eventually([] { return handled == 1; }));
  EXPECT_TRUE(destroyed);
}

TEST_F(Uncaught, WG06_TheHandlerHasRunBeforeAWaiterGoesOn) {
  for (int i = 0; i != 20; ++i) {
    goro::wait_group group;
    group.go([] { throw std::runtime_error("escapes"); });
    group.wait();
    ASSERT_EQ(handled, i + 1);
  }
}

TEST_F(Uncaught, AScopesUncollectedFailureComesHere) {
  {
    goro::scope s;
    s.go([] { throw std::runtime_error("escapes"); });
  }
  EXPECT_EQ(handled, 1);
  EXPECT_EQ(right, 1);
}

TEST_F(Uncaught, AScopesCollectedFailureDoesNot) {
  {
    goro::scope s;
    s.go([] { throw std::runtime_error("collected"); });
    EXPECT_THROW(s.wait(), std::runtime_error);
  }
  EXPECT_EQ(handled, 0);
}

TEST_F(Uncaught, AnAsyncFailureGoesToItsFutureAlone) {
  {
    auto dropped = goro::async([] { throw std::runtime_error("nobody asks"); });
  }
  auto asked = goro::async([] { throw std::runtime_error("asked"); });
  EXPECT_THROW(asked.get(), std::runtime_error);
  EXPECT_TRUE(eventually([&] { return goro::num_goroutine() == before_; }));
  EXPECT_EQ(handled, 0);
}

TEST_F(Uncaught, GoexitIsNoException) {
  goro::wait_group group;
  group.go([] { goro::goexit(); });
  group.wait();
  EXPECT_EQ(handled, 0);
}

TEST_F(Uncaught, RunsMainGoesThroughTheHandlerToo) {
  (void)goro::run([]() -> int { throw std::runtime_error("escapes"); });
  EXPECT_EQ(handled, 1);
}

}  // namespace
