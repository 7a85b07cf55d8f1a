// SPDX-License-Identifier: MIT
// after and timer, with the meaning of Go 1.23 and later: after stop or reset no stale value can be received.
#include "sched/introspect.hpp"

#include "sched/on_goroutine.hpp"
#include "support/at_procs.hpp"
#include "support/eventually.hpp"

#include <goro/goro.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace {

using namespace std::chrono_literals;
using goro::clock;
using goro_test::eventually;
using goro_test::on_goroutine;

class Timer : public testing::Test {
 protected:
  goro_test::hang_guard guard_{"Timer"};
};

// True if a value can be received now: never right after stop or reset.
template <class Source>
bool ready(const Source& s) {
  return s.c().try_recv().status == goro::op_status::ok;
}

TEST_F(Timer, TM04_AfterGivesATimeNotBeforeItsDue) {
  for (int i = 0; i != 10; ++i) {
    const auto start = clock::now();
    const auto v = goro::after(1ms).recv();
    ASSERT_TRUE(v);
    EXPECT_GE(*v, start + 1ms);
    EXPECT_LE(*v, clock::now());
  }
}

TEST_F(Timer, TM05_AftersOneAfterAnotherAddUp) {
  on_goroutine([] {
    const auto start = clock::now();
    for (int i = 0; i != 10; ++i) (void)goro::after(2ms).recv();
    EXPECT_GE(clock::now() - start, 20ms);
  });
}

TEST_F(Timer, ZeroAndNegativeAreDueAtOnce) {
  EXPECT_TRUE(goro::after(0s).recv());
  EXPECT_TRUE(goro::after(-1h).recv());
  goro::timer t(-1ns);
  EXPECT_TRUE(t.c().recv());
}

TEST_F(Timer, TM06_StopBeforeExpiryIsTrueAndItNeverFires) {
  goro::timer stopped(20ms);
  goro::timer other(30ms);
  EXPECT_TRUE(stopped.stop());
  EXPECT_FALSE(stopped.stop());
  EXPECT_TRUE(other.c().recv());
  EXPECT_EQ(stopped.c().try_recv().status, goro::op_status::would_block);
  EXPECT_EQ(stopped.c().recv_for(30ms).status, goro::op_status::timed_out);
}

TEST_F(Timer, TM07_FireInOrderOfTimeWhateverTheOrderOfArming) {
  constexpr std::array order{5, 3, 6, 6, 6, 1, 1, 2, 7, 9, 4, 8, 0};
  // One collector looks at all of them, so that no scheduling can change the order that it sees.
  std::vector<goro::timer> timers;
  std::vector<std::pair<goro::time_point, int>> fired;
  const auto start = clock::now();
  for (const int slot : order) timers.emplace_back(20ms + slot * 10ms);
  for (std::size_t left = order.size(); left != 0; --left) {
    std::vector<goro::select_case> cases;
    std::vector<goro::time_point> values(order.size());
    for (std::size_t i = 0; i != order.size(); ++i) cases.push_back(goro::recv(timers[i].c(), values[i]));
    const std::size_t i = goro::select(cases);
    fired.emplace_back(values[i], order[i]);
  }
  for (const auto& [when, slot] : fired) EXPECT_GE(when - start, 20ms + slot * 10ms);
  std::stable_sort(fired.begin(), fired.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  for (std::size_t i = 1; i != fired.size(); ++i) EXPECT_LE(fired[i - 1].second, fired[i].second);
}

TEST_F(Timer, TM09_ResetOfAnUnfiredOneIsTrueAndTheOldTimePassesSilently) {
  on_goroutine([] {
    goro::timer t(20ms);
    const auto start = clock::now();
    EXPECT_TRUE(t.reset(80ms));
    (void)goro::after(40ms).recv();  // the old time passes
    const auto v = t.c().recv();     // on a machine that is slow it may be there already
    ASSERT_TRUE(v);
    EXPECT_GE(*v - start, 80ms);
    EXPECT_FALSE(t.reset(1ms)) << "fired and received";
    EXPECT_TRUE(t.c().recv());
  });
}

TEST_F(Timer, TM10_TheLongestNeverFiresTheShortestAtOnce) {
  goro::timer never(goro::duration::max());
  goro::timer hours(std::chrono::hours::max());
  goro::timer at_once(goro::duration::min());
  goro::timer soon(5ms);
  EXPECT_TRUE(at_once.c().recv());
  EXPECT_TRUE(soon.c().recv()) << "the heap is broken for others";
  EXPECT_FALSE(ready(never));
  EXPECT_FALSE(ready(hours));
  EXPECT_TRUE(never.reset(1ms));
  EXPECT_TRUE(never.c().recv());
  EXPECT_TRUE(hours.stop());
}

TEST_F(Timer, TM11_AMovedFromOneSaysSo) {
  goro::timer a(1h);
  goro::timer b(std::move(a));
  for (const auto& use : {+[](goro::timer& t) { t.stop(); }, +[](goro::timer& t) { t.reset(1s); }}) {
    try {
      use(a);
      ADD_FAILURE() << "a moved-from timer was used";
    } catch (const std::logic_error& e) {
      EXPECT_NE(std::string(e.what()).find("goro: timer"), std::string::npos) << e.what();
    }
  }
  EXPECT_TRUE(b.stop());
}

TEST_F(Timer, TM28_AnErrorOutOfStopOrResetLeavesNothingLocked) {
  goro::timer a(1h);
  goro::timer b = std::move(a);
  EXPECT_THROW(a.stop(), std::logic_error);
  EXPECT_THROW(a.reset(1ms), std::logic_error);
  EXPECT_TRUE(goro::after(1ms).recv());
  on_goroutine([] { EXPECT_TRUE(goro::after(1ms).recv()); });
  EXPECT_TRUE(b.stop());
}

TEST_F(Timer, MoveAssignmentStopsTheOneThatIsReplaced) {
  goro::timer a(5ms);
  const auto old = a.c();
  a = goro::timer(10ms);
  EXPECT_TRUE(a.c().recv());
  EXPECT_EQ(old.try_recv().status, goro::op_status::would_block);
}

TEST_F(Timer, ADestroyedOneStaysSilent) {
  goro::recv_chan<goro::time_point> c;
  {
    goro::timer t(5ms);
    c = t.c();
  }
  EXPECT_EQ(c.recv_for(20ms).status, goro::op_status::timed_out);
}

TEST_F(Timer, TM13_ResetToThePastAfterMovingOftenIsPrompt) {
  for (int round = 0; round != goro_test::scaled(1000); ++round) {
    goro::timer t(1h);
    for (int i = 0; i != 10; ++i) {
      t.stop();
      t.reset(-1ns);
    }
    ASSERT_EQ(t.c().recv_for(20s).status, goro::op_status::ok) << "round " << round;
  }
}

TEST_F(Timer, TM14_ReturnValuesAlongARandomWalk) {
  goro::wait_group all;
  for (int i = 0; i != 100; ++i) {
    all.go([i] {
      const auto pause = [i](int step) {
        goro::sleep_for(std::chrono::microseconds((i * 37 + step * 91) % 300));
      };
      goro::timer t(0s);
      pause(0);
      EXPECT_TRUE(t.c().recv());
      pause(1);
      EXPECT_FALSE(t.reset(1min));
      pause(2);
      EXPECT_TRUE(t.stop());
      pause(3);
      EXPECT_FALSE(t.reset(3min));
      pause(4);
      EXPECT_TRUE(t.stop());
      EXPECT_FALSE(t.stop());
      pause(5);
      EXPECT_FALSE(t.reset(2min));
      pause(6);
      EXPECT_TRUE(t.stop());
      pause(7);
      EXPECT_FALSE(t.reset(0s));
      EXPECT_EQ(t.c().recv_for(20s).status, goro::op_status::ok);
    });
  }
  all.wait();
}

TEST_F(Timer, TM15_ChannelsLookUnbufferedAlways) {
  goro::timer t(1ms);
  goro::ticker k(1ms);
  const auto a = goro::after(1ms);
  const auto look = [&](const char* when) {
    for (const auto& c : {t.c(), k.c(), a}) {
      EXPECT_EQ(c.len(), 0u) << when;
      EXPECT_EQ(c.cap(), 0u) << when;
    }
  };
  look("before");
  std::this_thread::sleep_for(10ms);
  look("expired");
  EXPECT_TRUE(t.c().recv());
  EXPECT_TRUE(k.c().recv());
  look("received");
}

// A timer that has expired, with its value not yet received.
goro::timer expired() {
  goro::timer t(1ms);
  std::this_thread::sleep_for(10ms);
  return t;
}

TEST_F(Timer, TM16_StopAfterExpiryUnreceivedReturnsTrue) {
  const auto check = [] {
    goro::timer t = expired();
    EXPECT_TRUE(t.stop());
    EXPECT_FALSE(ready(t));
    EXPECT_FALSE(t.stop());
    EXPECT_EQ(t.c().recv_for(5ms).status, goro::op_status::timed_out);
  };
  check();
  on_goroutine(check);
}

TEST_F(Timer, TM17_ResetAfterExpiryUnreceivedReturnsTrueAndTheOldValueIsGone) {
  const auto check = [] {
    goro::timer t = expired();
    EXPECT_TRUE(t.reset(1h));
    EXPECT_FALSE(ready(t));
    EXPECT_EQ(t.c().recv_for(5ms).status, goro::op_status::timed_out);
    EXPECT_TRUE(t.reset(1ms));
    EXPECT_TRUE(t.c().recv());
  };
  check();
  on_goroutine(check);
}

TEST_F(Timer, TM18_ReceivedThenResetIsFalse) {
  goro::timer t(1ms);
  EXPECT_TRUE(t.c().recv());
  EXPECT_FALSE(t.reset(1h));
  EXPECT_TRUE(t.stop());
  goro::ticker k(1ms);
  EXPECT_TRUE(k.c().recv());
  k.reset(1h);  // a ticker's reset has no answer: it is armed always
  EXPECT_EQ(k.c().recv_for(5ms).status, goro::op_status::timed_out);
}

TEST_F(Timer, TM19_ResetUnderAParkedReceiver) {
  goro::timer t(1h);
  std::atomic<bool> got{false};
  goro::wait_group receiver;
  const auto parked = goro::detail::parked_count(goro::detail::wait_reason::chan_receive);
  receiver.go([&, c = t.c()] {
    EXPECT_TRUE(c.recv());
    got = true;
  });
  ASSERT_TRUE(eventually(
      [&] { return goro::detail::parked_count(goro::detail::wait_reason::chan_receive) > parked; }));
  EXPECT_TRUE(t.reset(2h));
  std::this_thread::sleep_for(10ms);
  EXPECT_FALSE(got) << "moved further away, and the receiver woke";
  EXPECT_TRUE(t.reset(1ns));
  receiver.wait();
  EXPECT_TRUE(got);
}

TEST_F(Timer, TM20_WaitersOnAStoppedTimerLeaveByAnotherChannel) {
  goro::timer t = expired();
  EXPECT_TRUE(t.stop());
  const auto stop = goro::make_chan<int>();
  std::atomic<int> saw_time{0};
  const auto parked = goro::detail::parked_count(goro::detail::wait_reason::select);
  goro::wait_group two;
  for (int i = 0; i != 2; ++i)
    two.go([&, c = t.c()] {
      if (goro::select(goro::recv(c), goro::recv(stop)) == 0) ++saw_time;
    });
  ASSERT_TRUE(eventually(
      [&] { return goro::detail::parked_count(goro::detail::wait_reason::select) >= parked + 2; }));
  std::this_thread::sleep_for(5ms);
  stop.close();
  two.wait();
  EXPECT_EQ(saw_time, 0);
  EXPECT_FALSE(t.reset(1ms));
  EXPECT_TRUE(t.c().recv()) << "the timer cannot be used again";
}

TEST_F(Timer, TM23_AValueReceivedLateIsTheTimeOfExpiry) {
  const auto before = clock::now();
  goro::timer t(10ms);
  const auto armed = clock::now();
  std::this_thread::sleep_for(50ms);
  const auto v = t.c().recv();
  ASSERT_TRUE(v);
  EXPECT_GE(*v, before + 10ms);
  EXPECT_LE(*v, armed + 11ms);  // the limit itself, whoever was late; deadlines are computed up to 2 us late
}

TEST_F(Timer, OneValueForManyWaiters) {
  for (int round = 0; round != 50; ++round) {
    goro::timer t(100us);
    const auto stop = goro::make_chan<int>();
    std::atomic<int> got{0};
    goro::wait_group all;
    for (int i = 0; i != 4; ++i)
      all.go([&, c = t.c()] {
        if (goro::select(goro::recv(c), goro::recv(stop)) == 0) ++got;
      });
    ASSERT_TRUE(eventually([&] { return got == 1; }));
    stop.close();
    all.wait();
    ASSERT_EQ(got, 1);
  }
}

}  // namespace
