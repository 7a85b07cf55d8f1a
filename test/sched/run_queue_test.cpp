// SPDX-License-Identifier: MIT
#include "sched/run_queue.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <vector>

namespace {

using goro::detail::goroutine;
using goro::detail::run_queue;

// The ring only carries addresses, so a number in an address's clothes will do. Null means empty.
goroutine* item(std::uintptr_t n) { return reinterpret_cast<goroutine*>((n + 1) * 64); }

template <class Queue>
std::vector<goroutine*> drain(Queue& q) {
  std::vector<goroutine*> out;
  while (goroutine* g = q.pop()) out.push_back(g);
  return out;
}

TEST(RunQueue, EmptyPopsNothing) {
  run_queue<4> q;
  EXPECT_EQ(q.pop(), nullptr);
  EXPECT_EQ(q.pop(), nullptr);
}

TEST(RunQueue, IsFirstInFirstOut) {
  run_queue<4> q;
  for (int i = 0; i != 4; ++i) ASSERT_TRUE(q.push(item(i)));
  for (int i = 0; i != 4; ++i) EXPECT_EQ(q.pop(), item(i));
  EXPECT_EQ(q.pop(), nullptr);
}

TEST(RunQueue, FullRefusesAndKeepsWhatItHas) {
  run_queue<4> q;
  for (int i = 0; i != 4; ++i) ASSERT_TRUE(q.push(item(i)));
  EXPECT_FALSE(q.push(item(4)));
  EXPECT_EQ(q.pop(), item(0));
  EXPECT_TRUE(q.push(item(4)));
  EXPECT_FALSE(q.push(item(5)));
  EXPECT_EQ(drain(q), (std::vector{item(1), item(2), item(3), item(4)}));
}

TEST(RunQueue, GoesRoundManyTimes) {
  run_queue<4> q;
  std::uintptr_t in = 0;
  std::uintptr_t out = 0;
  for (int round = 0; round != 1000; ++round) {
    for (int i = 0; i != 1 + round % 4; ++i) ASSERT_TRUE(q.push(item(in++)));
    while (goroutine* g = q.pop()) ASSERT_EQ(g, item(out++));
  }
  EXPECT_EQ(in, out);
}

TEST(RunQueue, SC12_EveryPutComesOutOnce) {
  const auto q = std::make_unique<run_queue<>>();
  for (std::uintptr_t n = 0; n != 256; ++n) {
    for (std::uintptr_t i = 0; i != n; ++i) ASSERT_TRUE(q->push(item(i)));
    const auto out = drain(*q);
    ASSERT_EQ(out.size(), n);
    for (std::uintptr_t i = 0; i != n; ++i) ASSERT_EQ(out[i], item(i));
  }
}

TEST(RunQueue, SC12_StealTakesTheOlderHalfRoundedUp) {
  const auto from = std::make_unique<run_queue<>>();
  const auto to = std::make_unique<run_queue<>>();
  for (std::uintptr_t n = 0; n != 256; ++n) {
    for (std::uintptr_t i = 0; i != n; ++i) ASSERT_TRUE(from->push(item(i)));
    goroutine* const last = from->steal_half_into(*to);
    std::vector<goroutine*> stolen = drain(*to);
    if (last != nullptr) stolen.push_back(last);
    const std::vector<goroutine*> left = drain(*from);

    ASSERT_EQ(stolen.size(), n - n / 2) << "of " << n;
    ASSERT_EQ(stolen.size() + left.size(), n);
    for (std::uintptr_t i = 0; i != n; ++i)
      ASSERT_EQ(i < stolen.size() ? stolen[i] : left[i - stolen.size()], item(i)) << "of " << n;
  }
}

TEST(RunQueue, StealFromEmptyTakesNothing) {
  run_queue<4> from;
  run_queue<4> to;
  EXPECT_EQ(from.steal_half_into(to), nullptr);
  EXPECT_EQ(to.pop(), nullptr);
}

TEST(RunQueue, StealWorksAcrossTheWrap) {
  run_queue<4> from;
  run_queue<4> to;
  for (int i = 0; i != 3; ++i) ASSERT_TRUE(from.push(item(i)));
  for (int i = 0; i != 3; ++i) ASSERT_EQ(from.pop(), item(i));
  for (int i = 3; i != 7; ++i) ASSERT_TRUE(from.push(item(i)));  // slots 3, 0, 1, 2
  EXPECT_EQ(from.steal_half_into(to), item(4));
  EXPECT_EQ(drain(to), std::vector{item(3)});
  EXPECT_EQ(drain(from), (std::vector{item(5), item(6)}));
}

}  // namespace
