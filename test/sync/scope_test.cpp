// SPDX-License-Identifier: MIT
#include "sched/on_goroutine.hpp"
#include "support/at_procs.hpp"
#include "support/eventually.hpp"

#include <goro/goro.hpp>

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <type_traits>

namespace {

using namespace std::chrono_literals;
using goro_test::eventually;
using goro_test::on_goroutine;

class Scope : public testing::Test {
 protected:
  void SetUp() override { before_ = goro_test::settled_goroutines(); }
  void TearDown() override {
    EXPECT_TRUE(eventually([&] { return goro::num_goroutine() == before_; })) << goro::num_goroutine();
  }
  goro_test::hang_guard guard_{"Scope"};
  std::size_t before_ = 0;
};

TEST_F(Scope, EmptyOneIsLeftAtOnce) {
  { goro::scope s; }
  goro::scope s;
  s.wait();
  s.wait();
}

TEST_F(Scope, MayCaptureByReference) {
  const auto check = [] {
    std::array<int, 8> squares{};
    {
      goro::scope s;
      for (int i = 0; i != 8; ++i)
        s.go([&squares, i] {
          goro::sleep_for(std::chrono::microseconds(100 * (8 - i)));
          squares[static_cast<std::size_t>(i)] = i * i;
        });
    }
    for (int i = 0; i != 8; ++i) EXPECT_EQ(squares[static_cast<std::size_t>(i)], i * i);
  };
  check();
  on_goroutine(check);
}

TEST_F(Scope, PassesArguments) {
  std::atomic<int> sum{0};
  goro::scope s;
  s.go([](std::atomic<int>& to, int a, std::unique_ptr<int> b) { to += a + *b; }, std::ref(sum), 40,
       std::make_unique<int>(2));
  s.wait();
  EXPECT_EQ(sum, 42);
}

TEST_F(Scope, WaitWaitsForAllAndItCanBeUsedAgain) {
  goro::scope s;
  std::atomic<int> ended{0};
  for (int round = 1; round != 4; ++round) {
    for (int i = 0; i != 10; ++i)
      s.go([&] {
        goro::yield();
        ++ended;
      });
    s.wait();
    EXPECT_EQ(ended, 10 * round);
  }
}

TEST_F(Scope, AGoroutineMayStartSiblings) {
  goro::scope s;
  std::atomic<int> ended{0};
  s.go([&] {
    for (int i = 0; i != 5; ++i)
      s.go([&] {
        goro::sleep_for(1ms);
        s.go([&] { ++ended; });
        ++ended;
      });
  });
  s.wait();
  EXPECT_EQ(ended, 10);
}

TEST_F(Scope, WaitRethrowsTheFirstExceptionAfterAllHaveEnded) {
  const auto check = [] {
    const std::size_t before = goro::num_goroutine();
    goro::scope s;
    std::atomic<int> ended{0};
    s.go([] { throw std::runtime_error("first"); });
    ASSERT_TRUE(
        eventually([&] { return goro::num_goroutine() == before; }));  // it has thrown out of its goroutine
    s.go([&] {
      ++ended;
      throw std::runtime_error("second");
    });
    s.go([&] {  // a failure does not stop the siblings
      goro::sleep_for(3ms);
      ++ended;
    });
    try {
      s.wait();
      ADD_FAILURE() << "wait threw nothing";
    } catch (const std::runtime_error& e) {
      EXPECT_STREQ(e.what(), "first");
    }
    EXPECT_EQ(ended, 2);
  };
  check();
  on_goroutine(check);
}

TEST_F(Scope, AFailureIsCollectedOnceAndTheScopeGoesOn) {
  goro::scope s;
  s.go([] { throw std::runtime_error("one"); });
  EXPECT_THROW(s.wait(), std::runtime_error);
  EXPECT_NO_THROW(s.wait());
  int ran = 0;
  s.go([&] { ++ran; });
  EXPECT_NO_THROW(s.wait());
  EXPECT_EQ(ran, 1);
  s.go([] { throw std::logic_error("two"); });
  EXPECT_THROW(s.wait(), std::logic_error);
}

TEST_F(Scope, IsLeftByAnExceptionOnlyWhenItsGoroutinesAreDone) {
  std::atomic<int> ended{0};
  try {
    goro::scope s;
    for (int i = 0; i != 4; ++i)
      s.go([&] {
        goro::sleep_for(2ms);
        ++ended;
      });
    throw std::runtime_error("out of the block");
  } catch (const std::runtime_error&) {
    EXPECT_EQ(ended, 4);
  }
}

TEST_F(Scope, Nests) {
  std::atomic<int> ended{0};
  goro::scope outer;
  for (int i = 0; i != 4; ++i)
    outer.go([&] {
      goro::scope inner;
      for (int n = 0; n != 4; ++n)
        inner.go([&] {
          goro::yield();
          ++ended;
        });
      inner.wait();
      ++ended;
    });
  outer.wait();
  EXPECT_EQ(ended, 20);
}

TEST_F(Scope, AnInnerFailureTravelsOutward) {
  goro::scope outer;
  outer.go([] {
    goro::scope inner;
    inner.go([] { throw std::runtime_error("deep"); });
    inner.wait();
  });
  try {
    outer.wait();
    FAIL();
  } catch (const std::runtime_error& e) {
    EXPECT_STREQ(e.what(), "deep");
  }
}

TEST_F(Scope, RefusesAnEmptyFunctionAndStaysUsable) {
  goro::scope s;
  EXPECT_THROW(s.go(std::function<void()>{}), std::invalid_argument);
  s.wait();
}

TEST_F(Scope, CannotBeCopiedOrMoved) {
  static_assert(!std::is_copy_constructible_v<goro::scope>);
  static_assert(!std::is_move_constructible_v<goro::scope>);
  static_assert(!std::is_copy_assignable_v<goro::scope>);
}

}  // namespace
