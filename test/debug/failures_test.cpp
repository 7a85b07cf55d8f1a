// SPDX-License-Identifier: MIT
// Failures that nobody has collected, in records and dumps.
#include <goro/goro.hpp>

#include "support/at_procs.hpp"
#include "support/child.hpp"
#include "support/eventually.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

using goro_test::eventually;
using testing::HasSubstr;

std::vector<goro::goroutine_info> failures() {
  std::vector<goro::goroutine_info> all = goro::goroutines();
  std::erase_if(all, [](const goro::goroutine_info& g) { return !g.state.starts_with("failed: "); });
  return all;
}

class Failures : public testing::Test {
 protected:
  void SetUp() override {
    group_.go([] { throw std::runtime_error("the \"disk\" is full"); });
    ASSERT_TRUE(eventually([] { return failures().size() == 1; }));
    ASSERT_TRUE(
        goro::leak::find({.timeout = std::chrono::seconds(30)}).empty());  // all but daemons have ended
  }
  ~Failures() override {
    try {
      group_.wait();
    } catch (const std::runtime_error&) {
    }
  }

  goro_test::hang_guard guard_{"Failures"};
  goro::errgroup group_;
};

TEST_F(Failures, AreRecordsUntilTheyAreCollected) {
  EXPECT_EQ(goro::goroutines().size(), goro::num_goroutine() + 1);
  const auto f = failures().at(0);
  EXPECT_EQ(f.state, "failed: the \"disk\" is full");
  EXPECT_NE(f.id, 0u);
  EXPECT_EQ(f.created_by, 0u);
  EXPECT_NE(f.waits_on, nullptr);
  EXPECT_TRUE(f.stack.empty());
  EXPECT_THAT(f.created_at.file, HasSubstr("failures_test.cpp"));
  EXPECT_THROW(group_.wait(), std::runtime_error);
  EXPECT_TRUE(failures().empty());
}

TEST_F(Failures, StandInTheText) {
  std::ostringstream out;
  goro::dump_goroutines(out);
  EXPECT_THAT(out.str(), HasSubstr("1 failure that nobody has collected\n"));
  EXPECT_THAT(out.str(), HasSubstr("[failed: the \"disk\" is full] kept by errgroup 0x"));
  EXPECT_THAT(out.str(), HasSubstr("created by a plain thread at "));
  EXPECT_THAT(out.str(), HasSubstr("failures_test.cpp:"));
}

TEST_F(Failures, StandInTheJson) {
  std::ostringstream out;
  goro::dump_goroutines_json(out);
  const std::string path = testing::TempDir() + "/goro_failures_" + std::to_string(getpid()) + ".json";
  std::ofstream(path) << out.str();
  const auto r =
      goro_test::run_child("/usr/bin/env", {"python3", "-c",
                                            "import json,sys\n"
                                            "g = json.load(open(sys.argv[1]))['goroutines'][-1]\n"
                                            "assert g['state'] == 'failed: the \"disk\" is full', g\n"
                                            "assert int(g['waits_on']['address'], 16), g\n"
                                            "assert 'failures_test' in g['created_at']['file'], g\n",
                                            path});
  std::remove(path.c_str());
  EXPECT_EQ(r.exit_status, 0) << r.err << out.str();
}

TEST_F(Failures, AreNoLeaks) {
  EXPECT_TRUE(goro::leak::find({.timeout = goro::duration::zero()}).empty());
  EXPECT_TRUE(goro::leak::old(goro::duration::zero()).empty());
}

}  // namespace
