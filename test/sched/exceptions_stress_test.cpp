// SPDX-License-Identifier: MIT
#include "sched/in_flight.hpp"
#include "support/at_procs.hpp"

#include <goro/goro.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <exception>
#include <stdexcept>
#include <string>

namespace {

using goro_test::at_exit;
using goro_test::message;

class ExceptionsStress : public goro_test::AtProcs {};
GORO_AT_PROCS(ExceptionsStress);

// One level of nesting: a catch block that parks, inside it a destructor that parks while it unwinds.
void nested(int me, int depth, std::atomic<int>& wrong) {
  const std::string mine = std::to_string(me) + "/" + std::to_string(depth);
  const auto check = [&](bool right) {
    if (!right) ++wrong;
  };
  try {
    const int before = std::uncaught_exceptions();
    const at_exit parks{[&] {
      check(std::uncaught_exceptions() == before + 1);
      goro::yield();
      if (me % 3 == 0) goro::sleep_for(std::chrono::microseconds(50));
      check(std::uncaught_exceptions() == before + 1);
    }};
    throw std::runtime_error(mine);
  } catch (const std::exception& e) {
    goro::yield();
    check(e.what() == mine);
    if (depth != 0) nested(me, depth - 1, wrong);
    goro::yield();
    check(message(std::current_exception()) == mine);
    try {
      throw;
    } catch (const std::runtime_error& again) {
      goro::yield();
      check(again.what() == mine);
    }
  }
}

TEST_P(ExceptionsStress, SixtyFourGoroutinesInNestedCatchBlocks) {
  std::atomic<int> wrong{0};
  goro::wait_group all;
  const int rounds = goro_test::scaled(20);
  for (int me = 0; me != 64; ++me)
    all.go([&wrong, me, rounds] {
      for (int i = 0; i != rounds; ++i) nested(me, 4, wrong);
      if (std::current_exception() || std::uncaught_exceptions() != 0) ++wrong;
    });
  all.wait();
  EXPECT_EQ(wrong, 0);
}

}  // namespace
