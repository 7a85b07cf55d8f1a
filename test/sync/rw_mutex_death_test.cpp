// SPDX-License-Identifier: MIT
#include "support/child.hpp"

#include <gtest/gtest.h>

#include <string>

namespace {

TEST(RwMutexDeath, RW06_AReadLockTakenAgainBehindAWriterIsReported) {
  for (const char* procs : {"1", "2", "4"}) {
    const auto r = goro_test::run_child(GORO_DEATH_DIR "/read_again", {}, {{"GORO_MAXPROCS", procs}});
    EXPECT_EQ(r.exit_status, 2) << r.out << r.err;
    for (const char* words :
         {"all goroutines are asleep - deadlock!", "[rw_mutex read]", "[rw_mutex write]", "the-writer"})
      EXPECT_NE(r.err.find(words), std::string::npos) << "no \"" << words << "\" in:\n" << r.err;
  }
}

}  // namespace
