// SPDX-License-Identifier: MIT
#include "base/fatal.hpp"

#include <gtest/gtest.h>

#include <climits>
#include <string>

using namespace goro::detail;

namespace {

std::string text_of(const fatal_text& text) { return std::string(text.data(), text.size()); }

}  // namespace

TEST(FatalText, FormatsNumbersAndTexts) {
  fatal_text text;
  text << "a " << 0 << ' ' << -7 << ' ' << LLONG_MIN << ' ' << ULLONG_MAX << ' '
       << hex(std::uintptr_t{0xbeef}) << ' ' << hex(nullptr) << ' ' << static_cast<const char*>(nullptr)
       << ' ' << std::size_t{12};
  EXPECT_EQ(text_of(text), "a 0 -7 -9223372036854775808 18446744073709551615 0xbeef 0x0 (null) 12");
}

TEST(FatalText, CutsOffWhatDoesNotFit) {
  fatal_text text;
  for (int i = 0; i != 1'000; ++i) text << "abc";
  EXPECT_EQ(text.size(), 512u);
  EXPECT_EQ(text_of(text).substr(505), "bca...\n");
  text << 'x';
  EXPECT_EQ(text_of(text).substr(508), "...\n");
}

TEST(FatalDeathTest, NamesCallFaultAndRemedy) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(fatal("go", "out of stacks", "raise the limit"),
               "^goro: go: out of stacks; raise the limit\n");
  EXPECT_DEATH(fatal("go", "out of stacks", nullptr), "^goro: go: out of stacks\n");
}

TEST(FatalDeathTest, ChecksSayWhatAndWhere) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const int two = 2;
  GORO_CHECK(two == 2, "goro: two: is not two; count again");
  EXPECT_DEATH(GORO_CHECK(two == 3, "goro: two: is not three; count again"),
               "^goro: two: is not three; count again \\[.*fatal_test.cpp:[0-9]+: two == 3\\]\n");
  EXPECT_DEATH(GORO_CHECK(two == 3, "two is not three"), "^goro: two is not three \\[");
}

TEST(FatalDeathTest, AssertsInDebugBuildsOnly) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  int evaluated = 0;
#ifdef NDEBUG
  GORO_ASSERT(++evaluated > 100);
  EXPECT_EQ(evaluated, 0);
#else
  GORO_ASSERT(++evaluated > 0);
  EXPECT_EQ(evaluated, 1);
  EXPECT_DEATH(GORO_ASSERT(evaluated == 2), "^goro: assertion failed \\[.*: evaluated == 2\\]\n");
#endif
}
