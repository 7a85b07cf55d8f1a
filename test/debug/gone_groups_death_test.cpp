// SPDX-License-Identifier: MIT
// GORO_DEBUG=deadlock: wait groups that are destroyed while goroutines will count down in them, and such as are used
// when they are gone. For each rule a twin that is clean.
#include "support/child.hpp"

#include <gtest/gtest.h>

#include <initializer_list>
#include <string>
#include <string_view>

namespace {

class GoneGroupsDeath : public testing::TestWithParam<const char*> {
 protected:
  static goro_test::child_result run(const char* which, const char* debug = "deadlock") {
    return goro_test::run_child(GORO_DEATH_DIR "/gone_groups", {which},
                                {{"GORO_MAXPROCS", GetParam()}, {"GORO_DEBUG", debug}});
  }
  static void expect_report(const char* which, std::initializer_list<const char*> words) {
    const auto r = run(which);
    EXPECT_EQ(r.exit_status, 0) << which << r.err;
    EXPECT_EQ(r.err.find("goro: wait_group 0x"), 0u) << which << ":\n" << r.err;
    EXPECT_EQ(r.err.rfind("goro: "), 0u) << "and nothing else: " << which << ":\n" << r.err;
    for (const char* w : words) EXPECT_NE(r.err.find(w), std::string::npos) << w << " in:\n" << r.err;
  }
};

TEST_P(GoneGroupsDeath, DestroyedWhileItCounts) {
  for (const char* which : {"leaves_the_frame", "is_deleted", "throws_past_it"})
    expect_report(which, {" is destroyed while it counts goroutines", "\"early\" at\n", which, "it counts goroutine ",
                          "created at", "start_one", "gone_groups.cpp:"});
}
TEST_P(GoneGroupsDeath, ByTheLastThatHoldsIt) {
  expect_report("held_by_its_own", {" is destroyed while it counts goroutines", "it counts goroutine ", "::~shared_ptr"});
}
TEST_P(GoneGroupsDeath, BeforeWhatItCountsHasBegun) {
  if (std::string_view(GetParam()) == "1")  // else it may have ended by then
    expect_report("has_not_begun",
                  {" is used after it was destroyed (a goroutine that it counts begins)", "\"early\" at\n"});
}

TEST_P(GoneGroupsDeath, UsedWhenItIsGone) {
  const char* const cases[][2] = {
      {"done_late", "(done)"}, {"add_late", "(add)"}, {"wait_late", "(wait_for)"}, {"go_late", "(go)"}};
  for (const auto& [which, call] : cases)
    expect_report(which, {" is used after it was destroyed ", call, "\"late\" at\n", which, "and it was destroyed by ",
                          "\"early\" at\n"});
}

TEST_P(GoneGroupsDeath, NotIfAllIsWell) {
  for (const char* which : {"waited_for", "abandoned", "a_global", "a_static_at_exit", "a_threads_own", "others_there"}) {
    const auto r = run(which);
    EXPECT_EQ(r.exit_status, 0) << which << r.err;
    EXPECT_EQ(r.err, "") << which;
  }
}
TEST_P(GoneGroupsDeath, ThatItCountsIsNotSaidUnasked) { EXPECT_EQ(run("is_deleted", "").err, ""); }

INSTANTIATE_TEST_SUITE_P(Procs, GoneGroupsDeath, testing::Values("1", "2", "4"));

}  // namespace
