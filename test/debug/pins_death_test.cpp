// SPDX-License-Identifier: MIT
// pins(): blocking calls that cost a P are counted with the place; those that are announced are not.
#include "support/child.hpp"

#include <gtest/gtest.h>

#include <string>

namespace {

TEST(Pins, CountCallsThatBlockUnannouncedAndSigquitShowsThem) {
  const auto r = goro_test::run_child(GORO_DEATH_DIR "/pins", {}, {{"GORO_MAXPROCS", "1"}});
  EXPECT_EQ(r.exit_status, 2) << r.signal << r.err;
  EXPECT_EQ(r.out, "lost 3, then 0\n") << r.err;
  for (const char* words :
       {"blocked without goro::blocking", "\n3 times, ", "reads_unannounced", "pins.cpp:"})
    EXPECT_NE(r.err.find(words), std::string::npos) << words << " in:\n" << r.err;
  EXPECT_EQ(r.err.find("reads_announced"), std::string::npos) << r.err;
}

}  // namespace
