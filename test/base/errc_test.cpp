// SPDX-License-Identifier: MIT
#include <goro/errc.hpp>

#include <gtest/gtest.h>

#include <string>

using goro::errc;

TEST(Errc, ConvertsToErrorCodesOfItsOwnCategory) {
  const std::error_code code = errc::canceled;
  EXPECT_EQ(code.value(), 1);
  EXPECT_STREQ(code.category().name(), "goro");
  EXPECT_EQ(code, errc::canceled);
  EXPECT_NE(code, errc::timed_out);
  EXPECT_TRUE(code);
}

TEST(Errc, CanceledEqualsOperationCanceled) {
  EXPECT_EQ(make_error_code(errc::canceled), std::errc::operation_canceled);
  EXPECT_NE(make_error_code(errc::canceled), std::errc::timed_out);
}

TEST(Errc, BothTimeoutsEqualTimedOutButNotEachOther) {
  EXPECT_EQ(make_error_code(errc::deadline_exceeded), std::errc::timed_out);
  EXPECT_EQ(make_error_code(errc::timed_out), std::errc::timed_out);
  EXPECT_NE(make_error_code(errc::timed_out), std::errc::operation_canceled);
  EXPECT_NE(make_error_code(errc::deadline_exceeded), make_error_code(errc::timed_out));
}

TEST(Errc, HasAMessageForEachValueAndForOthers) {
  for (const errc value : {errc::canceled, errc::deadline_exceeded, errc::timed_out})
    EXPECT_EQ(make_error_code(value).message().find("unknown"), std::string::npos);
  const std::error_code odd(99, make_error_code(errc::canceled).category());
  EXPECT_EQ(odd.message(), "unknown goro error 99");
  EXPECT_NE(odd, std::errc::timed_out);
}
