// SPDX-License-Identifier: MIT
// Select, fourth use: send if there is room, and go on if there is not (default).
#include "guide.hpp"

namespace {

bool send_or_skip(goro::chan<int> ch, int value) {
  bool sent = false;
  goro::select(goro::send(ch, value, [&] { sent = true; }), goro::otherwise([] {}));
  return sent;
}

}  // namespace

int main() {
  return goro::run([] {
    guide::outcome outcome;
    auto ch = goro::make_chan<int>(2);
    int sent = 0, skipped = 0;
    for (int i = 1; i <= 5; ++i) {
      const bool went = send_or_skip(ch, i);
      std::printf("%d: %s\n", i, went ? "sent" : "channel is full, skipping");
      ++(went ? sent : skipped);
    }
    outcome.expect(sent == 2 && skipped == 3, "the buffer of 2 takes two, the others are skipped");
    outcome.expect(ch.recv() == 1 && ch.recv() == 2, "the two that were sent are there, in order");
    outcome.expect(ch.try_send(3), "the short form: try_send");
    return outcome.verdict("the sender never blocked");
  });
}
