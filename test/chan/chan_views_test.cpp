// SPDX-License-Identifier: MIT
// Handles, views, range-for, equality and nil. CH28 is checked by the compiler.
#include "chan/operations.hpp"
#include "chan/parked.hpp"
#include "chan/probe.hpp"
#include "support/at_procs.hpp"

#include <goro/goro.hpp>
#include <goro/wait_group.hpp>

#include <chrono>
#include <concepts>
#include <cstdlib>
#include <memory>
#include <ranges>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

using namespace goro_test;
using goro::chan;
using goro::make_chan;
using goro::op_status;
using goro::recv_chan;
using goro::send_chan;

namespace {

// CH28
template <class C>
concept can_send = requires(const C& c) {
  c.send(1);
};
template <class C>
concept can_try_send = requires(const C& c, int& v) {
  c.try_send(v);
};
template <class C>
concept can_send_for = requires(const C& c, int& v) {
  c.send_for(v, std::chrono::seconds(1));
};
template <class C>
concept can_close = requires(const C& c) {
  c.close();
};
template <class C>
concept can_recv = requires(const C& c) {
  c.recv();
};
template <class C>
concept can_try_recv = requires(const C& c) {
  c.try_recv();
};
template <class C>
concept can_recv_for = requires(const C& c) {
  c.recv_for(std::chrono::seconds(1));
};
template <class C>
concept can_be_ranged_over = requires(const C& c) {
  c.begin() != c.end();
};
template <class C>
concept has_len_and_cap = requires(const C& c) {
  c.len() + c.cap();
};
template <class C>
concept can_be_selected_for_send = requires(const C& c) {
  goro::send(c, 1);
};
template <class C>
concept can_be_selected_for_recv = requires(const C& c) {
  goro::recv(c);
};
template <class C>
concept sends = can_send<C> && can_try_send<C> && can_send_for<C> && can_close<C>;
template <class C>
concept sends_somehow = can_send<C> || can_try_send<C> || can_send_for<C> || can_close<C>;
template <class C>
concept receives = can_recv<C> && can_try_recv<C> && can_recv_for<C> && can_be_ranged_over<C>;
template <class C>
concept receives_somehow = can_recv<C> || can_try_recv<C> || can_recv_for<C> || can_be_ranged_over<C>;

static_assert(sends<chan<int>> && receives<chan<int>>);
static_assert(receives<recv_chan<int>> && !sends_somehow<recv_chan<int>>);
static_assert(sends<send_chan<int>> && !receives_somehow<send_chan<int>>);
static_assert(has_len_and_cap<chan<int>> && has_len_and_cap<recv_chan<int>> &&
              has_len_and_cap<send_chan<int>>);
static_assert(can_be_selected_for_recv<chan<int>> && can_be_selected_for_send<chan<int>>);
static_assert(can_be_selected_for_recv<recv_chan<int>> && !can_be_selected_for_send<recv_chan<int>>);
static_assert(!can_be_selected_for_recv<send_chan<int>> && can_be_selected_for_send<send_chan<int>>);

static_assert(std::convertible_to<chan<int>, recv_chan<int>> &&
              std::convertible_to<chan<int>, send_chan<int>>);
static_assert(!std::constructible_from<chan<int>, recv_chan<int>>);
static_assert(!std::constructible_from<chan<int>, send_chan<int>>);
static_assert(!std::constructible_from<recv_chan<int>, send_chan<int>>);
static_assert(!std::constructible_from<send_chan<int>, recv_chan<int>>);
static_assert(!std::constructible_from<recv_chan<long>, chan<int>>);
static_assert(!std::constructible_from<chan<long>, chan<int>>);
static_assert(!std::convertible_to<chan<int>, bool> && std::constructible_from<bool, chan<int>>);

static_assert(!can_send<int> && !can_recv<int> && !can_close<int> && !can_be_ranged_over<int>);
static_assert(!can_be_selected_for_send<int> && !can_be_selected_for_recv<int>);
static_assert(!can_be_selected_for_send<std::vector<int>> && !can_be_selected_for_recv<std::string>);

static_assert(std::is_nothrow_default_constructible_v<chan<int>>);
static_assert(std::copyable<chan<int>> && std::copyable<recv_chan<int>> && std::copyable<send_chan<int>>);
static_assert(std::copyable<chan<std::unique_ptr<int>>>, "a handle can be copied whatever its elements are");
static_assert(std::same_as<chan<std::string>::value_type, std::string>);
static_assert(std::equality_comparable<chan<int>> && std::equality_comparable<recv_chan<int>>);
static_assert(std::same_as<decltype(*std::declval<chan<std::string>&>().begin()), std::string&&>);

class ChanViews : public AtProcs {};
GORO_AT_PROCS(ChanViews);

TEST_P(ChanViews, CH28_ViewsAreTheSameChannel) {
  const auto ch = make_chan<int>(2);
  const recv_chan<int> in = ch;
  const send_chan<int> out = ch;
  out.send(1);
  int two = 2;
  EXPECT_TRUE(out.try_send(two));
  EXPECT_FALSE(out.try_send(3));
  EXPECT_EQ(out.send_for(two, std::chrono::nanoseconds(0)), op_status::timed_out);
  EXPECT_EQ(in.len(), 2u);
  EXPECT_EQ(in.recv(), 1);
  EXPECT_EQ(*in.try_recv(), 2);
  EXPECT_EQ(in.recv_for(std::chrono::nanoseconds(0)).status, op_status::timed_out);
  out.send(4);
  out.close();
  std::vector<int> rest;
  for (const int v : in) rest.push_back(v);
  EXPECT_EQ(rest, std::vector<int>{4});
}

TEST_P(ChanViews, HandlesCompareByChannel) {
  const auto a = make_chan<int>();
  const auto b = make_chan<int>();
  const auto copy = a;
  EXPECT_TRUE(a == copy);
  EXPECT_TRUE(a != b);
  EXPECT_TRUE(recv_chan<int>(a) == recv_chan<int>(copy));
  EXPECT_TRUE(recv_chan<int>(a) != recv_chan<int>(b));
  EXPECT_TRUE(send_chan<int>(a) == send_chan<int>(copy));
  EXPECT_TRUE(send_chan<int>(a) != send_chan<int>(b));
  EXPECT_TRUE(chan<int>() == chan<int>());
  EXPECT_TRUE(a != chan<int>());
  EXPECT_TRUE(static_cast<bool>(a));
  EXPECT_FALSE(static_cast<bool>(chan<int>()));
  EXPECT_FALSE(static_cast<bool>(recv_chan<int>()));
  EXPECT_FALSE(static_cast<bool>(send_chan<int>()));
  EXPECT_TRUE(static_cast<bool>(recv_chan<int>(a)));
  EXPECT_FALSE(static_cast<bool>(recv_chan<int>(chan<int>())));
}

TEST_P(ChanViews, AMovedFromHandleIsNilAndTheOtherOneLives) {
  auto ch = make_chan<int>(1);
  ch.send(3);
  const auto moved = std::move(ch);
  EXPECT_EQ(moved.recv(), 3);
  ch = moved;
  EXPECT_TRUE(ch == moved);
  ch = chan<int>();
  EXPECT_FALSE(static_cast<bool>(ch));
  moved.send(4);
  EXPECT_EQ(moved.len(), 1u);
}

TEST_P(ChanViews, RangeForTakesMoveOnlyValues) {
  const auto ch = make_chan<std::unique_ptr<int>>(3);
  goro::wait_group done;
  done.go([ch] {
    for (int i = 0; i != 100; ++i) ch.send(std::make_unique<int>(i));
    ch.close();
  });
  int next = 0;
  for (std::unique_ptr<int> value : ch) {
    ASSERT_TRUE(value != nullptr);
    EXPECT_EQ(*value, next++);
  }
  EXPECT_EQ(next, 100);
  done.wait();
}

TEST_P(ChanViews, RangeForByReferenceAndOverNoDefaultConstructor) {
  const auto ch = make_chan<only_movable>(4);
  for (int i = 0; i != 4; ++i) ch.send(only_movable(i));
  ch.close();
  int next = 0;
  for (auto&& value : recv_chan<only_movable>(ch)) EXPECT_EQ(*value.value, next++);
  EXPECT_EQ(next, 4);
  for (auto&& value : ch) FAIL() << "a drained channel gave " << *value.value;
}

TEST_P(ChanViews, LeavingARangeLoopLosesNothingElse) {
  const auto ch = make_chan<int>(10);
  for (int i = 0; i != 10; ++i) ch.send(i);
  for (const int v : ch)
    if (v == 3) break;
  EXPECT_EQ(ch.len(), 6u);
  EXPECT_EQ(ch.recv(), 4);
}

TEST_P(ChanViews, ARangeLoopKeepsTheChannelAlive) {
  const auto filled = [] {
    auto ch = make_chan<std::string>(2);
    ch.send("a");
    ch.send("b");
    ch.close();
    return ch;
  };
  std::string all;
  for (const std::string& s : filled()) all += s;
  EXPECT_EQ(all, "ab");
}

TEST_P(ChanViews, CH13_NilIsNeverReady) {
  const chan<int> nil;
  int value = 5;
  EXPECT_FALSE(nil.try_send(value));
  EXPECT_FALSE(nil.try_send(6));
  EXPECT_EQ(nil.try_recv().status, op_status::would_block);
  EXPECT_EQ(recv_chan<int>().try_recv().status, op_status::would_block);
  EXPECT_EQ(nil.send_for(value, std::chrono::milliseconds(2)), op_status::timed_out);
  EXPECT_EQ(nil.recv_for(std::chrono::milliseconds(2)).status, op_status::timed_out);
  EXPECT_EQ(nil.send_for(value, std::chrono::nanoseconds(0)), op_status::timed_out);
  EXPECT_EQ(nil.recv_for(std::chrono::seconds(-1)).status, op_status::timed_out);
  EXPECT_EQ(value, 5);
}

// Goroutines that nothing can wake are left to a child process, which _Exit ends with them in it.
class ChanForeverDeathTest : public AtProcs {
 protected:
  void SetUp() override {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    AtProcs::SetUp();
  }
};
GORO_AT_PROCS(ChanForeverDeathTest);

TEST_P(ChanForeverDeathTest, CH13_SendAndReceiveOnNilBlockForEver) {
  EXPECT_EXIT(
      {
        std::atomic<int> moved = 0;
        for (int i = 0; i != 3; ++i) goro::go([&] { (void)goro::chan<int>().recv(), ++moved; });
        for (int i = 0; i != 2; ++i) goro::go([&] { goro::chan<int>().send(1), ++moved; });
        goro::go([&] { (void)goro::recv_chan<int>().recv(), ++moved; });
        goro::go([&] { goro::send_chan<int>().send(1), ++moved; });
        const bool parked =
            until_parked(4, wait_reason::chan_receive_nil) && until_parked(3, wait_reason::chan_send_nil);
        let_others_run();
        std::_Exit(parked && moved == 0 ? 0 : 1);
      },
      testing::ExitedWithCode(0), "");
}

TEST(ChanStates, CH13_TheWordsOfTheStates) {
  EXPECT_STREQ(goro::detail::to_string(wait_reason::chan_receive_nil), "chan receive (nil chan)");
  EXPECT_STREQ(goro::detail::to_string(wait_reason::chan_send_nil), "chan send (nil chan)");
  EXPECT_STREQ(goro::detail::to_string(wait_reason::select_no_cases), "select (no cases)");
  EXPECT_STREQ(goro::detail::to_string(wait_reason::chan_receive), "chan receive");
  EXPECT_STREQ(goro::detail::to_string(wait_reason::chan_send), "chan send");
  EXPECT_STREQ(goro::detail::to_string(wait_reason::select), "select");
}

}  // namespace
