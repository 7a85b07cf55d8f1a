// SPDX-License-Identifier: MIT
// leak::prove: each rule by which a goroutine counts as stuck, and its twin that does not. Each case is a process
// of its own (test/death/proven.cpp says why).
#include "support/at_procs.hpp"
#include "support/child.hpp"

#include <gtest/gtest.h>

#include <ostream>
#include <string>

namespace {

struct expectation {
  const char* which;
  const char* proven;
};
std::ostream& operator<<(std::ostream& out, const expectation& e) { return out << e.which; }

class ProvenDeath : public testing::TestWithParam<expectation> {
 protected:
  static std::string proven(const expectation& e, const char* procs) {
    const auto r =
        goro_test::run_child(GORO_DEATH_DIR "/proven", {e.which, e.proven}, {{"GORO_MAXPROCS", procs}});
    EXPECT_EQ(r.exit_status, 0) << r.err;
    return r.out.substr(0, r.out.find('\n'));
  }
};

TEST_P(ProvenDeath, ThoseAndNoOthers) {
  for (const char* procs : {"1", "4"}) {
    const std::string out = proven(GetParam(), procs);
    if (goro_test::under_tsan)
      EXPECT_EQ(out.find("unavailable: ThreadSanitizer"), 0u) << out;
    else
      EXPECT_EQ(out, GetParam().proven) << "at P = " << procs;
  }
}

const expectation expectations[] = {
    {"sender", "sender"},
    {"full_buffer", "second value"},
    {"global_handle", "nobody"},
    {"nil_and_no_cases", "no cases, receive from nil, send to nil"},
    {"nil_with_limits", "nobody"},
    {"select_all_lost", "selecter"},
    {"select_one_global", "nobody"},
    {"limits", "nobody"},
    {"time_only", "nobody"},
    {"sleeper_has_it", "nobody"},
    {"runner_has_it", "nobody"},
    {"timer_has_it", "nobody"},
    {"value_in_lost_channel", "inner, outer"},
    {"daemon", "nobody"},
    {"big_closure", "big"},
    {"chain", "link x1000"},
    {"chain_held", "nobody"},
    {"nowhere", "receiver"},
    {"in_global_interior", "nobody"},
    {"in_heap", "nobody"},
    {"in_tls", "nobody"},
#if defined(__x86_64__)
    {"in_register", "nobody"},
    {"in_vector_register", "nobody"},
#endif
    {"in_epoll", "nobody"},
    {"mutex_own", "twice"},
    {"mutex_global", "nobody"},
    {"by_reference_from_live", "nobody"},
    {"by_reference_from_stuck", "waiter, worker"},
    {"many_kinds", "cond, future, rw read, rw write, semaphore"},
    {"future_with_promise", "nobody"},
    {"kept_records", "receiver"},
    {"main_waits", "nobody"},
};
INSTANTIATE_TEST_SUITE_P(Cases, ProvenDeath, testing::ValuesIn(expectations),
                         [](const auto& info) { return std::string(info.param.which); });

TEST(ProvenProcess, WhereTheKernelRefusesItSaysWhy) {
  if (goro_test::under_tsan) GTEST_SKIP() << "there is no proof at all";
  const auto r = goro_test::run_child(GORO_DEATH_DIR "/proven", {"ptrace_refused"});
  EXPECT_EQ(r.exit_status, 0) << r.err;
  EXPECT_NE(r.out.find("unavailable: "), std::string::npos) << r.out;
  EXPECT_NE(r.out.find("ptrace"), std::string::npos) << r.out;
  EXPECT_NE(r.out.find("Operation not permitted"), std::string::npos) << r.out;
}

TEST(ProvenProcess, WorkGrowsWithMemoryAndWaitsAndNotFaster) {
  if (goro_test::under_sanitizer) GTEST_SKIP() << "so many stacks do not fit";
  const auto r = goro_test::run_child(GORO_DEATH_DIR "/proven", {"work_is_linear", "many x100000"});
  EXPECT_EQ(r.exit_status, 0) << r.err;
  EXPECT_EQ(r.out.find("linear: "), 0u) << r.out;
  EXPECT_NE(r.out.find("many x"), std::string::npos) << r.out;
}

}  // namespace
