// SPDX-License-Identifier: MIT
// GoogleTest: a test fails if goroutines that it started, or that these started, are still there at its end.
//
//   int main(int argc, char** argv) {
//     testing::InitGoogleTest(&argc, argv);
//     testing::UnitTest::GetInstance()->listeners().Append(new goro::leak::gtest_listener);
//     return RUN_ALL_TESTS();
//   }
//
// The failure says of each one where it was created, what it waits on and where it is. What a test suite's
// SetUpTestSuite has started is no test's; daemons and what a test's own std::threads have started are not
// looked for. A goroutine that one test leaves behind is not held against the next.
#pragma once

#include <exception>
#include <optional>
#include <utility>

#include <gtest/gtest.h>
#include <goro/leak.hpp>

namespace goro::leak {

class gtest_listener : public testing::EmptyTestEventListener {
 public:
  // `how` says how long goroutines have to end after a test, and which are passed over.
  explicit gtest_listener(options how = {}) : how_(std::move(how)) {}

  // The test's own thread calls both, before its fixture is made and after it is gone.
  void OnTestStart(const testing::TestInfo& /*test*/) override { family_.emplace(); }
  void OnTestEnd(const testing::TestInfo& /*test*/) override {
    if (!family_) return;
    try {
      family_->verify_none(how_);
    } catch (const std::exception& e) {
      ADD_FAILURE() << e.what();
    }
    family_.reset();
  }

 private:
  const options how_;
  std::optional<family> family_;
};

}  // namespace goro::leak
