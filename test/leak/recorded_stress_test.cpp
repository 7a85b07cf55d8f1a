// SPDX-License-Identifier: MIT
// Proofs with records of heap blocks while the program makes, frees and hands around such blocks: nobody who gets his
// message in the end was ever proven stuck (test/death/recorded_traffic.cpp), nor anybody who goes on
// (test/death/recorded_mix.cpp). In processes of their own, since the records begin with them.
#include "support/at_procs.hpp"
#include "support/child.hpp"

#include <gtest/gtest.h>

#include <string>

namespace {

class RecordedStress : public goro_test::AtProcs {};
GORO_AT_PROCS(RecordedStress);

TEST_P(RecordedStress, NobodyWhoLivesIsProven) {
  if (goro_test::under_sanitizer) GTEST_SKIP() << "the sanitizers have operators of their own: no records";
  const int rounds = goro_test::scaled(40);
  const auto r = goro_test::run_child(GORO_DEATH_DIR "/recorded_traffic", {std::to_string(rounds)},
                                      {{"GORO_MAXPROCS", std::to_string(GetParam())}, {"GORO_DEBUG", "leak"}},
                                      std::chrono::seconds(200));
  EXPECT_EQ(r.exit_status, 0) << r.out << r.err;
  EXPECT_EQ(r.out.find("wrong 0 proven "), 0u) << r.out << r.err;
  if (rounds > 20) {
    EXPECT_EQ(r.out.find("proven 0 "), std::string::npos) << r.out;
  }
}

// All that can be waited for, in scenes that all end (test/death/recorded_mix.cpp). At GORO_TEST_SCALE=1 some hundred
// proofs at each P; `make soak` makes twenty times as many.
TEST_P(RecordedStress, NobodyInAnyKindOfWaitIsProvenWhoGoesOn) {
  if (goro_test::under_sanitizer) GTEST_SKIP() << "the sanitizers have operators of their own: no records";
  const int rounds = goro_test::scaled(200);
  const auto r = goro_test::run_child(GORO_DEATH_DIR "/recorded_mix", {std::to_string(rounds), "240"},
                                      {{"GORO_MAXPROCS", std::to_string(GetParam())}, {"GORO_DEBUG", "leak"}},
                                      std::chrono::seconds(280));
  EXPECT_EQ(r.exit_status, 0) << r.out << r.err;
  EXPECT_EQ(r.out.find("wrong 0 proven "), 0u) << r.out << r.err;
  if (rounds > 20) {
    EXPECT_EQ(r.out.find("proven 0 "), std::string::npos) << r.out;
  }
}

}  // namespace
