// SPDX-License-Identifier: MIT
// A dump says why "all goroutines are asleep" has not been reported.
#include "support/child.hpp"

#include <gtest/gtest.h>

#include <string>

namespace {

std::string line_of(const char* which) {
  const auto r = goro_test::run_child(GORO_DEATH_DIR "/why_awake", {which}, {{"GORO_MAXPROCS", "2"}});
  EXPECT_EQ(r.exit_status, 2) << r.err;
  const std::size_t at = r.err.find("goro: \"all goroutines are asleep\" ");
  EXPECT_NE(at, std::string::npos) << r.err;
  return at == std::string::npos ? "" : r.err.substr(at, r.err.find('\n', at) - at);
}

TEST(WhyAwake, NoRun) {
  EXPECT_NE(line_of("no_run").find("is not looked for: no run() is under way"), std::string::npos);
}

TEST(WhyAwake, AThreadMayWakeSomebody) {
  const std::string line = line_of("thread");
  EXPECT_NE(line.find("is not looked for: 2 plain threads use goro"), std::string::npos) << line;
}

TEST(WhyAwake, ATimerWill) {
  const std::string line = line_of("timer");
  EXPECT_NE(line.find("a timer is due in 4"), std::string::npos) << line;  // 49,… s
}

TEST(WhyAwake, OneBlocksInTheKernel) {
  const std::string line = line_of("blocking");
  EXPECT_NE(line.find("1 thread is at work, or blocked in the kernel"), std::string::npos) << line;
}

}  // namespace
