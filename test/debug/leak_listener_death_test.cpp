// SPDX-License-Identifier: MIT
// The listeners for test frameworks, in programs of their own: test/death/leaky_{gtest,catch2}.cpp.
#include "support/child.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <unistd.h>

#include <string>
#include <vector>

namespace {

using goro_test::child_result;
using testing::HasSubstr;
using testing::Not;

std::string program(const char* name) { return std::string(GORO_DEATH_DIR) + "/" + name; }

child_result run_gtest(const std::string& filter, const std::vector<std::string>& ignored = {}) {
  std::vector<std::string> arguments{"--gtest_filter=" + filter};
  arguments.insert(arguments.end(), ignored.begin(), ignored.end());
  return goro_test::run_child(program("leaky_gtest"), arguments);
}

TEST(GtestListener, ACleanTestPasses) {
  const auto r = run_gtest("A.*:Suite.*:Fixture.*");
  EXPECT_EQ(r.exit_status, 0) << r.out << r.err;
  EXPECT_THAT(r.out, HasSubstr("[  PASSED  ] 3 tests"));
}

TEST(GtestListener, ALeakFailsItsTestAndNoOther) {
  const auto r = run_gtest("A.*:B.*:C.*");
  EXPECT_EQ(r.exit_status, 1) << r.err;
  for (const char* words :
       {"[       OK ] A.IsClean", "[  FAILED  ] B.Leaks", "[       OK ] C.IsNotBlamedForB",
        "1 goroutine is still there", "\"forgotten\" [chan receive", " on channel 0x", "wait_for_nobody",
        "created by goroutine", "leaky_gtest.cpp:"})
    EXPECT_THAT(r.out, HasSubstr(words));
}

TEST(GtestListener, WhatIsIgnoredPasses) {
  const auto r = run_gtest("D.*", {"wait_for_nobody"});
  EXPECT_EQ(r.exit_status, 0) << r.out << r.err;
}

class Catch2Listener : public testing::Test {
 protected:
  void SetUp() override {
    if (access(program("leaky_catch2").c_str(), X_OK) != 0) GTEST_SKIP() << "built without Catch2";
  }
  static child_result run(const std::vector<std::string>& arguments) {
    return goro_test::run_child(program("leaky_catch2"), arguments);
  }
};

TEST_F(Catch2Listener, ACleanCasePasses) {
  const auto r = run({"clean,not blamed"});
  EXPECT_EQ(r.exit_status, 0) << r.out << r.err;
  EXPECT_THAT(r.out, HasSubstr("All tests passed (2 assertions in 2 test cases)"));
}

TEST_F(Catch2Listener, ALeakFailsItsCaseAndNoOther) {
  const auto r = run({"clean,leaks,not blamed"});
  EXPECT_EQ(r.exit_status, 1) << r.err;
  for (const char* words :
       {"1 goroutine is still there", "\"forgotten\" [chan receive", " on channel 0x", "wait_for_nobody",
        "created by goroutine", "leaky_catch2.cpp:", "3 | 2 passed | 1 failed"})
    EXPECT_THAT(r.out, HasSubstr(words));
}

TEST_F(Catch2Listener, EachRunOfACaseIsLookedAtAlone) {
  const auto r = run({"sections"});
  EXPECT_EQ(r.exit_status, 1) << r.err;
  EXPECT_THAT(r.out, HasSubstr("assertions: 4 | 3 passed | 1 failed"));
}

TEST_F(Catch2Listener, AbortingStopsAtTheLeak) {
  const auto r = run({"--abort", "leaks,not blamed"});
  EXPECT_EQ(r.exit_status, 1) << r.signal << r.err;
  EXPECT_THAT(r.out, HasSubstr("still there"));
  EXPECT_THAT(r.out, HasSubstr("1 failed"));
}

TEST_F(Catch2Listener, ASignalIsReportedWithoutALook) {
  const auto r = run({"dies"});
  EXPECT_NE(r.signal, 0) << r.out;
  EXPECT_THAT(r.out, HasSubstr("SIGTERM"));
  EXPECT_THAT(r.out, Not(HasSubstr("still there")));
}

}  // namespace
