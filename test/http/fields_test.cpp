// SPDX-License-Identifier: MIT
#include <goro/http/message.hpp>

#include <gtest/gtest.h>

#include <stdexcept>
#include <string>

namespace {

using goro::http::fields;

std::string shown(const fields& f) {
  std::string text;
  for (const auto [name, value] : f) text.append(name).append("=").append(value).append(";");
  return text;
}

TEST(HttpFields, NamesAreComparedWithoutCaseAndKeptAsWritten) {
  fields f;
  f.set("Content-Type", "a/b");
  f.add("X", "1");
  f.add("x", "2");
  EXPECT_EQ(f.get("content-TYPE"), "a/b");
  EXPECT_EQ(f.get("X"), "1");
  EXPECT_FALSE(f.get("Y"));
  EXPECT_EQ(shown(f), "Content-Type=a/b;X=1;x=2;");
  f.set("X", "3");
  EXPECT_EQ(shown(f), "Content-Type=a/b;X=3;");
  EXPECT_EQ(f.erase("content-type"), 1u);
  EXPECT_EQ(f.erase("content-type"), 0u);
  EXPECT_EQ(f.size(), 1u);
  f.clear();
  EXPECT_TRUE(f.empty());
}

TEST(HttpFields, ArgumentsMayBeViewsIntoTheObject) {
  fields f;
  f.add("Name", "value of some length that does not fit into a small string");
  for (int i = 0; i != 20; ++i) {
    f.set("Other", *f.get("Name"));
    f.set(f[0].name, *f.get("Other"));
  }
  EXPECT_EQ(shown(f),
            "Other=value of some length that does not fit into a small string;"
            "Name=value of some length that does not fit into a small string;");
}

TEST(HttpFields, NothingThatEndsTheLineGetsIn) {
  fields f;
  f.set("A", "old");
  for (const char* value : {"x\r\nSet-Cookie: y", "x\ny", "x\ry", "\x01", "\x7f"})
    EXPECT_THROW(f.set("A", value), std::invalid_argument) << value;
  EXPECT_THROW(f.add("A", std::string_view("a\0b", 3)), std::invalid_argument);
  for (const char* name : {"", "A B", "A:", "A\r\nB", "\xc3\xa4", "A\n"})
    EXPECT_THROW(f.add(name, "v"), std::invalid_argument) << name;
  EXPECT_EQ(shown(f), "A=old;");
  f.set("A", " \t blanks inside \t");
  EXPECT_EQ(shown(f), "A=blanks inside;");
  f.set("A", "t\xc3\xa4\tb");
  EXPECT_EQ(f.get("A"), "t\xc3\xa4\tb");
}

TEST(HttpFields, StatusesHaveTexts) {
  EXPECT_EQ(goro::http::status_text(404), "Not Found");
  EXPECT_EQ(goro::http::status_text(599), "");
}

}  // namespace
