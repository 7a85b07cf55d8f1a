// SPDX-License-Identifier: MIT
// What tests of concurrent behaviour share: a fixture that runs each test at P = 1, 2, 4 and 16 and fails on
// goroutines left over, a guard against hangs, and the environment's say about size and seed.
//
// In debug and TSan builds the goroutines of such a test run in an order drawn from the seed.
//
//   class ChanStress : public goro_test::AtProcs {};
//   GORO_AT_PROCS(ChanStress);
//   TEST_P(ChanStress, CH06_EachValueSeenFourTimes) { … }
//
// A suite belongs to one file: GORO_AT_PROCS instantiates all its tests, so a second one would run them
// twice.
#pragma once

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace goro_test {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool under_sanitizer = true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
inline constexpr bool under_sanitizer = true;
#else
inline constexpr bool under_sanitizer = false;
#endif
#else
inline constexpr bool under_sanitizer = false;
#endif

#if defined(__SANITIZE_THREAD__)
inline constexpr bool under_tsan = true;
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
inline constexpr bool under_tsan = true;
#else
inline constexpr bool under_tsan = false;
#endif
#else
inline constexpr bool under_tsan = false;
#endif

// `n` times GORO_TEST_SCALE (1 when unset), at least 1. A value that is no positive number ends the program.
int scaled(int n);

// GORO_TEST_SEED, or a number that differs from run to run. AtProcs prints it when a test fails.
std::uint64_t seed();

// num_goroutine() once every goroutine is parked: one of an earlier test that has handed over its last value may
// be about to end, and who counts it at the start waits in vain for as many at the end.
std::size_t settled_goroutines();

// Prints the running test's name, P, the number of goroutines and the seed, and aborts, when it is not
// destroyed within `seconds` (times GORO_TEST_SCALE if that is above 1, times 5 under a sanitizer). It is a
// plain thread that waits on the C++ library's own condition variable: it works however stuck goro is.
class hang_guard {
 public:
  explicit hang_guard(std::string name, int seconds = 60);
  ~hang_guard();
  hang_guard(const hang_guard&) = delete;
  hang_guard& operator=(const hang_guard&) = delete;

 private:
  struct state;
  std::unique_ptr<state> state_;
};

class AtProcs : public testing::TestWithParam<int> {
 protected:
  int procs() const { return GetParam(); }

  void SetUp() override;     // set_max_procs(P)
  void TearDown() override;  // fails if num_goroutine() does not come back to what SetUp saw

 private:
  std::unique_ptr<hang_guard> guard_;
  std::size_t goroutines_before_ = 0;
  int procs_before_ = 0;
};

}  // namespace goro_test

#define GORO_AT_PROCS(Suite)                      \
  INSTANTIATE_TEST_SUITE_P(                       \
      Procs, Suite, testing::Values(1, 2, 4, 16), \
      [](const testing::TestParamInfo<int>& procs) { return std::string("P").append(std::to_string(procs.param)); })
