// SPDX-License-Identifier: MIT
// leak::prove with records of heap blocks: each place where a reference may be, and each way to be without one. Each
// case is a process of its own (test/death/recorded.cpp).
#include "support/at_procs.hpp"
#include "support/child.hpp"

#include <gtest/gtest.h>

#include <ostream>
#include <string>

namespace {

constexpr const char* skipped =
    "the sanitizers have operators new and delete of their own: there are no records";

struct expectation {
  const char* which;
  const char* proven;
};
std::ostream& operator<<(std::ostream& out, const expectation& e) { return out << e.which; }

goro_test::child_result recorded(const expectation& e, const char* procs, const char* debug) {
  return goro_test::run_child(GORO_DEATH_DIR "/recorded", {e.which, e.proven},
                              {{"GORO_MAXPROCS", procs}, {"GORO_DEBUG", debug}});
}

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

class RecordedDeath : public testing::TestWithParam<expectation> {};

TEST_P(RecordedDeath, ThoseAndNoOthers) {
  if (goro_test::under_sanitizer) GTEST_SKIP() << skipped;
  for (const char* procs : {"1", "4"}) {
    const auto r = recorded(GetParam(), procs, "leak");
    EXPECT_EQ(r.exit_status, 0) << r.err;
    EXPECT_EQ(first_line(r.out), GetParam().proven) << "at P = " << procs << r.err;
  }
}

const expectation expectations[] = {
    {"nowhere", "receiver"},
    {"in_global", "nobody"},
    {"in_live_stack", "nobody"},
    {"at_end_of_list", "nobody"},
    {"list_of_stuck", "receiver"},
    {"in_malloc", "nobody"},
    {"in_containers", "nobody"},
    {"in_value_of_channel", "nobody"},
    {"in_goroutine_local", "nobody"},
    {"in_timer", "nobody"},
    {"in_big_closure", "nobody"},
    {"circle", "receiver"},
    {"freed", "receiver"},
    {"freed_large", "receiver"},
    {"interior", "nobody"},
    {"one_past_end", "nobody"},
    {"beyond_end", "receiver"},
#if defined(__x86_64__)
    {"in_register", "nobody"},
#endif
    {"in_epoll_tagged", "nobody"},
    {"aligned", "receiver"},
    {"aligned_kept", "nobody"},
    {"array", "receiver"},
    {"array_kept", "nobody"},
    {"large", "receiver"},
    {"large_kept", "nobody"},
    {"too_large", "nobody"},
    {"mutexes", "a then b, b then a"},
    {"mutexes_kept", "nobody"},
    {"group", "waiter"},
    {"context_dropped", "watcher"},
    {"million", "receiver"},
    {"made_before_main", "nobody"},
};
INSTANTIATE_TEST_SUITE_P(Cases, RecordedDeath, testing::ValuesIn(expectations),
                         [](const auto& info) { return std::string(info.param.which); });

TEST(RecordedProcess, WithoutTheSettingTheHeapCounts) {
  if (goro_test::under_tsan) GTEST_SKIP() << "there is no proof at all";
  const auto r = recorded({"nowhere", "nobody"}, "2", "");
  EXPECT_EQ(first_line(r.out), "nobody");
  EXPECT_EQ(r.err, "");
}

TEST(RecordedProcess, UnderSanitizersItSaysThatItCannot) {
  if (!goro_test::under_sanitizer) return;
  const auto r = recorded({"nowhere", "nobody"}, "2", "leak");
  EXPECT_NE(r.err.find("goro: GORO_DEBUG=leak: no heap block is recorded"), std::string::npos) << r.err;
  EXPECT_NE(r.err.find("Sanitizer has operators new and delete of its own\n"), std::string::npos) << r.err;
}

TEST(RecordedProcess, WithoutTheLibraryItSaysWhatToLink) {
  const auto r =
      goro_test::run_child(GORO_DEATH_DIR "/proven", {"nowhere", "nobody"}, {{"GORO_DEBUG", "leak"}});
  EXPECT_NE(r.err.find("goro: GORO_DEBUG=leak: no heap block is recorded"), std::string::npos) << r.err;
  EXPECT_NE(r.err.find("link goro::leak (-lgoro-leak) into the program\n"), std::string::npos) << r.err;
}

}  // namespace
