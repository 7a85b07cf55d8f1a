// SPDX-License-Identifier: MIT
// Without any setting: a debug build's use of a wait_group or rw_mutex that is gone ends the program, with who, where
// and created where. And twins that are clean.
#include "support/child.hpp"

#include <gtest/gtest.h>

#include <csignal>
#include <initializer_list>
#include <string>

namespace {

class GoneUnaskedDeath : public testing::TestWithParam<const char*> {
 protected:
  static goro_test::child_result run(const char* program, const char* which) {
    return goro_test::run_child(std::string(GORO_DEATH_DIR "/") + program, {which},
                                {{"GORO_MAXPROCS", GetParam()}, {"GORO_DEBUG", ""}});
  }
  // In this order.
  static void expect_end(const char* program, const char* which, std::initializer_list<const char*> words) {
    const auto r = run(program, which);
    EXPECT_EQ(r.signal, SIGABRT) << which << ":\n" << r.err;
    EXPECT_EQ(r.err.find("goro: "), 0u) << which << ":\n" << r.err;
    std::size_t at = 0;
    for (const char* w : words) {
      at = r.err.find(w, at);
      ASSERT_NE(at, std::string::npos) << which << ": " << w << " in:\n" << r.err;
    }
  }
  static void expect_clean(const char* program, std::initializer_list<const char*> cases) {
    for (const char* which : cases) {
      const auto r = run(program, which);
      EXPECT_EQ(r.exit_status, 0) << which << r.err;
      EXPECT_EQ(r.err, "") << which;
    }
  }
};

#ifdef NDEBUG
#define ONLY_IN_DEBUG_BUILDS() GTEST_SKIP() << "users' code has no checks"
#else
#define ONLY_IN_DEBUG_BUILDS()
#endif

TEST_P(GoneUnaskedDeath, Groups) {
  ONLY_IN_DEBUG_BUILDS();
  const char* const cases[][2] = {{"done_late", "(done)"},           {"add_late", "(add)"},
                                  {"wait_late", "(wait_for)"},       {"go_late", "(go)"},
                                  {"unchecked_done_late", "(done)"}, {"unchecked_wait_late", "(wait)"}};
  for (const auto& [which, call] : cases)
    expect_end("gone_groups", which,
               {"goro: wait_group 0x", " is used after it was destroyed ", call, ", by goroutine ", "\"late\"\n",
                "  created by goroutine 1 at ", "gone_groups.cpp:", "  called by ", which, "gone_groups.cpp:",
                "goroutine 1 "});
  expect_end("gone_groups", "wait_by_a_thread_late",
             {" is used after it was destroyed (wait), by a plain thread\n", "  called by ", "gone_groups.cpp:"});
}
TEST_P(GoneUnaskedDeath, AGroupThatItsOwnGoroutineDestroys) {
  ONLY_IN_DEBUG_BUILDS();
  expect_end("gone_groups", "its_own_for_ever",
             {"goro: wait_group 0x", " is used after it was destroyed (done), by goroutine ", "its_own_for_ever"});
}
TEST_P(GoneUnaskedDeath, Locks) {
  ONLY_IN_DEBUG_BUILDS();
  const char* const cases[][2] = {{"rw_lock_deleted", "(lock)"},
                                  {"rw_unlock_deleted", "(unlock)"},
                                  {"rw_lock_shared_overwritten", "(lock_shared)"},
                                  {"rw_unlock_shared_overwritten", "(unlock_shared)"},
                                  {"rw_lock_ctx_overwritten", "(lock)"}};
  for (const auto& [which, call] : cases)
    expect_end("gone_locks", which,
               {"goro: rw_mutex 0x", " is no lock any more: destroyed, overwritten or copied ", call, ", by goroutine ",
                "\"late\"\n", "  created ", "gone_locks.cpp:", "  called by ", which, "gone_locks.cpp:"});
  expect_end("gone_locks", "by_a_thread", {"(lock), by a plain thread\n", "  called by ", "by_a_thread"});
}
TEST_P(GoneUnaskedDeath, MutexesInAllBuilds) {
  const char* const cases[][2] = {{"lock_deleted", "(lock)"},
                                  {"try_lock_deleted", "(try_lock)"},
                                  {"unlock_deleted", "(unlock)"},
                                  {"lock_ctx_overwritten", "(lock)"}};
  for (const auto& [which, call] : cases)
    expect_end("gone_locks", which,
               {"goro: mutex 0x", " is no lock any more: destroyed, overwritten or copied ", call, ", by goroutine ",
                "\"late\"\n", "  created "});
}
TEST_P(GoneUnaskedDeath, OnlyOneOfManyReports) {
  ONLY_IN_DEBUG_BUILDS();
  const auto r = run("gone_locks", "by_many");
  EXPECT_EQ(r.signal, SIGABRT);
  EXPECT_EQ(r.err.find("goro: rw_mutex 0x"), 0u) << r.err;
  EXPECT_EQ(r.err.rfind("goro: rw_mutex 0x"), 0u) << r.err;
}

TEST_P(GoneUnaskedDeath, NotIfAllIsWell) {
  expect_clean("gone_groups",
               {"waited_for", "abandoned", "a_global", "a_static_at_exit", "a_threads_own", "others_there"});
  expect_clean("gone_locks", {"made_anew"});
}

INSTANTIATE_TEST_SUITE_P(Procs, GoneUnaskedDeath, testing::Values("1", "4"));

}  // namespace
