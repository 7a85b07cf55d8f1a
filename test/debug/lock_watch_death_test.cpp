// SPDX-License-Identifier: MIT
// GORO_DEBUG=deadlock: circles are reported, with names, locks and stacks, and the program goes on; what only looks
// like one is not.
#include "support/child.hpp"

#include <gtest/gtest.h>

#include <string>

namespace {

class LockWatchDeath : public testing::TestWithParam<const char*> {
 protected:
  static goro_test::child_result run(const char* which, const char* debug = "deadlock") {
    return goro_test::run_child(GORO_DEATH_DIR "/lock_circles", {which},
                                {{"GORO_MAXPROCS", GetParam()}, {"GORO_DEBUG", debug}});
  }
  static std::size_t times(const std::string& text, const std::string& word) {
    std::size_t n = 0;
    for (std::size_t at = text.find(word); at != std::string::npos; at = text.find(word, at + 1)) ++n;
    return n;
  }
};

TEST_P(LockWatchDeath, TwoThatTakeTwoLocksInOppositeOrders) {
  const auto r = run("ab_ba");
  EXPECT_EQ(r.exit_status, 0) << r.err;
  EXPECT_EQ(times(r.err, "goro: deadlock: 2 wait for each other"), 1u) << r.err;
  for (const char* words :
       {"\"first-a\" wants mutex", "\"first-b\" wants mutex", "and holds mutex", "taken at", "take"})
    EXPECT_NE(r.err.find(words), std::string::npos) << words << " in:\n" << r.err;
}

TEST_P(LockWatchDeath, OneThatTakesALockTwice) {
  const auto r = run("itself");
  EXPECT_EQ(r.exit_status, 0) << r.err;
  EXPECT_EQ(times(r.err, "goro: deadlock: one waits for itself"), 1u) << r.err;
  EXPECT_NE(r.err.find("\"twice\" wants mutex"), std::string::npos) << r.err;
}

TEST_P(LockWatchDeath, RW06_AReadLockTakenAgainWithAWriterInBetween) {
  const auto r = run("read_again");
  EXPECT_EQ(r.exit_status, 0) << r.err;
  EXPECT_EQ(times(r.err, "goro: deadlock:"), 1u) << r.err;
  for (const char* words :
       {"\"reader\" wants rw_mutex read", "\"writer\" wants rw_mutex write", "and holds rw_mutex read"})
    EXPECT_NE(r.err.find(words), std::string::npos) << words << " in:\n" << r.err;
}

TEST_P(LockWatchDeath, NothingIsSaidOfWhatResolvesItself) {
  for (const char* which : {"with_a_limit", "given_back_by_another", "chain"}) {
    const auto r = run(which);
    EXPECT_EQ(r.exit_status, 0) << which << r.err;
    EXPECT_EQ(r.err, "") << which;
  }
}

TEST_P(LockWatchDeath, NothingIsSaidUnasked) { EXPECT_EQ(run("ab_ba", "").err, ""); }

INSTANTIATE_TEST_SUITE_P(Procs, LockWatchDeath, testing::Values("1", "2", "4"));

}  // namespace
