// SPDX-License-Identifier: MIT
// GORO_DEBUG=deadlock: locks that are taken in opposite orders are reported before that bites, and even if the
// program ends at once; so are locks that are none any more. For each rule a twin that is clean.
#include "support/child.hpp"

#include <gtest/gtest.h>

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <initializer_list>
#include <string>

namespace {

class LockOrderDeath : public testing::TestWithParam<const char*> {
 protected:
  static goro_test::child_result run(const char* which, const char* debug = "deadlock") {
    return goro_test::run_child(GORO_DEATH_DIR "/lock_orders", {which},
                                {{"GORO_MAXPROCS", GetParam()}, {"GORO_DEBUG", debug}});
  }
  static std::size_t times(const std::string& text, const std::string& word) {
    std::size_t n = 0;
    for (std::size_t at = text.find(word); at != std::string::npos; at = text.find(word, at + 1)) ++n;
    return n;
  }
  static void expect_report(const char* which, std::initializer_list<const char*> words) {
    const auto r = run(which);
    EXPECT_EQ(r.exit_status, 0) << which << r.err;
    EXPECT_EQ(times(r.err, "goro: "), 1u) << which << ":\n" << r.err;
    for (const char* w : words) EXPECT_NE(r.err.find(w), std::string::npos) << w << " in:\n" << r.err;
  }
  static void expect_silence(std::initializer_list<const char*> cases) {
    for (const char* which : cases) {
      const auto r = run(which);
      EXPECT_EQ(r.exit_status, 0) << which << r.err;
      EXPECT_EQ(r.err, "") << which;
    }
  }
};

TEST_P(LockOrderDeath, OppositeOrders) {
  expect_report("opposite",
                {"goro: lock order: mutex ", " are taken in opposite orders", "\"upwards\" held mutex ",
                 "\"downwards\" held mutex ", "and took mutex ", "take_both", "created at"});
}
TEST_P(LockOrderDeath, NotByOneGoroutineNorInOneOrder) {
  expect_silence({"one_goroutine", "one_order", "many_like_these"});
}
TEST_P(LockOrderDeath, NotUnderAGate) { expect_silence({"gated"}); }
TEST_P(LockOrderDeath, NotIfOneSideDoesNotWaitForEver) { expect_silence({"tried"}); }
TEST_P(LockOrderDeath, ButUnderALockThatWasTried) {
  expect_report("under_a_tried_one", {"are taken in opposite orders"});
}
TEST_P(LockOrderDeath, CirclesOfThree) {
  expect_report("three", {"3 locks are taken in a circle", "\"a then b\"", "\"b then c\"", "\"c then a\""});
}
TEST_P(LockOrderDeath, AReadLockTakenAgainIfThereIsAWriter) {
  expect_report("read_again",
                {"is locked for reading again by one who has it", "\"reader\" held rw_mutex read",
                 "and in between ", "\"writer\" may want rw_mutex write"});
}
TEST_P(LockOrderDeath, ReadersInOppositeOrdersIfThereAreWriters) {
  expect_report("readers_and_writers",
                {"are taken in opposite orders", "\"other writer\" may want rw_mutex write"});
}
TEST_P(LockOrderDeath, NotReadersAlone) { expect_silence({"read_again_alone", "readers"}); }
TEST_P(LockOrderDeath, NotLocksThatAreHandedAround) { expect_silence({"handed_around"}); }
TEST_P(LockOrderDeath, NotOtherLocksAtTheSameAddresses) { expect_silence({"other_locks_there"}); }

TEST_P(LockOrderDeath, ALockWhoseMemoryIsAnothers) {
  expect_report("overwritten", {"is no lock any more", "\"late\" at", "created at"});
  expect_report("copied", {"goro: rw_mutex ", "is no lock any more", "\"late\" at"});
}
TEST_P(LockOrderDeath, ALockThatWasDestroyedWhileItWasHeld) {
  expect_report("replaced", {"which was destroyed while it was held", "\"late\" at",
                             "it took the one that was there before at", "created at"});
}
// addr2line takes for ever, so to speak, on a busy machine: the process ends, and the report is written all the same.
TEST_P(LockOrderDeath, AReportIsNotLostForItsNames) {
  char folder[] = "/tmp/goro-lock-order-XXXXXX";
  ASSERT_NE(::mkdtemp(folder), nullptr);
  const std::string slow = std::string(folder) + "/addr2line";
  std::ofstream(slow) << "#!/bin/sh\nexec sleep 3600\n";
  ASSERT_EQ(::chmod(slow.c_str(), 0700), 0);
  const char* const path = std::getenv("PATH");
  const std::string with_slow = std::string(folder) + ":" + (path != nullptr ? path : "");
  const auto r = goro_test::run_child(
      GORO_DEATH_DIR "/lock_orders", {"unnamed"},
      {{"GORO_MAXPROCS", GetParam()}, {"GORO_DEBUG", "deadlock"}, {"PATH", with_slow}});
  ::unlink(slow.c_str());
  ::rmdir(folder);
  EXPECT_EQ(r.exit_status, 0) << r.err;
  EXPECT_EQ(times(r.err, "goro: "), 1u) << r.err;
  for (const char* w : {"which was destroyed while it was held", "\"late\" at", "lock_orders+0x"})
    EXPECT_NE(r.err.find(w), std::string::npos) << w << " in:\n" << r.err;
}
TEST_P(LockOrderDeath, NothingIsSaidUnasked) {
  for (const char* which : {"opposite", "replaced"}) EXPECT_EQ(run(which, "").err, "") << which;
}

INSTANTIATE_TEST_SUITE_P(Procs, LockOrderDeath, testing::Values("1", "2", "4"));

}  // namespace
