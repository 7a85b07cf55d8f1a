// SPDX-License-Identifier: MIT
#include "base/settings.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <map>

using namespace goro::detail;

namespace {

std::map<std::string, std::string> variables;

const char* lookup(const char* name) {
  const auto found = variables.find(name);
  return found == variables.end() ? nullptr : found->second.c_str();
}

settings parsed(std::map<std::string, std::string> from) {
  variables = std::move(from);
  settings s;
  const auto error = parse_settings(&lookup, s);
  EXPECT_FALSE(error.has_value()) << *error;
  return s;
}

std::string error_of(const std::string& name, const std::string& value) {
  variables = {{name, value}};
  settings s;
  return parse_settings(&lookup, s).value_or("none");
}

constexpr std::size_t KiB = 1024;

}  // namespace

TEST(Settings, DefaultsWhereNothingIsSet) {
  const settings s = parsed({});
  EXPECT_EQ(s.max_procs, 0);
  EXPECT_EQ(s.stack_size, 256 * KiB);
  EXPECT_FALSE(s.debug_leak);
  EXPECT_FALSE(s.debug_deadlock);
  EXPECT_EQ(s.schedtrace_ms, 0);
}

TEST(Settings, EmptyCountsAsNotSet) {
  const settings s = parsed({{"GORO_MAXPROCS", ""}, {"GORO_STACK_SIZE", ""}, {"GORO_DEBUG", ""}});
  EXPECT_EQ(s.max_procs, 0);
}

TEST(Settings, TakesAllValuesThatAreAllowed) {
  const settings s = parsed({{"GORO_MAXPROCS", "4"}, {"GORO_STACK_SIZE", "64k"},
                             {"GORO_DEBUG", "leak,schedtrace=1000,deadlock"}});
  EXPECT_EQ(s.max_procs, 4);
  EXPECT_EQ(s.stack_size, 64 * KiB);
  EXPECT_TRUE(s.debug_leak);
  EXPECT_TRUE(s.debug_deadlock);
  EXPECT_EQ(s.schedtrace_ms, 1000);
  EXPECT_EQ(parsed({{"GORO_MAXPROCS", "1"}}).max_procs, 1);
  EXPECT_EQ(parsed({{"GORO_MAXPROCS", "1024"}}).max_procs, 1024);
}

TEST(Settings, StackSizesTakeSuffixesAndRoundUp) {
  const auto size = [](const char* text) { return parsed({{"GORO_STACK_SIZE", text}}).stack_size; };
  EXPECT_EQ(size("16384"), 16 * KiB);
  EXPECT_EQ(size("16385"), 32 * KiB);
  EXPECT_EQ(size("100k"), 128 * KiB);
  EXPECT_EQ(size("2M"), 2 * KiB * KiB);
  EXPECT_EQ(size("1g"), KiB * KiB * KiB);
  EXPECT_EQ(size("1073741824"), KiB * KiB * KiB);
}

TEST(Settings, RefusesNonsenseNamingVariableValueAndWhatIsAllowed) {
  EXPECT_EQ(error_of("GORO_MAXPROCS", "banana"),
            "goro: GORO_MAXPROCS=banana: not a whole number; allowed: a whole number from 1 to 1024");
  for (const char* value : {"0", "-1", "1025", "4x", " 4", "4 ", "1.5", "99999999999999999999"})
    EXPECT_EQ(error_of("GORO_MAXPROCS", value).find("goro: GORO_MAXPROCS=" + std::string(value) + ": "), 0u)
        << value;
  for (const char* value : {"0", "16383", "15k", "2g", "1073741825", "k", "64kb", "64 k", "-64k", "0x4000",
                            "18014398509481984k", "99999999999999999999"})
    EXPECT_EQ(error_of("GORO_STACK_SIZE", value).find("goro: GORO_STACK_SIZE="), 0u) << value;
  for (const char* value : {"banana", "leak,", ",leak", "leak;deadlock", "schedtrace", "schedtrace=",
                            "schedtrace=0", "schedtrace=1s", "schedtrace=3600001", "LEAK"})
    EXPECT_EQ(error_of("GORO_DEBUG", value).find("goro: GORO_DEBUG="), 0u) << value;
}

TEST(Settings, AnErrorChangesNothing) {
  variables = {{"GORO_MAXPROCS", "4"}, {"GORO_DEBUG", "leak,banana"}};
  settings s;
  EXPECT_TRUE(parse_settings(&lookup, s).has_value());
  EXPECT_EQ(s.max_procs, 0);
  EXPECT_FALSE(s.debug_leak);
}

TEST(Settings, ErrorsAreOneShortLineWhateverTheValue) {
  const std::string error = error_of("GORO_MAXPROCS", "a\nb\x1b[31m" + std::string(1000, 'x'));
  EXPECT_EQ(error.find('\n'), std::string::npos);
  EXPECT_EQ(error.find('\x1b'), std::string::npos);
  EXPECT_LT(error.size(), 200u);
}

TEST(SettingsDeathTest, NonsenseInTheEnvironmentExitsWithCode2) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      {
        setenv("GORO_MAXPROCS", "banana", 1);
        the_settings();
      },
      testing::ExitedWithCode(2),
      "^goro: GORO_MAXPROCS=banana: not a whole number; allowed: a whole number from 1 to 1024\n$");
}
