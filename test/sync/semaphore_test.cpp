// SPDX-License-Identifier: MIT
#include "sched/introspect.hpp"
#include "sched/on_goroutine.hpp"
#include "support/at_procs.hpp"
#include "support/eventually.hpp"
#include "sync/cancel_by_hand.hpp"

#include <goro/goro.hpp>
#include <goro/semaphore.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <limits>
#include <stdexcept>
#include <string>
#include <thread>
#include <type_traits>
#include <vector>

namespace {

using namespace std::chrono_literals;
using goro_test::eventually;
using goro_test::on_goroutine;

constinit goro::semaphore global_semaphore(3);  // usable as a constant-initialised global

std::size_t parked() { return goro::detail::parked_count(goro::detail::wait_reason::semaphore); }

bool until_parked(std::size_t n) {
  return eventually([n] { return parked() == n; });
}

template <class F>
std::string what_of(F f) {
  try {
    f();
  } catch (const std::logic_error& e) {
    return e.what();
  }
  return "nothing was thrown";
}

class Semaphore : public testing::Test {
 protected:
  void SetUp() override { before_ = goro_test::settled_goroutines(); }
  void TearDown() override {
    EXPECT_TRUE(eventually([&] { return goro::num_goroutine() == before_; })) << goro::num_goroutine();
  }
  goro_test::hang_guard guard_{"Semaphore"};
  std::size_t before_ = 0;
};

TEST_F(Semaphore, SM02_ReleaseOfMoreThanHeldThrowsAndGivesNothingBack) {
  goro::semaphore s(2);
  EXPECT_NE(what_of([&] { s.release(); }).find("released more than held"), std::string::npos);
  s.acquire();
  const std::string text = what_of([&] { s.release(2); });
  EXPECT_NE(text.find("released more than held"), std::string::npos) << text;
  EXPECT_NE(text.find("semaphore::release"), std::string::npos) << text;
  EXPECT_TRUE(s.try_acquire());
  EXPECT_FALSE(s.try_acquire());
  s.release(2);
  on_goroutine([&] { EXPECT_THROW(s.release(), std::logic_error); });
}

TEST_F(Semaphore, SM02_AlsoWhileSomebodyWaits) {
  goro::semaphore s(2);
  s.acquire(2);
  goro::wait_group ended;
  ended.go([&] { s.acquire(); });
  ASSERT_TRUE(until_parked(1));
  EXPECT_NE(what_of([&] { s.release(3); }).find("released more than held"), std::string::npos);
  EXPECT_TRUE(until_parked(1));
  s.release(2);
  ended.wait();
  s.release();
  EXPECT_TRUE(s.try_acquire(2));
}

TEST_F(Semaphore, SM03_TryAcquireTakesWhatIsFree) {
  const auto check = [] {
    goro::semaphore s(2);
    s.acquire();
    EXPECT_TRUE(s.try_acquire());
    EXPECT_FALSE(s.try_acquire());
    s.release(2);
    EXPECT_TRUE(s.try_acquire());
    s.acquire();
    EXPECT_FALSE(s.try_acquire());
  };
  check();
  on_goroutine(check);
}

TEST_F(Semaphore, SM03_TimedAcquireTakesWhatIsFree) {
  const auto check = [] {
    goro::semaphore s(2);
    EXPECT_TRUE(s.acquire_for(10ms));
    EXPECT_TRUE(s.acquire_until(std::chrono::system_clock::now() + 10ms));
    const auto start = goro::clock::now();
    EXPECT_FALSE(s.acquire_for(10ms));
    EXPECT_GE(goro::clock::now() - start, 10ms);
    EXPECT_FALSE(s.acquire_until(goro::clock::now() + 10ms));
    EXPECT_GE(goro::clock::now() - start, 20ms);
    EXPECT_FALSE(s.acquire_for(0s));
    EXPECT_FALSE(s.acquire_for(-1s));
    EXPECT_FALSE(s.acquire_until(start));
    s.release(2);
    EXPECT_TRUE(s.acquire_for(0s));
    EXPECT_TRUE(s.acquire_until(start));
    EXPECT_FALSE(s.acquire_for(10ms));
    s.release(2);
    EXPECT_TRUE(s.acquire_for(10ms, 2));
  };
  check();
  on_goroutine(check);
}

TEST_F(Semaphore, ATimedAcquireGetsWhatIsReleasedInTime) {
  goro::semaphore s(1);
  s.acquire();
  std::atomic<int> got{0};
  goro::wait_group ended;
  ended.go([&] { got += s.acquire_for(1h); });
  ASSERT_TRUE(until_parked(1));
  s.release();
  ended.wait();
  std::thread thread([&] { got += s.acquire_for(1h); });
  s.release();
  thread.join();
  EXPECT_EQ(got, 2);
}

TEST_F(Semaphore, SM04_MoreThanTheSizeWaitsForItsLimitAndBlocksNobody) {
  goro::semaphore s(2);
  goro::detail::tokens& inside = reinterpret_cast<goro::detail::tokens&>(s);
  goro_test::cancel_by_hand stop;
  goro::wait_group ended;
  std::atomic<int> gave_up{0};
  ended.go([&] {
    gave_up += inside.wait(3, goro::detail::never, &stop) == goro::detail::tokens::ended::canceled;
  });
  ended.go([&] { gave_up += !s.acquire_for(2ms, std::numeric_limits<std::int64_t>::max()); });
  ASSERT_TRUE(eventually([&] { return gave_up == 1; }));
  ASSERT_TRUE(until_parked(1));
  EXPECT_TRUE(s.try_acquire(2));
  s.release(2);
  s.acquire();
  s.acquire();
  ended.go([&] { s.acquire(2); });
  ASSERT_TRUE(until_parked(2));
  s.release(2);
  ASSERT_TRUE(until_parked(1));
  s.release(2);
  stop.cancel();
  ended.wait();
  EXPECT_EQ(gave_up, 2);
  EXPECT_TRUE(s.try_acquire(2));
}

TEST_F(Semaphore, SM05_OneWhoWaitsForManyIsNotOvertaken) {
  goro::semaphore s(3);
  s.acquire(2);
  std::vector<int> order;
  goro::wait_group ended;
  ended.go([&] {
    s.acquire(3);
    order.push_back(3);
    s.release(3);
  });
  ASSERT_TRUE(until_parked(1));
  EXPECT_FALSE(s.try_acquire()) << "one is free, but not for those who come later";
  EXPECT_FALSE(s.acquire_for(1ms));
  EXPECT_FALSE(s.try_acquire(0));
  std::thread small([&] {
    s.acquire();
    order.push_back(1);
    s.release();
  });
  s.release();
  EXPECT_TRUE(until_parked(1));
  s.release();
  ended.wait();
  small.join();
  EXPECT_EQ(order, (std::vector<int>{3, 1}));
  EXPECT_TRUE(s.try_acquire(3));
}

TEST_F(Semaphore, SM05_AStreamOfSmallOnesDoesNotStarveALargeOne) {
  constexpr int n = 4;
  goro::semaphore s(n);
  std::atomic<bool> large_had_its_turn{false};
  std::atomic<int> running{0};
  goro::wait_group ended;
  for (int i = 0; i != n; ++i)
    ended.go([&] {
      s.acquire();
      ++running;
      while (!large_had_its_turn) {
        goro::sleep_for(100us);
        s.release();
        s.acquire();
      }
      s.release();
    });
  ASSERT_TRUE(eventually([&] { return running == n; }));
  s.acquire(n);
  large_had_its_turn = true;
  s.release(n);
  ended.wait();
}

TEST_F(Semaphore, WaitersGoInTheOrderTheyCame) {
  goro::semaphore s(1);
  s.acquire();
  std::vector<int> order;
  goro::wait_group ended;
  for (int i = 0; i != 8; ++i) {
    ended.go([&, i] {
      s.acquire();
      order.push_back(i);
      s.release();
    });
    ASSERT_TRUE(until_parked(static_cast<std::size_t>(i) + 1));
  }
  s.release();
  ended.wait();
  EXPECT_EQ(order, (std::vector<int>{0, 1, 2, 3, 4, 5, 6, 7}));
}

TEST_F(Semaphore, OneReleaseLetsAllGoOnForWhomThereAreEnough) {
  goro::semaphore s(10);
  s.acquire(10);
  std::atomic<int> through{0};
  goro::wait_group ended;
  std::size_t waiting = 0;
  for (const std::int64_t n : {1, 2, 3, 4, 1}) {
    ended.go([&, n] {
      s.acquire(n);
      ++through;
    });
    ASSERT_TRUE(until_parked(++waiting));
  }
  s.release(10);
  EXPECT_TRUE(eventually([&] { return through == 4; }));
  EXPECT_TRUE(until_parked(1));
  s.release(1);
  ended.wait();
  s.release(10);
  EXPECT_TRUE(s.try_acquire(10));
}

TEST_F(Semaphore, SM06_WhenTheFrontGivesUpThoseBehindThatFitGoOn) {
  goro::semaphore s(10);
  goro::detail::tokens& inside = reinterpret_cast<goro::detail::tokens&>(s);
  s.acquire();
  for (const bool by_time : {false, true}) {
    goro_test::cancel_by_hand stop;
    goro::wait_group front;
    goro::wait_group behind;
    std::atomic<bool> gave_up{false};
    front.go([&] {
      if (by_time)
        EXPECT_FALSE(s.acquire_for(20ms, 10));
      else
        EXPECT_EQ(inside.wait(10, goro::detail::never, &stop), goro::detail::tokens::ended::canceled);
      gave_up = true;
    });
    ASSERT_TRUE(eventually([&] { return parked() == 1 || gave_up; }));
    for (int i = 0; i != 2; ++i) behind.go([&] { s.acquire(4); });
    stop.cancel();
    behind.wait();
    front.wait();
    EXPECT_FALSE(s.try_acquire(2));
    s.release(8);
  }
  EXPECT_TRUE(s.try_acquire(9));
}

TEST_F(Semaphore, SM06_OneInTheMiddleGivesUp) {
  goro::semaphore s(2);
  s.acquire(2);
  goro::wait_group front;
  goro::wait_group last;
  front.go([&] { s.acquire(2); });
  ASSERT_TRUE(until_parked(1));
  std::atomic<bool> gave_up{false};
  last.go([&] {
    EXPECT_FALSE(s.acquire_for(2ms));
    gave_up = true;
    s.acquire();
  });
  ASSERT_TRUE(eventually([&] { return gave_up.load(); }));
  ASSERT_TRUE(until_parked(2));
  s.release(2);
  front.wait();
  EXPECT_TRUE(until_parked(1));
  s.release(2);
  last.wait();
  s.release();
  EXPECT_TRUE(s.try_acquire(2));
}

TEST_F(Semaphore, SM07_CancelledBeforeTokensComeTakesNone) {
  goro::semaphore s(1);
  goro::detail::tokens& inside = reinterpret_cast<goro::detail::tokens&>(s);
  s.acquire();
  goro_test::cancel_by_hand stop;
  goro::wait_group ended;
  ended.go(
      [&] { EXPECT_EQ(inside.wait(1, goro::detail::never, &stop), goro::detail::tokens::ended::canceled); });
  std::thread thread(
      [&] { EXPECT_EQ(inside.wait(1, goro::detail::never, &stop), goro::detail::tokens::ended::canceled); });
  ASSERT_TRUE(eventually([&] { return stop.size() == 2; }));
  stop.cancel();
  ended.wait();
  thread.join();
  EXPECT_FALSE(s.try_acquire());
  s.release();
  EXPECT_TRUE(s.try_acquire());
}

TEST_F(Semaphore, SM07_AContextThatIsDoneFailsEvenIfTokensAreFree) {
  goro_test::contexts_by_hand contexts;  // a context whose canceller is ours
  goro::semaphore s(1);
  EXPECT_EQ(s.acquire(contexts.context()), std::error_code());
  s.release();
  contexts.canceller().cancel();
  const auto check = [&] {
    EXPECT_EQ(s.acquire(contexts.context()), goro::errc::canceled);
    EXPECT_EQ(s.acquire(contexts.context(), 0), goro::errc::canceled);
    EXPECT_EQ(s.acquire(contexts.context(), 2), goro::errc::canceled);
  };
  check();
  on_goroutine(check);
  EXPECT_TRUE(s.try_acquire());
}

TEST_F(Semaphore, NoTokensAreHadAtOnceUnlessSomebodyWaits) {
  goro::semaphore s(1);
  s.acquire();
  s.acquire(0);
  EXPECT_TRUE(s.try_acquire(0));
  s.release(0);
  goro::wait_group ended;
  ended.go([&] { s.acquire(); });
  ASSERT_TRUE(until_parked(1));
  EXPECT_FALSE(s.try_acquire(0));
  ended.go([&] { s.acquire(0); });
  ASSERT_TRUE(until_parked(2));
  s.release(0);
  EXPECT_TRUE(until_parked(2));
  s.release();
  ended.wait();
  goro::semaphore none(0);
  none.acquire(0);
  EXPECT_FALSE(none.try_acquire());
}

TEST_F(Semaphore, NegativeNumbersAreRefused) {
  EXPECT_THROW(goro::semaphore(-1), std::invalid_argument);
  goro::semaphore s(1);
  s.acquire();
  EXPECT_THROW(s.acquire(-1), std::invalid_argument);
  EXPECT_THROW((void)s.try_acquire(-1), std::invalid_argument);
  EXPECT_THROW((void)s.acquire_for(1s, -1), std::invalid_argument);
  EXPECT_THROW((void)s.acquire_until(goro::clock::now(), -1), std::invalid_argument);
  EXPECT_THROW(s.release(-1), std::invalid_argument);
  EXPECT_THROW(s.release(std::numeric_limits<std::int64_t>::min()), std::invalid_argument);
  EXPECT_FALSE(s.try_acquire());
  const std::string text = what_of([&] { s.acquire(-1); });
  EXPECT_NE(text.find("goro: semaphore::acquire: "), std::string::npos) << text;
}

TEST_F(Semaphore, TheLargestSizeCanBeTakenWhole) {
  constexpr std::int64_t all = std::numeric_limits<std::int64_t>::max();
  goro::semaphore s(all);
  s.acquire(all);
  EXPECT_FALSE(s.try_acquire());
  goro::wait_group ended;
  ended.go([&] { s.acquire(all); });
  ASSERT_TRUE(until_parked(1));
  s.release(all);
  ended.wait();
  s.release(all);
  EXPECT_TRUE(s.try_acquire(all));
}

TEST_F(Semaphore, WhatHappenedBeforeReleaseIsSeenAfterAcquire) {
  ASSERT_TRUE(global_semaphore.try_acquire(3));
  int value = 0;
  std::thread writer([&] {
    value = 1;
    global_semaphore.release(3);
  });
  on_goroutine([&] {
    global_semaphore.acquire(2);
    EXPECT_EQ(value, 1);
  });
  writer.join();
  global_semaphore.release(2);
}

TEST_F(Semaphore, CannotBeCopiedOrMoved) {
  static_assert(!std::is_copy_constructible_v<goro::semaphore>);
  static_assert(!std::is_move_constructible_v<goro::semaphore>);
  static_assert(!std::is_copy_assignable_v<goro::semaphore>);
  static_assert(!std::is_convertible_v<std::int64_t, goro::semaphore>);
}

}  // namespace
