// SPDX-License-Identifier: MIT
// Programs that die, or nearly: their exit status and the words on their standard error. See test/death.
#include "support/at_procs.hpp"
#include "support/child.hpp"

#include <gtest/gtest.h>

#include <signal.h>

#include <chrono>
#include <cstdio>
#include <initializer_list>
#include <iterator>
#include <regex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

using goro_test::child_result;

child_result run_program(const char* name, std::vector<std::string> arguments,
                         std::vector<std::pair<std::string, std::string>> environment = {}) {
  return goro_test::run_child(std::string(GORO_DEATH_DIR) + "/" + name, arguments, environment);
}

void expect_words(const child_result& r, std::initializer_list<std::string_view> words) {
  for (const std::string_view w : words)
    EXPECT_NE(r.err.find(w), std::string::npos) << "no \"" << w << "\" in:\n" << r.err;
}

constexpr std::string_view all_asleep = "all goroutines are asleep - deadlock!";

class Deadlock : public testing::TestWithParam<const char*> {};

TEST_P(Deadlock, SC26_IsReportedWithExitCode2) {
  for (const char* procs : {"1", "2", "4"}) {
    const auto r = run_program("deadlock", {GetParam()}, {{"GORO_MAXPROCS", procs}});
    EXPECT_EQ(r.exit_status, 2) << r.out << r.err;
    expect_words(r, {all_asleep});
    EXPECT_EQ(r.err.find("atexit ran"), std::string::npos) << "it ends by _Exit";
  }
}

INSTANTIATE_TEST_SUITE_P(Programs, Deadlock,
                         testing::Values("select", "receive", "locked-main", "locked-helper", "each-kind",
                                         "after-work", "stopped-timer", "daemon", "goexit-asleep"));

TEST(DeadlockReport, SC26_SC11_NamesEveryGoroutineAndWhereItWaits) {
  const auto r = run_program("deadlock", {"each-kind"});
  EXPECT_EQ(r.exit_status, 2);
  expect_words(r, {"lonely-sender", "chan send", "nil-receiver", "chan receive (nil chan)", "nil-sender",
                   "chan send (nil chan)", "selector", "select", "group-waiter", "wait_group",
                   "future-waiter", "future", "chan receive"});
}

TEST(DeadlockReport, SC26_AnEmptySelectIsNamed) {
  expect_words(run_program("deadlock", {"select"}), {"select (no cases)"});
}

TEST(DeadlockReport, SC26_PassesOverDaemons) {
  const auto r = run_program("deadlock", {"daemon"});
  expect_words(r, {"a-worker"});
  EXPECT_EQ(r.err.find("a-daemon"), std::string::npos) << r.err;
}

TEST(DeadlockReport, SC27_AfterMainCalledGoexit) {
  const auto r = run_program("deadlock", {"goexit"});
  EXPECT_EQ(r.exit_status, 2) << r.out << r.err;
  EXPECT_EQ(r.out, "the others went on\n");
  expect_words(r, {"no goroutines (main called goexit) - deadlock!"});
}

TEST(DeadlockReport, SC29_IsGivenBesideSignalHandlersAndIdleThreads) {
  const auto r = run_program("deadlock", {"handlers"});
  EXPECT_EQ(r.exit_status, 2) << r.err;
  expect_words(r, {all_asleep});
}

class NoDeadlock : public testing::TestWithParam<const char*> {};

TEST_P(NoDeadlock, SC28_EndsInGoodOrder) {
  for (const char* procs : {"1", "2"}) {
    const auto r = run_program("deadlock", {GetParam()}, {{"GORO_MAXPROCS", procs}});
    EXPECT_EQ(r.exit_status, 3) << r.err;
    EXPECT_EQ(r.out, "ended\n");
    EXPECT_EQ(r.err, "atexit ran\n");
  }
}

INSTANTIATE_TEST_SUITE_P(Programs, NoDeadlock,
                         testing::Values("fine-timer", "fine-after-func", "fine-blocking", "fine-unannounced",
                                         "fine-locked", "fine-thread"));

class StackOverflow : public testing::TestWithParam<const char*> {};

TEST_P(StackOverflow, SC30_NamesTheGoroutineItsCreationAndItsStack) {
  if (goro_test::under_sanitizer) GTEST_SKIP() << "the sanitizer takes the fault for itself";
  const auto r = run_program("overflow", {GetParam()});
  EXPECT_EQ(r.signal, SIGABRT) << "exit status " << r.exit_status << "\n" << r.err;
  expect_words(r, {"goro: ", "stack overflow", "created"});
  if (GetParam() != std::string("unnamed")) expect_words(r, {"deep-diver"});
  // Where it was, also when that was inside the C library, and where it came from.
  const std::string which = GetParam();
  expect_words(r, {which == "alloca"   ? "large_frames"
                   : which == "printf" ? "by_printf"
                   : which == "qsort"  ? "compare_by_sorting"
                                       : "recurse",
                   "overflow.cpp:"});
  // The stack pointer and the two ends of the stack.
  const std::regex address("0x[0-9a-f]+");
  EXPECT_GE(std::distance(std::sregex_iterator(r.err.begin(), r.err.end(), address), std::sregex_iterator()),
            3)
      << r.err;
}

INSTANTIATE_TEST_SUITE_P(Programs, StackOverflow,
                         testing::Values("recursion", "resumed", "large", "unnamed", "alloca", "printf",
                                         "qsort"));

// The heap's lock is held for ever then, so there are no names; but the process says what it can, and ends.
TEST(StackOverflowInMalloc, IsReportedAndEndsTheProcess) {
  if (goro_test::under_sanitizer) GTEST_SKIP() << "the sanitizer takes the fault for itself";
  const auto r = run_program("overflow", {"malloc"});
  EXPECT_EQ(r.signal, SIGABRT) << "exit status " << r.exit_status << "\n" << r.err;
  expect_words(r, {"goro: stack overflow in goroutine", "deep-diver", "created at  0x", "malloc in "});
}

class UncaughtReport : public testing::TestWithParam<const char*> {};

TEST_P(UncaughtReport, SC31_HasNameReasonAndCreation) {
  const auto r = run_program("uncaught", {GetParam()});
  EXPECT_EQ(r.signal, SIGABRT) << "exit status " << r.exit_status << "\n" << r.err;
  expect_words(r, {"goro: ", "thrower", "the reason"});
  EXPECT_TRUE(std::regex_search(r.err, std::regex("created (by goroutine [0-9]+ )?at "))) << r.err;
}

// SC32: what() may yield, sleep and call the kernel.
INSTANTIATE_TEST_SUITE_P(Programs, UncaughtReport,
                         testing::Values("error", "by-goroutine", "what-yields", "what-sleeps",
                                         "what-calls-the-kernel"));

TEST(UncaughtReports, SC31_SaysFileAndLineOfTheCreation) {
  const auto r = run_program("uncaught", {"error"});
  EXPECT_TRUE(std::regex_search(r.err, std::regex("created at [^\n]*uncaught\\.cpp:[0-9]+"))) << r.err;
}

TEST(UncaughtReports, SC31_WithoutANameTheIdIsSaid) {
  const auto r = run_program("uncaught", {"unnamed"});
  EXPECT_EQ(r.signal, SIGABRT) << r.err;
  expect_words(r, {"the reason", "created at"});
  EXPECT_TRUE(std::regex_search(r.err, std::regex("goroutine [0-9]+"))) << r.err;
}

TEST(UncaughtReports, SC31_AnythingCanBeThrown) {
  const auto r = run_program("uncaught", {"int"});
  EXPECT_EQ(r.signal, SIGABRT) << r.err;
  expect_words(r, {"thrower", "created at"});
}

TEST(UncaughtReports, SC31_ANullWhatIsSurvived) {
  // By goro's own report, that is: the C++ library's last words come after it, and crash.
  const auto r = run_program("uncaught", {"what-is-null"});
  EXPECT_NE(r.signal, 0) << r.err;
  expect_words(r, {"thrower", "created at"});
}

TEST(UncaughtReports, SC31_FromRunAndFromAScope) {
  for (const char* which : {"run", "scope"}) {
    const auto r = run_program("uncaught", {which});
    EXPECT_EQ(r.signal, SIGABRT) << which << r.err;
    expect_words(r, {"the reason"});
  }
}

TEST(UncaughtReports, WG06_TheProcessDiesBeforeAWaiterCanExit) {
  for (int i = 0; i != goro_test::scaled(20); ++i) {
    const auto r = run_program("uncaught", {"wait-group"});
    ASSERT_EQ(r.signal, SIGABRT) << "exit status " << r.exit_status << " in run " << i;
    expect_words(r, {"the reason"});
  }
}

class MainReturns : public testing::TestWithParam<const char*> {};

TEST_P(MainReturns, EndsInTimeAndKeepsItsStatus) {
  const auto r = run_program("main_returns", {GetParam(), goro_test::under_tsan ? "2000" : "10000"});
  EXPECT_EQ(r.exit_status, 7) << "signal " << r.signal << "\n" << r.err;
  EXPECT_EQ(r.out, "atexit ran\n");
  EXPECT_EQ(r.err, "");
  EXPECT_FALSE(r.timed_out);
}

INSTANTIATE_TEST_SUITE_P(Programs, MainReturns, testing::Values("main", "run", "exit", "exit-in-goroutine"));

// Handlers of exit() that use goro. Some run before goroutines stop, some after it.
TEST(AtExit, AWaitThatOnlyAGoroutineCouldEndIsReported) {
  for (const char* which : {"older", "older-after-run", "older-runs", "older-receives", "goroutine-waits"})
    for (const char* procs : {"1", "4"}) {
      const auto r = run_program("at_exit", {which}, {{"GORO_MAXPROCS", procs}});
      EXPECT_EQ(r.exit_status, 2) << which << r.out << r.err;
      EXPECT_EQ(r.out, "") << which;
      expect_words(r, {"fatal error: exit: ", "goroutines do not run any more", "deadlock!", "created by"});
    }
  expect_words(run_program("at_exit", {"older-receives"}), {"[chan receive]", "\"stopped\" ["});
  expect_words(run_program("at_exit", {"older"}), {"the thread that ends the process waits", "[wait_group]"});
  expect_words(run_program("at_exit", {"goroutine-waits"}), {"the goroutine that called it waits"});
}

TEST(AtExit, GoroutinesRunInHandlersThatAreNewerThanGoro) {
  for (const char* which : {"newer", "first-use"}) {
    const auto r = run_program("at_exit", {which});
    EXPECT_EQ(r.exit_status, 7) << which << r.err;
    EXPECT_EQ(r.out, "ran\nwaited\n") << which;
    EXPECT_EQ(r.err, "") << which;
  }
}

TEST(AtExit, WaitsThatATimeOrAThreadEndsAreNone) {
  for (const char* which : {"older-sleeps", "older-and-a-thread", "older-joins-a-sleeper", "goroutine-goes-on"})
    for (const char* procs : {"1", "4"}) {
      const auto r = run_program("at_exit", {which}, {{"GORO_MAXPROCS", procs}});
      EXPECT_EQ(r.exit_status, 7) << which << " signal " << r.signal << r.err;
      EXPECT_EQ(r.out, "waited\n") << which;
      EXPECT_EQ(r.err, "") << which;
    }
}

TEST(AtExit, ALongWaitIsSaidAndGoesOn) {
  const auto r = run_program("at_exit", {"older-and-a-slow-thread"});
  EXPECT_EQ(r.exit_status, 7) << r.err;
  EXPECT_EQ(r.out, "waited\n");
  expect_words(r, {"goro: exit: for a second, the thread that ends the process waits", "[wait_group] on 0x"});
  EXPECT_EQ(r.err.find("fatal"), std::string::npos) << r.err;
}

class ForkChild : public testing::TestWithParam<const char*> {};

TEST_P(ForkChild, UsingGoroInItIsAClearErrorAndTheParentIsUnharmed) {
  const auto r = run_program("fork_child", {GetParam()});
  EXPECT_EQ(r.exit_status, 0) << r.out << r.err;
  EXPECT_EQ(r.out.find("child: exit 0\n"), std::string::npos) << "nothing was wrong, says the child";
  EXPECT_EQ(r.out.find("child: signal " + std::to_string(SIGALRM)), std::string::npos) << "the child hung";
  EXPECT_EQ(r.out.find("child: signal " + std::to_string(SIGSEGV)), std::string::npos) << "the child crashed";
  EXPECT_NE(r.out.find("parent: unharmed\n"), std::string::npos) << r.out;
  expect_words(r, {"goro: ", "fork"});
}

INSTANTIATE_TEST_SUITE_P(Programs, ForkChild,
                         testing::Values("thread-go", "thread-sleep", "thread-channel", "goroutine-go",
                                         "goroutine-yield", "goroutine-sleep", "goroutine-channel"));

TEST(Fork, TheChildMayExec) {
  for (const char* which : {"thread-exec", "goroutine-exec"}) {
    const auto r = run_program("fork_child", {which});
    EXPECT_EQ(r.exit_status, 0) << r.err;
    EXPECT_EQ(r.out, "child: exit 9\nparent: unharmed\n") << which;
    EXPECT_EQ(r.err, "");
  }
}

TEST(Fork, BeforeTheFirstUseBothMayUseIt) {
  const auto r = run_program("fork_child", {"before-first-use"});
  EXPECT_EQ(r.exit_status, 0) << r.err;
  EXPECT_EQ(r.out, "child: exit 0\n");
}

TEST(Fault, TheProgramsOwnGoesToTheHandlerThatWasThereBefore) {
  for (const char* which : {"goroutine", "thread", "plain-handler"}) {
    const auto r = run_program("fault", {which});
    EXPECT_EQ(r.exit_status, 5) << which << ": signal " << r.signal << "\n" << r.err;
    EXPECT_EQ(r.out, "the program's own handler\n") << which;
  }
}

TEST(Fault, AHandlerMayRepairAndReturn) {
  const auto r = run_program("fault", {"repair"});
  EXPECT_EQ(r.exit_status, 0) << "signal " << r.signal << "\n" << r.err;
  EXPECT_EQ(r.out, "repaired\n");
}

TEST(Fault, WithoutAHandlerTheProgramDiesByItsSignal) {
  if (goro_test::under_sanitizer) GTEST_SKIP() << "the sanitizer has a handler";
  for (const char* which : {"none", "ignored"}) {
    const auto r = run_program("fault", {which});
    EXPECT_EQ(r.signal, SIGSEGV) << which << ": exit status " << r.exit_status << "\n" << r.err;
    EXPECT_EQ(r.err.find("stack overflow"), std::string::npos) << r.err;
  }
}

TEST(AddressSpace, GoThrowsNothingIsLostAndTheProgramGoesOn) {
  if (goro_test::under_sanitizer) GTEST_SKIP() << "a sanitizer needs all of the address space";
  const auto r = run_program("address_space", {"stacks"});
  EXPECT_EQ(r.exit_status, 0) << r.out << r.err << "signal " << r.signal;
  EXPECT_NE(r.out.find("refused: goro: go"), std::string::npos) << r.out;
  EXPECT_NE(r.out.find("goes on\n"), std::string::npos) << r.out;
}

TEST(AddressSpace, TooLittleForTheFirstUse) {
  if (goro_test::under_sanitizer) GTEST_SKIP() << "a sanitizer needs all of the address space";
  const auto r = run_program("address_space", {"first-use"});
  EXPECT_EQ(r.exit_status, 0) << r.out << r.err << "signal " << r.signal;
  EXPECT_NE(r.out.find("goes on\n"), std::string::npos) << r.out;
}

TEST(AddressSpace, TooLittleForAnotherThread) {
  if (goro_test::under_sanitizer) GTEST_SKIP() << "a sanitizer needs all of the address space";
  const auto r = run_program("address_space", {"threads"});
  EXPECT_EQ(r.exit_status, 0) << r.out << r.err << "signal " << r.signal;
}

}  // namespace
