// SPDX-License-Identifier: MIT
// Unbuffered channel: a send waits for a receiver, a receive for a sender; they meet at the channel.
#include "guide.hpp"

#include <string>

int main() {
  return goro::run([] {
    guide::outcome outcome;
    auto ch = goro::make_chan<std::string>();

    // ch <- "apple" would block here: there is no receiver. A try and a timed send make that visible.
    std::string apple = "apple";
    const bool sent = ch.try_send(apple);
    const goro::op_status status = ch.send_for(apple, 5ms);
    std::printf("no receiver: try_send says %s, send_for(5 ms) says %s\n", sent ? "sent" : "would block",
                status == goro::op_status::timed_out ? "timed out" : "something else");
    outcome.expect(!sent, "try_send without a receiver would block");
    outcome.expect(status == goro::op_status::timed_out, "send_for without a receiver times out");
    outcome.expect(apple == "apple", "a value that was not sent stays with its sender");

    // With a receiver the send goes through, and only once the receiver is there: what it wrote before
    // its receive is no race to read after the send, though `receiver_ready` is a plain bool.
    bool receiver_ready = false;
    std::string got;
    auto done = goro::make_chan<int>();
    goro::go([&, ch, done] {
      receiver_ready = true;
      got = ch.recv().value_or("nothing");
      done.close();
    });
    ch.send(apple);
    outcome.expect(receiver_ready, "send returns only after the receiver was ready");
    outcome.expect(ch.len() == 0 && ch.cap() == 0, "an unbuffered channel holds nothing");
    (void)done.recv();
    std::printf("with a receiver: received: %s\n", got.c_str());
    outcome.expect(got == "apple", "the receiver has the value");
    return outcome.verdict("sender and receiver met at the channel");
  });
}
