// SPDX-License-Identifier: MIT
// max_procs: set, refused, changed while running, and where its default comes from.
#include "sched/on_goroutine.hpp"
#include "support/at_procs.hpp"
#include "support/child.hpp"
#include "support/eventually.hpp"

#include <goro/goro.hpp>

#include <gtest/gtest.h>

#include <sched.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

using namespace std::chrono_literals;
using goro_test::eventually;
using goro_test::on_goroutine;
using goro_test::procs_for_now;

std::string program(const char* name) { return std::string(GORO_DEATH_DIR) + "/" + name; }

TEST(Procs, SetReturnsTheOldValue) {
  const int before = goro::max_procs();
  EXPECT_EQ(goro::set_max_procs(3), before);
  EXPECT_EQ(goro::max_procs(), 3);
  EXPECT_EQ(goro::set_max_procs(before), 3);
  EXPECT_EQ(goro::max_procs(), before);
}

TEST(Procs, LessThanOneIsRefusedAndChangesNothing) {
  const int before = goro::max_procs();
  for (const int n : {0, -1, -1000}) {
    try {
      goro::set_max_procs(n);
      ADD_FAILURE() << n << " was taken";
    } catch (const std::invalid_argument& e) {
      EXPECT_NE(std::string(e.what()).find("goro: set_max_procs"), std::string::npos) << e.what();
    }
  }
  EXPECT_EQ(goro::max_procs(), before);
}

TEST(Procs, SC16_ChangedOftenWhileOthersRun) {
  const goro_test::hang_guard guard("Procs.SC16");
  const procs_for_now keep(2);
  std::atomic<bool> stop{false};
  std::atomic<std::uint64_t> turns{0};
  goro::wait_group all;
  for (int i = 0; i != 8; ++i) {
    all.go([&] {
      while (!stop) {
        ++turns;
        goro::yield();
      }
    });
  }
  all.go([&] {
    while (!stop) goro::sleep_for(100us);
  });
  all.go([&] {
    while (!stop.load(std::memory_order_relaxed)) {
    }
  });
  const int rounds = goro_test::scaled(1000);
  for (int i = 0; i != rounds; ++i) goro::set_max_procs(1 + i % 4);
  for (int i = 0; i != rounds / 10; ++i) on_goroutine([i] { goro::set_max_procs(1 + i % 4); });
  const std::uint64_t seen = turns;
  EXPECT_TRUE(eventually([&] { return turns > seen + 8; })) << "nobody runs after the changes";
  stop = true;
  all.wait();
}

TEST(Procs, SC16_ShrinkingLosesNoGoroutineAndNoTimer) {
  const goro_test::hang_guard guard("Procs.SC16Shrink");
  const procs_for_now keep(8);
  constexpr int n = 200;
  const auto out = goro::make_chan<int>(n);
  for (int i = 0; i != n; ++i) {
    goro::go([out, i] {
      for (int turn = 0; turn != 20; ++turn) goro::yield();
      goro::sleep_for(std::chrono::milliseconds(i % 20));
      out.send(i);
    });
  }
  for (const int p : {1, 8, 2, 5, 1}) {
    goro::set_max_procs(p);
    goro::sleep_for(2ms);
  }
  int sum = 0;
  for (int i = 0; i != n; ++i) sum += out.recv().value();
  EXPECT_EQ(sum, n * (n - 1) / 2);
}

TEST(Procs, SC17_A1024PsStartAndStop) {
  const goro_test::hang_guard guard("Procs.SC17");
  const procs_for_now many(1024);
  EXPECT_EQ(goro::max_procs(), 1024);
  goro::wait_group all;
  std::atomic<int> ran{0};
  for (int i = 0; i != 4096; ++i)
    all.go([&] {
      goro::yield();
      ++ran;
    });
  all.wait();
  EXPECT_EQ(ran, 4096);
}

// The program says "<max_procs> <num_cpu>".
TEST(Procs, CG06_TheVariableWinsOverTheMachine) {
  const auto r = goro_test::run_child(program("report_procs"), {}, {{"GORO_MAXPROCS", "7"}});
  EXPECT_EQ(r.exit_status, 0) << r.err;
  EXPECT_EQ(r.out.substr(0, 2), "7 ") << r.out;
}

TEST(Procs, CG06_AnEmptyVariableIsAsIfUnset) {
  const auto r = goro_test::run_child(program("report_procs"), {}, {{"GORO_MAXPROCS", ""}});
  EXPECT_EQ(r.exit_status, 0) << r.err;
}

TEST(Procs, DefaultIsTheNumberOfCpus) {
  const auto r = goro_test::run_child(program("report_procs"));
  EXPECT_EQ(r.exit_status, 0) << r.err;
  int procs = 0;
  int cpus = 0;
  ASSERT_EQ(std::sscanf(r.out.c_str(), "%d %d", &procs, &cpus), 2) << r.out;
  EXPECT_EQ(procs, cpus);
  EXPECT_GE(cpus, 1);
}

int cpus_allowed() {
  cpu_set_t set;
  CPU_ZERO(&set);
  return ::sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
}

TEST(Procs, CG07_AffinityCountsBelowTheMachine) {
  if (cpus_allowed() < 2) GTEST_SKIP() << "one CPU only";
  const auto r = goro_test::run_child(program("report_procs"), {"one-cpu"});
  EXPECT_EQ(r.exit_status, 0) << r.err;
  EXPECT_EQ(r.out, "1 1\n");
}

TEST(Procs, CG09_AChangeOfAffinityWhileRunningIsFollowed) {
  if (cpus_allowed() < 2) GTEST_SKIP() << "one CPU only";
  const auto r = goro_test::run_child(program("report_procs"), {"follow"});
  EXPECT_EQ(r.exit_status, 0) << r.out << r.err;
  EXPECT_EQ(r.out, "followed\n");
}

TEST(Procs, CG10_AValueSetByCallIsKept) {
  if (cpus_allowed() < 2) GTEST_SKIP() << "one CPU only";
  const auto r = goro_test::run_child(program("report_procs"), {"kept-call"});
  EXPECT_EQ(r.exit_status, 0) << r.err;
  EXPECT_EQ(r.out, "kept 2\n");
}

TEST(Procs, CG10_AValueSetByTheVariableIsKept) {
  if (cpus_allowed() < 2) GTEST_SKIP() << "one CPU only";
  const auto r = goro_test::run_child(program("report_procs"), {"kept-variable"}, {{"GORO_MAXPROCS", "2"}});
  EXPECT_EQ(r.exit_status, 0) << r.err;
  EXPECT_EQ(r.out, "kept 2\n");
}

struct bad_setting {
  const char* variable;
  const char* value;
};

class BadSetting : public testing::TestWithParam<bad_setting> {};

TEST_P(BadSetting, IsRefusedAtStartWithWords) {
  const auto [variable, value] = GetParam();
  const auto r = goro_test::run_child(program("report_procs"), {}, {{variable, value}});
  EXPECT_EQ(r.exit_status, 2) << r.out << r.err;
  EXPECT_EQ(r.out, "");
  EXPECT_NE(r.err.find("goro: "), std::string::npos) << r.err;
  EXPECT_NE(r.err.find(variable), std::string::npos) << r.err;
  EXPECT_NE(r.err.find(value), std::string::npos) << r.err;
  // What is allowed must follow: more words than the variable and its value.
  EXPECT_GT(r.err.size(), std::string(variable).size() + std::string(value).size() + 20) << r.err;
}

INSTANTIATE_TEST_SUITE_P(
    Settings, BadSetting,
    testing::Values(bad_setting{"GORO_MAXPROCS", "banana"}, bad_setting{"GORO_MAXPROCS", "0"},
                    bad_setting{"GORO_MAXPROCS", "-1"}, bad_setting{"GORO_MAXPROCS", "1.5"},
                    bad_setting{"GORO_MAXPROCS", "2x"}, bad_setting{"GORO_MAXPROCS", "99999999999999999999"},
                    bad_setting{"GORO_STACK_SIZE", "banana"}, bad_setting{"GORO_STACK_SIZE", "-4096"},
                    bad_setting{"GORO_STACK_SIZE", "7q"}, bad_setting{"GORO_DEBUG", "banana"},
                    bad_setting{"GORO_DEBUG", "schedtrace=banana"}));

TEST(Procs, SizesMayCarryASuffix) {
  for (const char* value : {"65536", "64k", "64K", "1m", "1M"}) {
    const auto r = goro_test::run_child(program("report_procs"), {}, {{"GORO_STACK_SIZE", value}});
    EXPECT_EQ(r.exit_status, 0) << value << ": " << r.err;
  }
}

}  // namespace
