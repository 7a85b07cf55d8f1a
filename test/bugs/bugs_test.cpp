// SPDX-License-Identifier: MIT
// Each shape of a bug in this folder, and its fixed form: what the detectors say, against the first line of the
// shape's file. Each question in a process of its own: one that finds and proves, on four Ps, and one that runs under
// GORO_DEBUG=deadlock, on one P, where the order in which goroutines stick is fixed.
#include "support/at_procs.hpp"
#include "support/child.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

namespace {

// Of heap blocks, by goro::leak; but where the sanitizers' operators are in its place.
constexpr bool records_are_kept = !goro_test::under_sanitizer;
constexpr const char* records = records_are_kept ? "leak" : "";
constexpr const char* watch = records_are_kept ? "deadlock,leak" : "deadlock";

// "find: 2; proven: no" as {find: 2, proven: no}.
std::map<std::string, std::string> verdict_of(const std::string& name) {
  std::ifstream file(std::string(GORO_BUGS_SOURCES "/") + name + ".cpp");
  std::string line;
  std::getline(file, line);
  std::getline(file, line);
  std::map<std::string, std::string> verdict;
  std::istringstream parts(line.substr(std::min<std::size_t>(line.size(), 3)));
  for (std::string part; std::getline(parts, part, ';');) {
    const std::size_t from = part.find_first_not_of(' ');
    const std::size_t colon = part.find(": ");
    if (from == std::string::npos || colon == std::string::npos) continue;
    verdict[part.substr(from, colon - from)] = part.substr(colon + 2);
  }
  return verdict;
}

std::vector<std::string> shapes() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(GORO_BUGS_SOURCES)) {
    const std::string name = entry.path().stem();
    if (entry.path().extension() == ".cpp" && name != "driver" && name != "bugs_test") names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

class Bugs : public testing::TestWithParam<std::string> {
 protected:
  static std::string ask(std::vector<std::string> form, const char* procs, const char* debug) {
    form.insert(form.begin(), GetParam());
    const auto r = goro_test::run_child(GORO_DEATH_DIR "/bugs_driver", form,
                                        {{"GORO_MAXPROCS", procs}, {"GORO_DEBUG", debug}});
    EXPECT_EQ(r.exit_status, 0) << GetParam() << ":\n" << r.out << r.err;
    return r.out;
  }
  // The number behind `word` at the beginning of a line; "": it was not said.
  static std::string said(const std::string& out, const std::string& word) {
    std::istringstream lines(out);
    for (std::string line; std::getline(lines, line);)
      if (line.rfind(word + " ", 0) == 0) {
        const std::string rest = line.substr(word.size() + 1);
        return rest.substr(0, rest.find_first_not_of("0123456789"));
      }
    return "";
  }
  static int number(const std::string& verdict) {
    return verdict == "no" ? 0 : verdict.empty() ? -1 : std::stoi(verdict);
  }
};

TEST_P(Bugs, AreReported) {
  auto verdict = verdict_of(GetParam());
  for (const char* word : {"find", "proven", "deadlock"}) ASSERT_NE(verdict[word], "") << word;
  const std::string found = ask({"bug"}, "4", records);
  EXPECT_EQ(number(said(found, "find")), number(verdict["find"])) << found;
  if (verdict.count("grows") != 0) {
    EXPECT_EQ(said(found, "grows"), verdict["grows"]) << found;
  }
  int proven = number(said(found, "proven"));
  const int expected = number(verdict["proven"]);
  // A word that is left over somewhere can hide it from a whole process; it is proven if any of some proves it.
  for (int more = 0; more != 4 && 0 <= proven && proven < expected && records_are_kept; ++more)
    proven = std::max(proven, number(said(ask({"bug"}, "4", records), "proven")));
  EXPECT_LE(proven, expected) << found;
  if (proven >= 0 && records_are_kept) {
    EXPECT_EQ(proven, expected) << found;
  }

  const bool must = verdict["deadlock"] == "yes";
  if (verdict["deadlock"] == "-" || (must && !records_are_kept)) return;
  const std::string watched =
      ask(must ? std::vector<std::string>{"bug", "await"} : std::vector<std::string>{"bug"}, "1", watch);
  EXPECT_EQ(said(watched, "deadlock"), must ? "1" : "0") << watched;
}

TEST_P(Bugs, FixedAreNot) {
  const std::string found = ask({"clean"}, "4", records);
  EXPECT_EQ(said(found, "find"), "0") << found;
  if (said(found, "proven") != "") {
    EXPECT_EQ(said(found, "proven"), "0") << found;
  }
  const std::string watched = ask({"clean"}, "1", watch);
  EXPECT_EQ(said(watched, "deadlock"), "0") << watched;
}

INSTANTIATE_TEST_SUITE_P(Shapes, Bugs, testing::ValuesIn(shapes()),
                         [](const auto& name) { return name.param; });

}  // namespace
