// SPDX-License-Identifier: MIT
#include "sched/on_goroutine.hpp"
#include "support/at_procs.hpp"
#include "support/eventually.hpp"

#include <goro/goro.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <future>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

using namespace std::chrono_literals;
using goro_test::eventually;
using goro_test::on_goroutine;

class Goexit : public testing::Test {
 protected:
  void SetUp() override { before_ = goro_test::settled_goroutines(); }
  void TearDown() override {
    EXPECT_TRUE(eventually([&] { return goro::num_goroutine() == before_; })) << goro::num_goroutine();
  }
  goro_test::hang_guard guard_{"Goexit"};
  std::size_t before_ = 0;
};

// Runs `body` in a goroutine and waits until that has ended, however it ends.
template <class F>
void until_ended(F body) {
  goro::wait_group ended;
  ended.go(std::move(body));
  ended.wait();
}

TEST_F(Goexit, SC25_RunsDestructorsAndDefersInOrder) {
  std::vector<int> order;
  bool went_on = false;
  until_ended([&] {
    const goro::defer first([&] { order.push_back(1); });
    [&] {
      const goro::defer second([&] { order.push_back(2); });
      goro::goexit();
      went_on = true;
    }();
    went_on = true;
  });
  EXPECT_EQ(order, (std::vector{2, 1}));
  EXPECT_FALSE(went_on);
}

TEST_F(Goexit, SC25_ACatchAllThatSwallowsItDoesNotStopIt) {
  bool inside = false;
  bool went_on = false;
  bool destroyed = false;
  until_ended([&] {
    const goro::defer d([&] { destroyed = true; });
    try {
      goro::goexit();
    } catch (...) {
      inside = true;
    }
    went_on = true;
  });
  EXPECT_TRUE(destroyed);
  EXPECT_FALSE(went_on) << "the goroutine went on after a catch (...)";
}

TEST_F(Goexit, SC25_NestedCatchAllsDoNotStopIt) {
  bool went_on = false;
  bool destroyed = false;
  until_ended([&] {
    const goro::defer d([&] { destroyed = true; });
    try {
      try {
        goro::goexit();
      } catch (...) {
      }
      went_on = true;
    } catch (...) {
    }
    went_on = true;
  });
  EXPECT_TRUE(destroyed);
  EXPECT_FALSE(went_on);
}

TEST_F(Goexit, SC25_ACatchAllThatRethrowsIsFine) {
  bool cleaned = false;
  until_ended([&] {
    try {
      goro::goexit();
    } catch (...) {
      cleaned = true;
      throw;
    }
  });
  EXPECT_TRUE(cleaned);
}

TEST_F(Goexit, SC25_IsNoStdException) {
  bool caught = false;
  until_ended([&] {
    try {
      goro::goexit();
    } catch (const std::exception&) {
      caught = true;
    }
  });
  EXPECT_FALSE(caught);
}

TEST_F(Goexit, SC25_InsideAHandlerOfAnException) {
  std::weak_ptr<int> watch;
  struct failure : std::runtime_error {
    explicit failure(std::shared_ptr<int> h) : std::runtime_error("handled"), held(std::move(h)) {}
    std::shared_ptr<int> held;
  };
  until_ended([&] {
    auto held = std::make_shared<int>(1);
    watch = held;
    try {
      throw failure(std::move(held));
    } catch (const failure&) {
      goro::goexit();
    }
  });
  EXPECT_TRUE(watch.expired()) << "the exception that was being handled is leaked";
}

TEST_F(Goexit, SC25_MayParkInDestructorsOnTheWayOut) {
  int steps = 0;
  until_ended([&] {
    const goro::defer d([&] {
      goro::yield();
      goro::sleep_for(1ms);
      ++steps;
    });
    goro::goexit();
  });
  EXPECT_EQ(steps, 1);
}

TEST_F(Goexit, SC25_AfterAParkAndDeepDown) {
  struct recursion {
    static void down(int depth, int& unwound) {
      const goro::defer d([&] { ++unwound; });
      if (depth != 0) {
        down(depth - 1, unwound);
        return;
      }
      goro::yield();
      if (unwound >= 0) goro::goexit();  // always: the compiler is not to see that none of these returns
    }
  };
  int unwound = 0;
  until_ended([&] { recursion::down(99, unwound); });
  EXPECT_EQ(unwound, 100);
}

TEST_F(Goexit, SC25_DestroysTheClosure) {
  std::weak_ptr<int> watch;
  {
    auto held = std::make_shared<int>(1);
    watch = held;
    goro::go([held = std::move(held)] { goro::goexit(); });
  }
  EXPECT_TRUE(eventually([&] { return watch.expired(); }));
}

TEST_F(Goexit, InAsyncTheFutureGetsBrokenPromise) {
  auto f = goro::async([]() -> int { goro::goexit(); });
  try {
    (void)f.get();
    FAIL() << "a value out of nothing";
  } catch (const std::future_error& e) {
    EXPECT_EQ(e.code(), std::future_errc::broken_promise);
  }
}

TEST_F(Goexit, InAScopeItCountsAsEnded) {
  on_goroutine([] {
    std::atomic<int> ended{0};
    goro::scope s;
    for (int i = 0; i != 10; ++i) {
      s.go([&, i] {
        const goro::defer d([&] { ++ended; });
        if (i % 2 == 0) goro::goexit();
      });
    }
    EXPECT_NO_THROW(s.wait());
    EXPECT_EQ(ended, 10);
  });
}

TEST_F(Goexit, OnAPlainThreadItIsALogicError) {
  try {
    goro::goexit();
  } catch (const std::logic_error& e) {
    EXPECT_NE(std::string(e.what()).find("goro: goexit"), std::string::npos) << e.what();
  }
}

TEST_F(Goexit, InsideBlockingItEndsTheGoroutine) {
  bool destroyed = false;
  bool went_on = false;
  until_ended([&] {
    const goro::defer d([&] { destroyed = true; });
    goro::blocking([] { goro::goexit(); });
    went_on = true;
  });
  EXPECT_TRUE(destroyed);
  EXPECT_FALSE(went_on);
  on_goroutine([] {});
}

TEST_F(Goexit, ManyAtOnce) {
  constexpr int n = 1000;
  std::atomic<int> destroyed{0};
  goro::wait_group all;
  for (int i = 0; i != n; ++i) {
    all.go([&] {
      const goro::defer d([&] { ++destroyed; });
      goro::yield();
      goro::goexit();
    });
  }
  all.wait();
  EXPECT_EQ(destroyed, n);
}

}  // namespace
