// SPDX-License-Identifier: MIT
// SIGQUIT, and the dumps behind reports that end the process. The programs are test/death/quit.cpp.
#include "support/at_procs.hpp"
#include "support/child.hpp"

#include <gtest/gtest.h>

#include <signal.h>

#include <initializer_list>
#include <regex>
#include <string>
#include <string_view>

namespace {

using goro_test::child_result;

child_result run_program(const char* which) {
  return goro_test::run_child(std::string(GORO_DEATH_DIR) + "/quit", {which});
}

void expect_words(const child_result& r, std::initializer_list<std::string_view> words) {
  for (const std::string_view w : words)
    EXPECT_NE(r.err.find(w), std::string::npos) << "no \"" << w << "\" in:\n" << r.err;
}

std::size_t times(const std::string& text, std::string_view word) {
  std::size_t n = 0;
  for (std::size_t at = 0; (at = text.find(word, at)) != std::string::npos; ++at) ++n;
  return n;
}

TEST(Sigquit, DumpsAllAndEndsWithExitCode2) {
  for (const char* which : {"end", "end-from-goroutine"}) {
    const auto r = run_program(which);
    EXPECT_EQ(r.exit_status, 2) << which << ": signal " << r.signal << "\n" << r.err;
    expect_words(r, {"SIGQUIT", "\"quiet\" [chan receive", "wait_quietly", "quit.cpp:", "created by",
                     "\"spinner\" [running]:"});
    EXPECT_EQ(r.err.find("atexit ran"), std::string::npos);
  }
}

TEST(Sigquit, ShowsWhereARunningGoroutineIs) {
  if (goro_test::under_tsan) GTEST_SKIP() << "TSan keeps a signal until the thread makes a system call";
  const auto r = run_program("end");
  expect_words(r, {"spin_for_ever"});
}

TEST(Sigquit, GoesOnIfAskedTo) {
  const auto r = run_program("go-on");
  EXPECT_EQ(r.exit_status, 3) << "signal " << r.signal << "\n" << r.err;
  EXPECT_EQ(r.out, "goes on\n");
  EXPECT_EQ(times(r.err, "SIGQUIT"), 2u) << r.err;
  expect_words(r, {"\"quiet\" [chan receive", "wait_quietly", "atexit ran"});
}

TEST(Sigquit, AForkedChildDiesByItAsEver) {
  const auto r = run_program("forked");
  EXPECT_EQ(r.exit_status, 3) << r.err;
  EXPECT_EQ(r.out, "child: signal " + std::to_string(SIGQUIT) + "\n");
  EXPECT_EQ(r.err.find("SIGQUIT"), std::string::npos) << r.err;
}

TEST(Sigquit, ASecondOneEndsItAtOnce) {
  const auto r = run_program("twice");
  EXPECT_EQ(r.exit_status, 2) << "signal " << r.signal;
}

TEST(LastWords, ADeadlockReportHasTheStacksButNoDaemons) {
  const auto r = run_program("asleep");
  EXPECT_EQ(r.exit_status, 2) << r.err;
  expect_words(r, {"all goroutines are asleep - deadlock!", "\"quiet\" [chan receive", "wait_quietly",
                   "quit.cpp:", "select (no cases)", "created by goroutine"});
  EXPECT_EQ(r.err.find("a-daemon"), std::string::npos) << r.err;
}

TEST(LastWords, AReportIsBounded) {
  const auto r = run_program("asleep-many");
  EXPECT_EQ(r.exit_status, 2);
  expect_words(r, {"2000 goroutines like this", "... and 1980 more"});
  EXPECT_LT(r.err.size(), 50'000u);
}

TEST(LastWords, AnUncaughtExceptionBringsTheStacks) {
  const auto r = run_program("uncaught");
  EXPECT_EQ(r.signal, SIGABRT) << r.exit_status << r.err;
  expect_words(r, {"thrower", "the reason", "created at", "thrown by main::{lambda", "\"quiet\" [chan receive", "wait_quietly"});
  EXPECT_LT(r.err.find("the reason"), r.err.find("wait_quietly")) << "the cause comes first";
}

TEST(LastWords, AStackOverflowBringsTheStacks) {
  if (goro_test::under_sanitizer) GTEST_SKIP() << "the sanitizer takes the fault for itself";
  const auto r = run_program("overflow");
  EXPECT_EQ(r.signal, SIGABRT) << r.exit_status << r.err;
  expect_words(r, {"stack overflow", "diver", "dive", "\"quiet\" [chan receive", "wait_quietly"});
}

}  // namespace
