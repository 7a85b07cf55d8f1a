// SPDX-License-Identifier: MIT
#include "sched/on_goroutine.hpp"

#include <goro/goro.hpp>

#include <gtest/gtest.h>

#include <memory>
#include <stdexcept>
#include <type_traits>
#include <vector>

namespace {

TEST(Defer, RunsAtTheEndOfTheBlock) {
  int ran = 0;
  {
    const goro::defer d([&] { ++ran; });
    EXPECT_EQ(ran, 0);
  }
  EXPECT_EQ(ran, 1);
}

TEST(Defer, LastInFirstOut) {
  std::vector<int> order;
  {
    const goro::defer a([&] { order.push_back(1); });
    const goro::defer b([&] { order.push_back(2); });
    const goro::defer c([&] { order.push_back(3); });
  }
  EXPECT_EQ(order, (std::vector{3, 2, 1}));
}

TEST(Defer, RunsWhenAnExceptionLeavesTheBlock) {
  int ran = 0;
  EXPECT_THROW(
      {
        const goro::defer d([&] { ++ran; });
        throw std::runtime_error("out");
      },
      std::runtime_error);
  EXPECT_EQ(ran, 1);
}

TEST(Defer, DismissedItDoesNotRun) {
  int ran = 0;
  {
    goro::defer d([&] { ++ran; });
    d.dismiss();
    d.dismiss();
  }
  EXPECT_EQ(ran, 0);
}

TEST(Defer, TakesMoveOnlyFunctions) {
  int seen = 0;
  {
    const goro::defer d([&, p = std::make_unique<int>(7)] { seen = *p; });
  }
  EXPECT_EQ(seen, 7);
}

TEST(Defer, MayParkAndSendDuringUnwinding) {
  const auto out = goro::make_chan<int>();
  goro::go([out] {
    try {
      const goro::defer d([&] { out.send(1); });
      throw std::runtime_error("unwinds");
    } catch (const std::runtime_error&) {
      out.send(2);
    }
  });
  EXPECT_EQ(out.recv(), 1);
  EXPECT_EQ(out.recv(), 2);
}

TEST(Defer, CannotBeCopied) {
  using d = goro::defer<void (*)()>;
  static_assert(!std::is_copy_constructible_v<d>);
  static_assert(!std::is_copy_assignable_v<d>);
}

}  // namespace
