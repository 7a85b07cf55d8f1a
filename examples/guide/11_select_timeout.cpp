// SPDX-License-Identifier: MIT
// Select, second use: a limit on waiting.
#include "guide.hpp"

#include <string>

namespace {

std::string ask(goro::chan<std::string> db_response, goro::duration limit) {
  std::string said;
  goro::select(goro::recv(db_response, [&](std::string result) { said = "Got data: " + result; }),
               goro::recv(goro::after(limit), [&] { said = "Timeout waiting for DB"; }));
  return said;
}

// The same without a channel for the clock.
std::string ask_with_timeout(goro::chan<std::string> db_response, goro::duration limit) {
  std::string result;
  const bool timed_out = goro::select(goro::recv(db_response, result), goro::timeout(limit)) == 1;
  return timed_out ? "Timeout waiting for DB" : "Got data: " + result;
}

}  // namespace

int main() {
  return goro::run([] {
    guide::outcome outcome;
    for (auto ask_db : {ask, ask_with_timeout}) {
      auto silent = goro::make_chan<std::string>();
      const guide::stopwatch watch;
      const std::string late = ask_db(silent, 20ms);
      const double waited = watch.ms();

      auto prompt = goro::make_chan<std::string>(1);
      prompt.send("42 rows");
      const std::string in_time = ask_db(prompt, 1h);

      std::printf("%s after %.1f ms | %s\n", late.c_str(), waited, in_time.c_str());
      outcome.expect(late == "Timeout waiting for DB", "a silent database ends in the timeout");
      outcome.expect(waited >= 20, "the timeout never comes early");
      outcome.expect(in_time == "Got data: 42 rows", "an answer in time is taken");
    }
    return outcome.verdict("nobody waited for ever");
  });
}
