// SPDX-License-Identifier: MIT
// Detect goroutine leak with: leak::verify_none, which is what goleak's VerifyNone is in Go.
//
// Two tests of a function, one of which leaks. Each looks at its own family only, so they may run at the same time.
// With GoogleTest nothing of this needs writing: goro/gtest.hpp has a listener that does it for every test, and
// goro/catch2.hpp one for Catch2.
#include "guide.hpp"

#include <string>
#include <utility>

namespace {

// Asks two servers and takes the first answer.
int first_answer(std::size_t room) {
  const auto answers = goro::make_chan<int>(room);  // BUG, with room for none: the second sender stays
  for (int server = 1; server != 3; ++server)
    goro::go({.name = "asks a server"}, [answers, server] { answers.send(server); });
  return answers.recv().value_or(0);
}

// What a test framework would do: empty, or the report of what is left.
std::string run_test(std::size_t room) {
  const goro::leak::family mine;
  if (first_answer(room) == 0) return "no answer";
  try {
    mine.verify_none({.timeout = room == 0 ? goro::duration(50ms) : goro::duration(10s)});
  } catch (const goro::leak::error& e) {
    return e.what();
  }
  return "";
}

}  // namespace

int main() {
  return goro::run([] {
    guide::outcome outcome;
    const auto reports = goro::make_chan<std::pair<std::size_t, std::string>>();
    for (const std::size_t room : {0, 2})
      goro::go({.name = "test"}, [reports, room] { reports.send({room, run_test(room)}); });
    for (int i = 0; i != 2; ++i) {
      const auto [room, report] = *reports.recv();
      std::printf("room for %zu answers: %s\n", room, report.empty() ? "clean" : report.c_str());
      const bool names_it = report.find("asks a server") != std::string::npos &&
                            report.find("42_leak_detect.cpp") != std::string::npos;
      outcome.expect(room == 0 ? names_it : report.empty(), "the test that leaks fails, the other does not");
    }
    return outcome.verdict("verify_none found the leak, and nobody else's");
  });
}
