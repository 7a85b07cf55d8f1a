// SPDX-License-Identifier: MIT
// goro::locks with GORO_DEBUG=deadlock: a goroutine that parks with a std::mutex in hand is reported, once for each place,
// and nobody else is. Each case is a process of its own: test/death/held.cpp.
#include "support/at_procs.hpp"
#include "support/child.hpp"

#include <gtest/gtest.h>

#include <initializer_list>
#include <string>

namespace {

class HeldDeath : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    if (goro_test::under_tsan) GTEST_SKIP() << "ThreadSanitizer has pthread_mutex_lock of its own";
  }
  static goro_test::child_result run(const char* which, const char* debug = "deadlock") {
    return goro_test::run_child(GORO_DEATH_DIR "/held", {which},
                                {{"GORO_MAXPROCS", GetParam()}, {"GORO_DEBUG", debug}});
  }
  static std::size_t times(const std::string& text, const std::string& word) {
    std::size_t n = 0;
    for (std::size_t at = text.find(word); at != std::string::npos; at = text.find(word, at + 1)) ++n;
    return n;
  }
  static void expect_report(const char* which, std::initializer_list<const char*> words, std::size_t reports = 1) {
    const auto r = run(which);
    EXPECT_EQ(r.exit_status, 0) << which << r.err;
    EXPECT_EQ(times(r.err, "goro: parked with a lock of the C library: goroutine "), reports) << which << ":\n"
                                                                                             << r.err;
    EXPECT_EQ(times(r.err, "goro: "), reports) << which << ":\n" << r.err;
    for (const char* w : words) EXPECT_NE(r.err.find(w), std::string::npos) << w << " in:\n" << r.err;
  }
  static void expect_silence(std::initializer_list<const char*> cases, const char* debug = "deadlock") {
    for (const char* which : cases) {
      const auto r = run(which, debug);
      EXPECT_EQ(r.exit_status, 0) << which << r.err;
      EXPECT_EQ(r.err, "") << which;
    }
  }
};

TEST_P(HeldDeath, WhoParksWithAMutex) {
  expect_report("sleeps", {"\"holder\" [sleep] holds pthread_mutex_t 0x", "use goro::mutex", "\"holder\" waits at\n",
                           "goro::sleep_for", "hold_and_park", "and holds pthread_mutex_t 0x", "taken at\n",
                           "held.cpp:", "created at "});
  expect_report("receives", {"\"holder\" [chan receive] holds pthread_mutex_t 0x", "lock_here"});
}
TEST_P(HeldDeath, OrLetsOthersRun) { expect_report("yields", {"\"holder\" [yield] holds pthread_mutex_t 0x"}); }
TEST_P(HeldDeath, OfEachKind) {
  expect_report("reads", {"holds pthread_rwlock_t (read) 0x"});
  expect_report("writes", {"holds pthread_rwlock_t (write) 0x"});
  expect_report("tries", {"holds pthread_mutex_t 0x"});
  expect_report("recursive", {"holds pthread_mutex_t 0x"});
}
TEST_P(HeldDeath, AllThatItHolds) {
  const auto r = run("two_locks");
  EXPECT_EQ(times(r.err, "and holds pthread_mutex_t 0x"), 2u) << r.err;
}
TEST_P(HeldDeath, OncePerPlace) {
  expect_report("often", {});
  expect_report("at_two_places", {"hold_and_park", "lock_here"}, 2);
}
TEST_P(HeldDeath, NotWhoRunsThereNext) { expect_report("among_others", {"\"holder\" [sleep]"}); }
TEST_P(HeldDeath, AfterAConditionInWhichAnotherHadIt) { expect_report("after_a_condition", {"\"holder\" [sleep]"}); }

// Pains row 53: nobody is there to go on, since all threads wait for the lock of one who has parked. They go on.
TEST_P(HeldDeath, ThoseWhoWaitForItHoldNobodyUp) {
  expect_report("others_block", {"\"holder\" [chan receive] holds pthread_mutex_t 0x"});
  expect_silence({"others_block"}, "");
}

TEST_P(HeldDeath, NotWhoHasUnlocked) { expect_silence({"unlocked_first", "not_got", "condition", "very_many"}); }
TEST_P(HeldDeath, NotThreadsAndWhoIsBoundToOne) { expect_silence({"a_threads", "bound_to_its_thread"}); }
TEST_P(HeldDeath, NotWhoseLockAnotherHasUnlocked) { expect_silence({"handed_over"}); }
TEST_P(HeldDeath, NotTheNextAfterOneThatEndedWithALock) { expect_silence({"ended_with_it"}); }
TEST_P(HeldDeath, NotWhoBlocksItsThread) { expect_silence({"blocks"}); }
TEST_P(HeldDeath, NothingIsSaidUnasked) { expect_silence({"sleeps", "writes"}, ""); }

INSTANTIATE_TEST_SUITE_P(Procs, HeldDeath, testing::Values("1", "2", "4"));

}  // namespace
