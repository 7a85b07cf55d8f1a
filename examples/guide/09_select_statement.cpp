// SPDX-License-Identifier: MIT
// Select: one statement waits for several channel operations, sends and receives alike.
#include "guide.hpp"

#include <string>

namespace {

// The guide's first select, in the style with handlers. Says what it did.
std::string with_handlers(goro::chan<std::string> ch1, goro::chan<std::string> ch2) {
  std::string said;
  goro::select(goro::recv(ch1, [&](std::string msg) { said = "Received from ch1: " + msg; }),
               goro::send(ch2, std::string("ping"), [&] { said = "Sent ping to ch2"; }),
               goro::otherwise([&] { said = "No channel ready"; }));
  return said;
}

// The same in the style with an index: like a switch in C++.
std::string with_index(goro::chan<std::string> ch1, goro::chan<std::string> ch2) {
  std::string msg;
  switch (goro::select(goro::recv(ch1, msg), goro::send(ch2, std::string("ping")), goro::otherwise)) {
    case 0:
      return "Received from ch1: " + msg;
    case 1:
      return "Sent ping to ch2";
    default:
      return "No channel ready";
  }
}

}  // namespace

int main() {
  return goro::run([] {
    guide::outcome outcome;
    for (auto select : {with_handlers, with_index}) {
      auto ch1 = goro::make_chan<std::string>(1);
      auto ch2 = goro::make_chan<std::string>(1);

      ch1.send("hello");  // ch1 can be received from ...
      ch2.send("full");   // ... and ch2 cannot be sent to
      const std::string first = select(ch1, ch2);
      (void)ch2.recv();  // now only the send can go on
      const std::string second = select(ch1, ch2);
      const std::string third = select(ch1, ch2);  // and now neither

      std::printf("%-24s | %s | %s\n", first.c_str(), second.c_str(), third.c_str());
      outcome.expect(first == "Received from ch1: hello", "a ready receive is chosen");
      outcome.expect(second == "Sent ping to ch2", "a ready send is chosen");
      outcome.expect(third == "No channel ready", "default runs when nothing is ready");
      outcome.expect(ch2.recv() == "ping", "the value that was sent is there");
    }
    return outcome.verdict("select did the one operation that was ready, in both styles");
  });
}
