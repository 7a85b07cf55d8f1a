// SPDX-License-Identifier: MIT
// GORO_DEBUG=schedtrace=N. The program is test/death/traced.cpp.
#include "support/child.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <regex>
#include <sstream>
#include <string>

namespace {

using testing::HasSubstr;
using testing::Not;

auto run_traced(const char* debug) {
  return goro_test::run_child(std::string(GORO_DEATH_DIR) + "/traced", {},
                              {{"GORO_DEBUG", debug}, {"GORO_MAXPROCS", "2"}});
}

TEST(ScheduleTrace, WritesALineEachInterval) {
  const auto r = run_traced("schedtrace=20");
  EXPECT_EQ(r.exit_status, 0) << r.err;
  const std::regex form(R"(SCHED (\d+)ms: maxprocs=2 idleprocs=\d+ threads=(\d+) spinningthreads=\d+ )"
                        R"(idlethreads=\d+ goroutines=(\d+) runqueue=(\d+) \[(\d+) (\d+)\])");
  std::istringstream lines(r.err);
  int n = 0;
  int longest_queues = 0;
  int most = 0;
  long before = 0;
  for (std::string line; std::getline(lines, line); ++n) {
    std::smatch m;
    ASSERT_TRUE(std::regex_match(line, m, form)) << line;
    EXPECT_GE(std::stol(m[1]), before) << line;
    before = std::stol(m[1]);
    EXPECT_GE(std::stoi(m[2]), 1) << line;
    most = std::max(most, std::stoi(m[3]));
    longest_queues = std::max(longest_queues, std::stoi(m[4]) + std::stoi(m[5]) + std::stoi(m[6]));
  }
  EXPECT_GE(n, 2);
  EXPECT_EQ(most, 20);
  EXPECT_GE(longest_queues, 10) << r.err;
  EXPECT_LE(longest_queues, 40);  // one that moves from queue to queue meanwhile may count twice
  EXPECT_THAT(r.out, HasSubstr("goro-schedtrace"));
}

TEST(ScheduleTrace, CostsNothingWhenItIsOff) {
  const auto r = run_traced("");
  EXPECT_EQ(r.exit_status, 0);
  EXPECT_EQ(r.err, "");
  EXPECT_THAT(r.out, HasSubstr("goro-monitor"));
  EXPECT_THAT(r.out, Not(HasSubstr("goro-schedtrace")));
}

}  // namespace
