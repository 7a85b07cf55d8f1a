// SPDX-License-Identifier: MIT
// Runs a program as a child and tells how it ended and what it wrote: for programs that must die.
//
//   const auto r = run_child(beside_this_program("deadlock"), {}, {{"GORO_MAXPROCS", "2"}});
//   EXPECT_EQ(r.exit_status, 2) << r.err;
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace goro_test {

struct child_result {
  int exit_status = -1;    // -1: a signal ended it
  int signal = 0;          // 0: it exited
  bool timed_out = false;  // it was killed after the limit; signal is then SIGKILL
  std::string out;         // what it wrote to stdout
  std::string err;         // and to stderr
};

// `environment` is put over the caller's own: an empty value is set as empty, not removed.
// The child reads nothing from stdin. Throws std::system_error if it cannot be started.
child_result run_child(const std::string& program, const std::vector<std::string>& arguments = {},
                       const std::vector<std::pair<std::string, std::string>>& environment = {},
                       std::chrono::milliseconds limit = std::chrono::seconds(60));

// The path of a program that was built into the same folder as this one.
std::string beside_this_program(std::string_view name);

}  // namespace goro_test
