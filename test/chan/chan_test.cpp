// SPDX-License-Identifier: MIT
// Channels: blocking, non-blocking forms, order, len and cap. Closing is in chan_close_test.cpp.
#include "chan/parked.hpp"
#include "chan/probe.hpp"
#include "support/at_procs.hpp"

#include <goro/goro.hpp>
#include <goro/wait_group.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

using namespace goro_test;
using goro::make_chan;
using goro::op_status;

namespace {

constexpr std::array<std::size_t, 5> capacities = {0, 1, 2, 10, 100};

class Chan : public AtProcs {};
GORO_AT_PROCS(Chan);

TEST_P(Chan, CH01_ReceiveOnAnOpenEmptyChannelBlocks) {
  for (const std::size_t capacity : capacities) {
    const auto ch = make_chan<int>(capacity);
    auto nothing = ch.try_recv();
    EXPECT_EQ(nothing.status, op_status::would_block);
    EXPECT_FALSE(nothing.value.has_value());
    EXPECT_FALSE(static_cast<bool>(nothing));

    std::atomic<bool> moved = false;
    goro::wait_group done;
    done.go([&] {
      EXPECT_EQ(ch.recv(), 7);
      moved = true;
    });
    ASSERT_TRUE(until_parked(1, wait_reason::chan_receive));
    let_others_run();
    EXPECT_FALSE(moved);
    ch.send(7);
    done.wait();
    EXPECT_TRUE(moved);
  }
}

TEST_P(Chan, CH02_SendOnAFullChannelBlocks) {
  for (const std::size_t capacity : capacities) {
    const auto ch = make_chan<std::string>(capacity);
    for (std::size_t i = 0; i != capacity; ++i) ch.send(std::to_string(i));

    std::string kept = "a value long enough to live on the heap";
    EXPECT_FALSE(ch.try_send(kept));
    EXPECT_EQ(kept, "a value long enough to live on the heap");
    EXPECT_FALSE(ch.try_send(std::move(kept)));
    EXPECT_EQ(kept, "a value long enough to live on the heap");

    std::atomic<bool> moved = false;
    goro::wait_group done;
    done.go([&] {
      ch.send("last");
      moved = true;
    });
    ASSERT_TRUE(until_parked(1, wait_reason::chan_send));
    let_others_run();
    EXPECT_FALSE(moved);
    for (std::size_t i = 0; i != capacity; ++i) EXPECT_EQ(ch.recv(), std::to_string(i));
    EXPECT_EQ(ch.recv(), "last");
    done.wait();
    EXPECT_EQ(ch.len(), 0u);
  }
}

TEST_P(Chan, CH05_AHundredValuesKeepTheirOrder) {
  for (const std::size_t capacity : capacities) {
    const auto ch = make_chan<std::string>(capacity);
    const auto send_all = [ch] {
      for (int i = 0; i != 100; ++i) ch.send("value " + std::to_string(i));
    };
    goro::wait_group done;
    done.go(send_all);
    for (int i = 0; i != 100; ++i) ASSERT_EQ(ch.recv(), "value " + std::to_string(i));  // a thread receives
    done.wait();

    done.go(send_all);
    done.go([ch] {  // a goroutine receives, by the form that waits no longer than it is told
      for (int i = 0; i != 100; ++i) {
        const auto got = ch.recv_for(std::chrono::hours(1));
        EXPECT_EQ(got.status, op_status::ok);
        EXPECT_EQ(*got, "value " + std::to_string(i));
      }
    });
    done.wait();
    EXPECT_EQ(ch.len(), 0u);
  }
}

TEST_P(Chan, CH07_LenAndCap) {
  for (const std::size_t capacity : capacities) {
    const auto ch = make_chan<int>(capacity);
    EXPECT_EQ(ch.len(), 0u);
    EXPECT_EQ(ch.cap(), capacity);
    for (std::size_t i = 0; i != capacity; ++i) {
      ch.send(1);
      EXPECT_EQ(ch.len(), i + 1);
    }
    EXPECT_EQ(ch.len(), capacity);
    EXPECT_EQ(ch.cap(), capacity);
    const goro::recv_chan<int> in = ch;
    const goro::send_chan<int> out = ch;
    EXPECT_EQ(in.len(), capacity);
    EXPECT_EQ(out.cap(), capacity);
    ch.close();
    EXPECT_EQ(ch.len(), capacity);  // what is buffered stays until it is received
  }
  const goro::chan<int> nil;
  EXPECT_EQ(nil.len(), 0u);
  EXPECT_EQ(nil.cap(), 0u);
  EXPECT_EQ(goro::recv_chan<int>().len() + goro::recv_chan<int>().cap(), 0u);
  EXPECT_EQ(goro::send_chan<int>().len() + goro::send_chan<int>().cap(), 0u);
}

TEST_P(Chan, CH07_AnUnbufferedChannelHoldsNothingEvenWithParkedSenders) {
  const auto ch = make_chan<int>();
  goro::wait_group done;
  for (int i = 0; i != 3; ++i) done.go([ch] { ch.send(1); });
  ASSERT_TRUE(until_parked(3, wait_reason::chan_send));
  EXPECT_EQ(ch.len(), 0u);
  EXPECT_EQ(ch.cap(), 0u);
  for (int i = 0; i != 3; ++i) EXPECT_EQ(ch.recv(), 1);
  done.wait();
}

TEST_P(Chan, CH14_SendIntoRoomNeverBlocks) {
  for (const std::size_t capacity : capacities) {
    if (capacity == 0) continue;
    const auto ch = make_chan<std::size_t>(capacity);
    // Nobody receives: were one of these to wait, the hang guard would tell.
    for (std::size_t i = 0; i != capacity; ++i) ch.send(i);
    for (std::size_t lap = 0; lap != 3 * capacity; ++lap) {
      EXPECT_EQ(ch.recv(), lap);
      ch.send(lap + capacity);
    }
    EXPECT_EQ(ch.len(), capacity);
  }
}

template <class T>
T sample();
template <>
std::int32_t sample() {
  return -7;
}
template <>
std::int64_t sample() {
  return std::int64_t{1} << 40;
}
template <>
bool sample() {
  return true;
}
template <>
std::string sample() {
  return "a string that does not fit into the object itself";
}
template <>
std::unique_ptr<int> sample() {
  return std::make_unique<int>(5);
}
template <>
only_movable sample() {
  return only_movable(9);
}
template <>
kibibyte sample() {
  return kibibyte(11);
}

bool same(std::int32_t a, std::int32_t b) { return a == b; }
bool same(std::int64_t a, std::int64_t b) { return a == b; }
bool same(bool a, bool b) { return a == b; }
bool same(const std::string& a, const std::string& b) { return a == b; }
bool same(const std::unique_ptr<int>& a, const std::unique_ptr<int>& b) { return a && b && *a == *b; }
bool same(const only_movable& a, const only_movable& b) { return same(a.value, b.value); }
bool same(const kibibyte& a, const kibibyte& b) { return a.words == b.words; }

template <class T>
void check_try_operations() {
  const auto rendezvous = make_chan<T>();
  T value = sample<T>();
  EXPECT_FALSE(rendezvous.try_send(value));
  EXPECT_TRUE(same(value, sample<T>())) << "a send that did not happen has changed the value";
  EXPECT_EQ(rendezvous.try_recv().status, op_status::would_block);

  goro::wait_group done;
  done.go([rendezvous] {
    const std::optional<T> got = rendezvous.recv();
    EXPECT_TRUE(got.has_value() && same(*got, sample<T>()));
  });
  ASSERT_TRUE(until_parked(1, wait_reason::chan_receive));
  EXPECT_TRUE(rendezvous.try_send(value));
  done.wait();

  done.go([rendezvous] { rendezvous.send(sample<T>()); });
  ASSERT_TRUE(until_parked(1, wait_reason::chan_send));
  const auto got = rendezvous.try_recv();
  EXPECT_EQ(got.status, op_status::ok);
  ASSERT_TRUE(got.value.has_value());
  EXPECT_TRUE(same(*got, sample<T>()));
  done.wait();

  const auto one = make_chan<T>(1);
  EXPECT_EQ(one.try_recv().status, op_status::would_block);
  EXPECT_TRUE(one.try_send(sample<T>()));
  T second = sample<T>();
  EXPECT_FALSE(one.try_send(second));
  EXPECT_TRUE(same(second, sample<T>()));
  const auto buffered = one.try_recv();
  EXPECT_EQ(buffered.status, op_status::ok);
  ASSERT_TRUE(buffered.value.has_value());
  EXPECT_TRUE(same(*buffered, sample<T>()));
  EXPECT_EQ(one.try_recv().status, op_status::would_block);
}

TEST_P(Chan, CH21_TryOperationsOnEveryKindOfElement) {
  check_try_operations<std::int32_t>();
  check_try_operations<std::int64_t>();
  check_try_operations<bool>();
  check_try_operations<std::string>();
  check_try_operations<std::unique_ptr<int>>();
  check_try_operations<only_movable>();
  check_try_operations<kibibyte>();
}

TEST_P(Chan, CH22_ParkedSendersAreServedInOrder) {
  const auto ch = make_chan<int>();
  goro::wait_group done;
  for (int i = 0; i != 10; ++i) {
    done.go([ch, i] { ch.send(i); });
    ASSERT_TRUE(until_parked(static_cast<std::size_t>(i) + 1, wait_reason::chan_send));
  }
  for (int i = 0; i != 10; ++i) EXPECT_EQ(ch.recv(), i);
  done.wait();
}

TEST_P(Chan, CH22_ParkedReceiversAreServedInOrder) {
  const auto ch = make_chan<int>();
  goro::wait_group done;
  std::array<std::atomic<int>, 10> got{};
  for (int i = 0; i != 10; ++i) {
    done.go([ch, i, &got] { got[static_cast<std::size_t>(i)] = ch.recv().value_or(-1); });
    ASSERT_TRUE(until_parked(static_cast<std::size_t>(i) + 1, wait_reason::chan_receive));
  }
  for (int i = 0; i != 10; ++i) ch.send(100 + i);
  done.wait();
  for (std::size_t i = 0; i != 10; ++i) EXPECT_EQ(got[i], 100 + static_cast<int>(i));
}

// Each goroutine is let in by the one before it, takes one value and lets in the next one.
void daisy_chain(std::size_t capacity) {
  const auto numbers = make_chan<int>(capacity);
  const auto first = make_chan<int>();
  auto turn = first;
  goro::wait_group done;
  for (int i = 0; i != 10; ++i) {
    const auto next = make_chan<int>();
    done.go([=] {
      EXPECT_EQ(turn.recv(), i);
      EXPECT_EQ(numbers.recv(), i);
      next.send(i + 1);
    });
    turn = next;
  }
  done.go([=] {
    for (int i = 0; i != 10; ++i) numbers.send(i);
  });
  first.send(0);
  EXPECT_EQ(turn.recv(), 10);
  done.wait();
}

TEST_P(Chan, CH22_DaisyChainUnbuffered) { daisy_chain(0); }

TEST_P(Chan, CH23_DaisyChainBuffered) { daisy_chain(10); }

TEST_P(Chan, CH23_TheBufferIsFirstInFirstOut) {
  const auto ch = make_chan<int>(10);
  for (int lap = 0; lap != 5; ++lap) {
    for (int i = 0; i != 10; ++i) ch.send(10 * lap + i);
    for (int i = 0; i != 10; ++i) EXPECT_EQ(ch.recv(), 10 * lap + i);
    ch.send(0);  // so that the next lap starts elsewhere in the ring
    EXPECT_EQ(ch.recv(), 0);
  }
}

TEST_P(Chan, AParkedSenderRefillsTheBufferInOrder) {
  const auto ch = make_chan<int>(2);
  ch.send(0);
  ch.send(1);
  goro::wait_group done;
  for (int i = 2; i != 5; ++i) {
    done.go([ch, i] { ch.send(i); });
    ASSERT_TRUE(until_parked(static_cast<std::size_t>(i) - 1, wait_reason::chan_send));
  }
  for (int i = 0; i != 5; ++i) EXPECT_EQ(ch.recv(), i);
  done.wait();
  EXPECT_EQ(ch.len(), 0u);
}

TEST_P(Chan, WhatTheSenderDidBeforeIsSeenByTheReceiver) {
  const auto ch = make_chan<int>();
  for (int round = 0; round != 200; ++round) {
    int plain = 0;  // deliberately no atomic: the channel alone orders the two
    goro::wait_group done;
    done.go([ch, &plain] {
      plain = 42;
      ch.send(1);
    });
    EXPECT_EQ(ch.recv(), 1);
    EXPECT_EQ(plain, 42);
    done.wait();
  }
}

}  // namespace
