// SPDX-License-Identifier: MIT
// GORO_DEBUG=deadlock: circles are reported, with names, locks and stacks, and the program goes on; what only looks
// like one is not.
#include "support/child.hpp"

#include <gtest/gtest.h>

#include <string>
#include <utility>

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
  for (const char* which :
       {"with_a_limit", "with_a_long_limit", "given_back_by_another", "handed_around", "chain",
        "group_that_is_fine", "send_under_a_lock", "send_under_a_lock_not_proven"}) {
    const auto r = run(which);
    EXPECT_EQ(r.exit_status, 0) << which << r.err;
    EXPECT_EQ(r.err, "") << which;
  }
}

TEST_P(LockWatchDeath, WhoHoldsALockAndWaitsForOneThatNeedsIt) {
  for (const auto& [which, words] : {std::pair{"group_under_a_lock", "waits for wait_group"},
                                     std::pair{"scope_under_a_lock", "waits for scope"}}) {
    const auto r = run(which);
    EXPECT_EQ(r.exit_status, 0) << r.err;
    EXPECT_EQ(times(r.err, "goro: deadlock: 2 wait for each other"), 1u) << r.err;
    for (const char* w : {words, "which counts goroutine", "\"holder\"", "and holds", "created at"})
      EXPECT_NE(r.err.find(w), std::string::npos) << w << " in:\n" << r.err;
  }
}

TEST_P(LockWatchDeath, WhoWaitsForAGroupThatCountsIt) {
  const auto r = run("group_counts_who_waits");
  EXPECT_EQ(times(r.err, "goro: deadlock: one waits for itself"), 1u) << r.err;
  EXPECT_NE(r.err.find("waits for wait_group"), std::string::npos) << r.err;
}

// Over a channel it is a deadlock only if nobody else can serve it: somebody has to prove that.
TEST_P(LockWatchDeath, ALockHeldOverAChannelIfThatIsProven) {
  const auto r = run("send_under_a_lock_proven");
  EXPECT_EQ(r.exit_status, 0) << r.err;
  EXPECT_EQ(times(r.err, "goro: deadlock: 2 wait, and nobody is left who could let them go on"), 1u) << r.err;
  for (const char* words :
       {"\"receiver\" wants mutex", "\"sender\" [chan send]", "and holds mutex", "taken at"})
    EXPECT_NE(r.err.find(words), std::string::npos) << words << " in:\n" << r.err;
}

// Then it is reported at once, ahead of the dump.
TEST_P(LockWatchDeath, WhenAllAreAsleep) {
  const auto r = run("all_asleep");
  EXPECT_EQ(r.exit_status, 2) << r.err;
  const std::size_t circle = r.err.find("goro: deadlock: 2 wait for each other");
  EXPECT_LT(r.err.find("all goroutines are asleep - deadlock!"), circle) << r.err;
  EXPECT_LT(circle, r.err.find("(held by goroutine")) << r.err;
  EXPECT_EQ(times(r.err, "goro: deadlock: "), 1u) << r.err;
}

TEST_P(LockWatchDeath, ADumpSaysWhoHoldsALock) {
  const auto r = run("dump");
  EXPECT_EQ(r.err, "");
  for (const char* words :
       {"(held by goroutine 2 \"has it\"):\n", "\"wants it\" [mutex",
        "\"held_by\":[{\"id\":2,\"name\":\"has it\"}]", "wants it waits for 2\n", "writes waits for 2\n"})
    EXPECT_NE(r.out.find(words), std::string::npos) << words << " in:\n" << r.out;
  EXPECT_EQ(times(r.out, "(held by goroutine 2 \"has it\")"), 2u) << r.out;
  EXPECT_EQ(run("dump", "").out.find("held"), std::string::npos) << "unasked it is not known";
}

TEST_P(LockWatchDeath, NothingIsSaidUnasked) { EXPECT_EQ(run("ab_ba", "").err, ""); }

INSTANTIATE_TEST_SUITE_P(Procs, LockWatchDeath, testing::Values("1", "2", "4"));

}  // namespace
