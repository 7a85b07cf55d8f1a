// SPDX-License-Identifier: MIT
// Detect goroutine leak with: goro/gtest.hpp, a listener that fails each GoogleTest that leaves goroutines behind, and
// leak::verify_none, which is what goleak's VerifyNone is in Go.
//
// These are real tests of a function, which passes both of them as far as assertions tell: the first one leaks, and the
// listener says so. In the second the function has been mended. (goro/catch2.hpp has the same for Catch2.)
//
// Then the same without a framework: two tests at the same time, each of which looks at its own family only.
#include "guide.hpp"

#include <gtest/gtest.h>
#include <goro/gtest.hpp>

#include <string>
#include <utility>

namespace {

// Asks two servers and takes the first answer.
int first_answer(std::size_t room) {
  const auto answers = goro::make_chan<int>(room);  // BUG, with room for none: the second sender stays
  for (int server = 1; server != 3; ++server)
    goro::go({.name = "asks a server"}, [answers, server] { answers.send(server); });
  return answers.recv().value_or(0);
}

TEST(FirstAnswer, WithoutRoom) { EXPECT_GT(first_answer(0), 0); }  // leaks
TEST(FirstAnswer, WithRoomForAll) { EXPECT_GT(first_answer(2), 0); }

// All that has been held against a test.
std::string failures_of(const testing::TestInfo& test) {
  std::string all;
  for (int i = 0; i != test.result()->total_part_count(); ++i) all += test.result()->GetTestPartResult(i).message();
  return all;
}

// Whether a report names the goroutine, the line that created it, and what it waits on.
bool tells_all(const std::string& report) {
  for (const char* const words : {"1 goroutine", "asks a server", "[chan send", "created", "42_leak_detect.cpp:"})
    if (report.find(words) == std::string::npos) return false;
  return true;
}

// What a program of tests has in its main.
void with_googletest(guide::outcome& outcome) {
  testing::UnitTest& tests = *testing::UnitTest::GetInstance();
  tests.listeners().Append(new goro::leak::gtest_listener({.timeout = 2s}));
  const int status = RUN_ALL_TESTS();
  outcome.expect(status != 0 && tests.total_test_count() == 2, "the run fails because of the test that leaks");
  const testing::TestSuite& suite = *tests.GetTestSuite(0);
  for (int i = 0; i != suite.total_test_count(); ++i) {
    const testing::TestInfo& test = *suite.GetTestInfo(i);
    if (std::string(test.name()) == "WithoutRoom")
      outcome.expect(test.result()->Failed() && tells_all(failures_of(test)),
                     "the listener fails the test that leaks: who, created where, and what it waits on");
    else
      outcome.expect(test.result()->Passed(), "the mended one passes, and is not blamed for the other");
  }
}

// What a test framework would do: empty, or the report of what is left.
std::string run_test(std::size_t room) {
  const goro::leak::family mine;
  if (first_answer(room) == 0) return "no answer";
  try {
    mine.verify_none({.timeout = room == 0 ? goro::duration(50ms) : goro::duration(10s)});
  } catch (const goro::leak::error& e) {
    return e.what();
  }
  return "";
}

void without_a_framework(guide::outcome& outcome) {
  const auto reports = goro::make_chan<std::pair<std::size_t, std::string>>();
  for (const std::size_t room : {0, 2})
    goro::go({.name = "test"}, [reports, room] { reports.send({room, run_test(room)}); });
  for (int i = 0; i != 2; ++i) {
    const auto [room, report] = *reports.recv();
    std::printf("room for %zu answers: %s\n", room, report.empty() ? "clean" : report.c_str());
    outcome.expect(room == 0 ? tells_all(report) : report.empty(), "the test that leaks fails, the other does not");
  }
}

}  // namespace

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  guide::outcome outcome;
  std::printf("With GoogleTest; one of these tests leaks, and is meant to fail:\n\n");
  with_googletest(outcome);
  std::printf("\nWithout a framework, two tests at the same time:\n\n");
  goro::run([&outcome] { without_a_framework(outcome); });
  return outcome.verdict("the listener and verify_none found the leak, and blamed nobody else");
}
