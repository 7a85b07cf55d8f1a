// SPDX-License-Identifier: MIT
// Unbounded channels: send never waits, the buffer grows and shrinks, close drains.
#include "chan/operations.hpp"
#include "chan/parked.hpp"
#include "chan/probe.hpp"
#include "support/at_procs.hpp"

#include <goro/goro.hpp>
#include <goro/wait_group.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <limits>
#include <memory>
#include <string>
#include <vector>

using namespace goro_test;
using goro::make_chan;
using goro::op_status;
using goro::unbounded;

namespace {

class ChanUnbounded : public AtProcs {};
GORO_AT_PROCS(ChanUnbounded);

TEST_P(ChanUnbounded, SendNeverWaitsAndOrderIsKept) {
  const auto ch = make_chan<std::string>(unbounded);
  EXPECT_EQ(ch.cap(), std::numeric_limits<std::size_t>::max());
  EXPECT_EQ(ch.len(), 0u);
  EXPECT_EQ(ch.try_recv().status, op_status::would_block);
  constexpr int n = 30'000;
  for (int i = 0; i != n; ++i) {
    std::string value = "value " + std::to_string(i);
    switch (i % 4) {  // nobody receives, and none of the forms minds
      case 0: ch.send(std::move(value)); break;
      case 1: EXPECT_TRUE(ch.try_send(value)); break;
      case 2: EXPECT_EQ(ch.send_for(value, std::chrono::nanoseconds(0)), op_status::ok); break;
      case 3: EXPECT_EQ(goro::select(goro::send(ch, value), goro::otherwise), 0u); break;
    }
  }
  EXPECT_EQ(ch.len(), static_cast<std::size_t>(n));
  for (int i = 0; i != n; ++i) ASSERT_EQ(ch.recv(), "value " + std::to_string(i));
  EXPECT_EQ(ch.len(), 0u);
  EXPECT_EQ(ch.try_recv().status, op_status::would_block);
}

TEST_P(ChanUnbounded, GrowsAndShrinks) {
  const auto ch = make_chan<kibibyte>(unbounded);
  const auto twenty_megabytes_through = [&] {
    for (int i = 0; i != 20'000; ++i) ch.send(kibibyte(i));
    EXPECT_EQ(ch.len(), 20'000u);
    for (int i = 0; i != 20'000; ++i) ASSERT_TRUE(ch.recv()->holds(i));
  };
  twenty_megabytes_through();  // so that what stays for good is there already
  const std::size_t heap_before = heap_in_use();
  const std::size_t resident_before = resident_bytes();
  for (int lap = 0; lap != 3; ++lap) {
    twenty_megabytes_through();
    if (under_sanitizer) continue;
    EXPECT_LT(heap_in_use(), heap_before + 1024 * 1024) << "the buffer has not shrunk";
    EXPECT_LT(resident_bytes(), resident_before + 8 * 1024 * 1024);
  }
}

TEST_P(ChanUnbounded, GrowsAndShrinksAgainAndAgain) {
  const auto ch = make_chan<int>(unbounded);
  int next_sent = 0;
  int next_received = 0;
  for (const int burst : {1, 2, 3, 60, 61, 64, 65, 127, 128, 129, 1000, 5, 4097, 1}) {
    for (int i = 0; i != burst; ++i) ch.send(next_sent++);
    for (int i = 0; i != (burst + 1) / 2; ++i) ASSERT_EQ(ch.recv(), next_received++);
  }
  EXPECT_EQ(ch.len(), static_cast<std::size_t>(next_sent - next_received));
  while (next_received != next_sent) ASSERT_EQ(ch.recv(), next_received++);
  EXPECT_EQ(ch.len(), 0u);
}

TEST_P(ChanUnbounded, CloseDrains) {
  const auto ch = make_chan<std::unique_ptr<int>>(unbounded);
  for (int i = 0; i != 1000; ++i) ch.send(std::make_unique<int>(i));
  ch.close();
  EXPECT_THROW(ch.send(nullptr), goro::channel_error);
  EXPECT_THROW(ch.close(), goro::channel_error);
  EXPECT_EQ(ch.len(), 1000u);
  int next = 0;
  for (std::unique_ptr<int> value : ch) EXPECT_EQ(*value, next++);
  EXPECT_EQ(next, 1000);
  EXPECT_FALSE(ch.recv().has_value());
}

TEST_P(ChanUnbounded, AParkedReceiverGetsTheValueAtOnce) {
  const auto ch = make_chan<int>(unbounded);
  goro::wait_group done;
  std::atomic<int> sum = 0;
  for (int i = 0; i != 10; ++i) done.go([&] { sum += ch.recv().value_or(-1000); });
  ASSERT_TRUE(until_parked(10, wait_reason::chan_receive));
  for (int i = 1; i <= 10; ++i) ch.send(i);
  done.wait();
  EXPECT_EQ(sum, 55);
  EXPECT_EQ(ch.len(), 0u);
}

TEST_P(ChanUnbounded, CloseWakesParkedReceivers) {
  const auto ch = make_chan<int>(unbounded);
  goro::wait_group done;
  for (int i = 0; i != 10; ++i) done.go([&] { EXPECT_FALSE(ch.recv().has_value()); });
  ASSERT_TRUE(until_parked(10, wait_reason::chan_receive));
  ch.close();
  done.wait();
}

TEST_P(ChanUnbounded, CH24_EmptyElementsTakeNoMemory) {
  const auto ch = make_chan<empty>(unbounded);
  for (int i = 0; i != 100'000; ++i) ch.send({});
  EXPECT_EQ(ch.len(), 100'000u);
  for (int i = 0; i != 100'000; ++i) ASSERT_TRUE(ch.recv().has_value());
}

class ChanUnboundedStress : public AtProcs {};
GORO_AT_PROCS(ChanUnboundedStress);

TEST_P(ChanUnboundedStress, ManySendersOneOrderEach) {
  struct item {
    int sender;
    int number;
  };
  constexpr int senders = 4;
  const int each = scaled(25'000);
  const auto ch = make_chan<item>(unbounded);
  goro::wait_group done;
  for (int s = 0; s != senders; ++s)
    done.go([=] {
      for (int i = 0; i != each; ++i) ch.send({s, i});
    });
  std::vector<int> next(senders, 0);
  in_goroutine([&] {
    for (int i = 0; i != senders * each; ++i) {
      const auto got = ch.recv();
      int& expected = next[static_cast<std::size_t>(got->sender)];
      EXPECT_EQ(got->number, expected);
      expected = got->number + 1;
    }
  });
  done.wait();
  EXPECT_TRUE(std::all_of(next.begin(), next.end(), [=](int n) { return n == each; }));
  EXPECT_EQ(ch.len(), 0u);
}

TEST_P(ChanUnboundedStress, ManySendersManyReceiversExactCounts) {
  const int each = scaled(20'000);
  const auto ch = make_chan<int>(unbounded);
  std::vector<std::atomic<int>> seen(static_cast<std::size_t>(each));
  goro::wait_group sent;
  goro::wait_group received;
  for (int s = 0; s != 4; ++s)
    sent.go([&] {
      for (int i = 0; i != each; ++i) ch.send(i);
    });
  for (int r = 0; r != 4; ++r)
    received.go([&] {
      for (const int v : ch) ++seen[static_cast<std::size_t>(v)];
    });
  sent.wait();
  ch.close();
  received.wait();
  EXPECT_TRUE(std::all_of(seen.begin(), seen.end(), [](const auto& n) { return n == 4; }));
}

}  // namespace
