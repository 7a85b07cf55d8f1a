// SPDX-License-Identifier: MIT
// select: which case runs, what is evaluated and moved, handlers, otherwise.
#include "chan/operations.hpp"
#include "chan/parked.hpp"
#include "chan/probe.hpp"
#include "support/at_procs.hpp"

#include <goro/goro.hpp>
#include <goro/wait_group.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdlib>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

using namespace goro_test;
using goro::chan;
using goro::make_chan;
using goro::op_status;
using goro::otherwise;

namespace {

class Select : public AtProcs {};
GORO_AT_PROCS(Select);

TEST_P(Select, SE04_OneGoroutineNeverPairsWithItself) {
  const auto ch = make_chan<int>();
  EXPECT_EQ(goro::select(goro::send(ch, 1), goro::recv(ch), otherwise), 2u);
  std::atomic<int> outcome = -1;
  goro::wait_group done;
  done.go([&] {
    int value = 0;
    const std::size_t chosen = goro::select(goro::send(ch, 1), goro::recv(ch, value));
    outcome = static_cast<int>(chosen) * 100 + value;
  });
  ASSERT_TRUE(until_parked(1, wait_reason::select));
  let_others_run();
  EXPECT_EQ(outcome, -1);
  EXPECT_EQ(ch.recv(), 1);
  done.wait();
  EXPECT_EQ(outcome, 0);
  EXPECT_EQ(ch.try_recv().status, op_status::would_block);
  EXPECT_FALSE(ch.try_send(3)) << "its receive case must have left the queue";
}

TEST_P(Select, SE09_OneChannelTwiceAsSendOnAFullChannel) {
  const auto ch = make_chan<std::string>(1);
  ch.send("full");
  for (int i = 0; i != 100; ++i)
    EXPECT_EQ(goro::select(goro::send(ch, "a"), goro::send(ch, std::string("b")), otherwise), 2u);
  const auto unbuffered = make_chan<std::string>();
  EXPECT_EQ(goro::select(goro::send(unbuffered, "a"), goro::send(unbuffered, "b"), otherwise), 2u);
  EXPECT_EQ(ch.recv(), "full");
  EXPECT_EQ(ch.len(), 0u);
}

// A losing case that is last in a channel's queue leaves it whole: who queues afterwards is woken.
TEST_P(Select, SE10_ALosingCaseAtTheEndOfAQueueIsUnlinked) {
  const auto shared = make_chan<int>();
  const auto leave = make_chan<int>();
  std::atomic<int> woken = 0;
  goro::wait_group done;
  done.go([&] { woken += shared.recv().value_or(-100); });
  ASSERT_TRUE(until_parked(1, wait_reason::chan_receive));
  done.go([&] { EXPECT_EQ(goro::select(goro::recv(shared), goro::recv(leave)), 1u); });
  ASSERT_TRUE(until_parked(1, wait_reason::select));
  leave.send(0);
  ASSERT_TRUE(eventually([] { return goro::detail::parked_count(wait_reason::select) == 0; }));
  done.go([&] { woken += shared.recv().value_or(-100); });
  ASSERT_TRUE(until_parked(2, wait_reason::chan_receive));
  shared.send(1);
  shared.send(1);
  done.wait();
  EXPECT_EQ(woken, 2);
}

TEST_P(Select, SE08_TheSameChannelTwiceLeavesTheQueueWhole) {
  const auto twice = make_chan<int>();
  const auto leave = make_chan<int>();
  std::atomic<int> got = 0;
  goro::wait_group first;
  goro::wait_group second;
  first.go([&] { EXPECT_EQ(goro::select(goro::recv(twice), goro::recv(twice), goro::recv(leave)), 2u); });
  ASSERT_TRUE(until_parked(1, wait_reason::select));
  second.go([&] { got = twice.recv().value_or(-1); });
  ASSERT_TRUE(until_parked(1, wait_reason::chan_receive));
  leave.send(0);
  first.wait();
  twice.send(8);
  second.wait();
  EXPECT_EQ(got, 8);
  EXPECT_FALSE(twice.try_send(9));
}

// SE12: receive and send, each as plain operation, one-case and two-case select, by threads and goroutines.
TEST_P(Select, SE12_EveryReceiveFormMeetsEverySendForm) {
  using action = void (*)(const chan<int>&);
  const std::array<action, 3> receivers = {
      [](const chan<int>& ch) { (void)ch.recv(); },
      [](const chan<int>& ch) { goro::select(goro::recv(ch)); },
      [](const chan<int>& ch) { goro::select(goro::recv(ch), goro::recv(make_chan<int>())); },
  };
  const std::array<action, 3> senders = {
      [](const chan<int>& ch) { ch.send(1); },
      [](const chan<int>& ch) { goro::select(goro::send(ch, 1)); },
      [](const chan<int>& ch) { goro::select(goro::recv(make_chan<int>()), goro::send(ch, 1)); },
  };
  for (const action receive_one : receivers)
    for (const action send_one : senders) {
      const auto ch = make_chan<int>();
      goro::wait_group done;
      done.go([&] { receive_one(ch); });
      send_one(ch);
      done.wait();
      done.go([&] { send_one(ch); });
      receive_one(ch);
      done.wait();
      done.go([&] { send_one(ch); });
      done.go([&] { receive_one(ch); });
      done.wait();
      EXPECT_EQ(ch.try_recv().status, op_status::would_block);
    }
}

// The cases are arguments: all are evaluated, once each, before any is chosen. C++ leaves the order among the
// arguments of a call to the compiler; a braced list has the order of the source.
TEST_P(Select, SE13_EveryCaseIsEvaluatedOnceBeforeTheChoice) {
  const auto ready = make_chan<int>(1);
  const auto idle = make_chan<int>();
  std::vector<int> order;
  const auto note = [&order](int which, const chan<int>& ch) -> const chan<int>& {
    order.push_back(which);
    return ch;
  };
  const auto value = [&order](int which) {
    order.push_back(which);
    return which;
  };
  ready.send(1);
  goro::select_case cases[] = {goro::recv(note(1, idle)), goro::recv(note(2, ready)),
                               goro::send(note(3, idle), value(4)),
                               goro::send(note(5, chan<int>()), value(6))};
  EXPECT_EQ(order.size(), 6u);
  EXPECT_EQ(order[0], 1);
  EXPECT_EQ(order[1], 2);
  EXPECT_EQ(goro::select(std::span(cases).first(2)), 1u);
  EXPECT_EQ(order.size(), 6u);

  order.clear();
  ready.send(2);
  EXPECT_EQ(goro::select(goro::recv(note(1, idle)), goro::recv(note(2, ready)),
                         goro::send(note(3, idle), value(4))),
            1u);
  std::sort(order.begin(), order.end());
  EXPECT_EQ(order, (std::vector<int>{1, 2, 3, 4}));
}

TEST_P(Select, SE13_TheTargetOfACaseThatIsNotChosenIsUntouched) {
  const auto ready = make_chan<int>(1);
  const auto idle = make_chan<std::string>();
  std::string untouched = "as it was";
  std::optional<std::string> untouched_too = "as it was";
  bool ok = true;
  int value = 0;
  ready.send(3);
  EXPECT_EQ(goro::select(goro::recv(idle, untouched), goro::recv(idle, untouched, ok),
                         goro::recv(idle, untouched_too), goro::recv(ready, value)),
            3u);
  EXPECT_EQ(value, 3);
  EXPECT_EQ(untouched, "as it was");
  EXPECT_EQ(untouched_too, "as it was");
  EXPECT_TRUE(ok);
}

TEST_P(Select, CH12_ASlotOnTheStackIsUntouchedWhenAnotherCaseWins) {
  const auto other = make_chan<int>();
  const auto wake = make_chan<int>();
  for (const bool same_twice : {false, true}) {
    goro::wait_group done;
    done.go([&] {
      std::array<int, 64> around{};
      int slot = 1234567;
      int second_slot = 7654321;
      const std::size_t chosen =
          same_twice ? goro::select(goro::recv(other, slot), goro::recv(other, second_slot), goro::recv(wake))
                     : goro::select(goro::recv(other, slot), goro::recv(wake));
      EXPECT_EQ(chosen, same_twice ? 2u : 1u);
      ASSERT_TRUE(eventually([&] { return goro::detail::parked_count(wait_reason::chan_send) == 1; }));
      EXPECT_EQ(slot, 1234567);  // a sender has come since; it must not write here
      EXPECT_EQ(second_slot, 7654321);
      for (const int word : around) EXPECT_EQ(word, 0);
      EXPECT_EQ(other.recv(), 5);
    });
    ASSERT_TRUE(until_parked(1, wait_reason::select));
    goro::detail::release_idle_memory();
    wake.send(0);
    done.go([&] { other.send(5); });
    done.wait();
  }
}

TEST_P(Select, SE14_ASendCaseMovesItsValueOnlyIfItWins) {
  const auto a = make_chan<std::unique_ptr<int>>(1);
  const auto b = make_chan<std::unique_ptr<int>>(1);
  for (int i = 0; i != 100; ++i) {
    auto for_a = std::make_unique<int>(1);
    auto for_b = std::make_unique<int>(2);
    const std::size_t chosen = goro::select(goro::send(a, std::move(for_a)), goro::send(b, std::move(for_b)));
    EXPECT_EQ(for_a == nullptr, chosen == 0);
    EXPECT_EQ(for_b == nullptr, chosen == 1);
    EXPECT_EQ(**(chosen == 0 ? a : b).recv(), chosen == 0 ? 1 : 2);
  }
}

TEST_P(Select, SE14_AnLvalueIsCopiedWhenChosenAndNotEarlier) {
  const auto ch = make_chan<std::string>(1);
  std::string value = "one";
  auto kept = goro::send(ch, value);
  value = "two";  // the case refers to it
  EXPECT_EQ(goro::select(std::move(kept)), 0u);
  EXPECT_EQ(ch.recv(), "two");
  EXPECT_EQ(value, "two");
  EXPECT_EQ(goro::select(goro::send(ch, std::as_const(value))), 0u);
  EXPECT_EQ(ch.recv(), "two");
  EXPECT_EQ(goro::select(goro::send(ch, "a literal")), 0u);  // anything that a T can be made of
  EXPECT_EQ(ch.recv(), "a literal");
}

TEST_P(Select, SE16_OnlyNilChannelsTakeTheDefault) {
  const chan<int> nil;
  int value = 5;
  EXPECT_EQ(goro::select(goro::recv(nil, value), otherwise), 1u);
  EXPECT_EQ(goro::select(goro::send(nil, value), otherwise), 1u);
  EXPECT_EQ(goro::select(goro::recv(nil), goro::send(nil, 1), goro::recv(goro::recv_chan<int>()),
                         goro::send(goro::send_chan<int>(), 2), otherwise),
            4u);
  EXPECT_EQ(value, 5);
  const auto ready = make_chan<int>(1);
  ready.send(1);
  EXPECT_EQ(goro::select(goro::recv(nil), goro::recv(ready), goro::send(nil, 1)), 1u);
}

class SelectForeverDeathTest : public AtProcs {
 protected:
  void SetUp() override {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    AtProcs::SetUp();
  }
};
GORO_AT_PROCS(SelectForeverDeathTest);

TEST_P(SelectForeverDeathTest, SE15_AnEmptySelectBlocksForEver) {
  EXPECT_EXIT(
      {
        std::atomic<bool> moved = false;
        goro::go([&] { goro::select(), moved = true; });
        goro::go([&] { goro::select(std::span<goro::select_case>()), moved = true; });
        const bool parked = until_parked(2, wait_reason::select_no_cases);
        let_others_run();
        std::_Exit(parked && !moved ? 0 : 1);
      },
      testing::ExitedWithCode(0), "");
}

TEST_P(SelectForeverDeathTest, SE16_OnlyNilChannelsBlockForEver) {
  EXPECT_EXIT(
      {
        const chan<int> nil;
        std::atomic<bool> moved = false;
        goro::go([&] { goro::select(goro::recv(nil)), moved = true; });
        goro::go([&] { goro::select(goro::send(nil, 1)), moved = true; });
        goro::go([&] { goro::select(goro::recv(nil), goro::send(nil, 1)), moved = true; });
        const auto parked = [] {
          using goro::detail::parked_count;
          return parked_count(wait_reason::select) + parked_count(wait_reason::select_no_cases) +
                     parked_count(wait_reason::chan_receive_nil) + parked_count(wait_reason::chan_send_nil) ==
                 3;
        };
        const bool all = eventually(parked);
        let_others_run();
        std::_Exit(all && parked() && !moved ? 0 : 1);
      },
      testing::ExitedWithCode(0), "");
}

TEST_P(Select, SE17_DefaultAloneAndAReadyCaseBeforeDefault) {
  EXPECT_EQ(goro::select(otherwise), 0u);
  bool ran = false;
  EXPECT_EQ(goro::select(otherwise([&] { ran = true; })), 0u);
  EXPECT_TRUE(ran);

  const auto ch = make_chan<int>(1);
  for (int i = 0; i != 1000; ++i) {
    EXPECT_EQ(goro::select(otherwise, goro::send(ch, i)), 1u);
    int value = -1;
    EXPECT_EQ(goro::select(goro::recv(ch, value), otherwise), 0u);
    EXPECT_EQ(value, i);
    EXPECT_EQ(goro::select(goro::recv(ch), otherwise), 1u);
  }
  goro::wait_group done;
  const auto rendezvous = make_chan<int>();
  done.go([&] { rendezvous.send(4); });
  ASSERT_TRUE(until_parked(1, wait_reason::chan_send));
  int value = 0;
  EXPECT_EQ(goro::select(otherwise, goro::recv(rendezvous, value)), 1u);
  EXPECT_EQ(value, 4);
  done.wait();
}

TEST_P(Select, SE18_AClosedChannelIsReadyToReceiveAndThrowsToSend) {
  const auto closed = make_chan<int>(1);
  closed.close();
  const auto idle = make_chan<int>();
  int value = 77;
  bool ok = true;
  EXPECT_EQ(goro::select(goro::recv(idle), goro::recv(closed, value, ok)), 1u);
  EXPECT_FALSE(ok);
  EXPECT_EQ(value, 77) << "a closed channel leaves the target as it was";
  std::optional<int> target = 3;
  EXPECT_EQ(goro::select(goro::recv(closed, target)), 0u);
  EXPECT_FALSE(target.has_value());
  expect_misuse<goro::channel_error>([&] { goro::select(goro::send(closed, 1), goro::recv(idle)); }, "send");
  expect_misuse<goro::channel_error>([&] { goro::select(goro::send(closed, 1), otherwise); }, "send");

  // Beside another ready case it throws when, and only when, it is the one that is picked.
  const auto ready = make_chan<int>(1);
  int threw = 0;
  int received_instead = 0;
  for (int i = 0; i != 200; ++i) {
    (void)ready.try_send(1);
    try {
      EXPECT_EQ(goro::select(goro::send(closed, 1), goro::recv(ready)), 1u);
      ++received_instead;
      EXPECT_EQ(ready.len(), 0u);
    } catch (const goro::channel_error&) {
      ++threw;
      EXPECT_EQ(ready.len(), 1u);
    }
  }
  EXPECT_GT(threw, 10);
  EXPECT_GT(received_instead, 10);
}

TEST_P(Select, TwoOtherwisesAreALogicError) {
  expect_misuse<std::logic_error>([] { goro::select(otherwise, otherwise); }, "select");
  const auto ready = make_chan<int>(1);
  ready.send(1);
  expect_misuse<std::logic_error>([&] { goro::select(otherwise([] {}), goro::recv(ready), otherwise); },
                                  "otherwise");
  EXPECT_EQ(ready.len(), 1u);
}

}  // namespace
