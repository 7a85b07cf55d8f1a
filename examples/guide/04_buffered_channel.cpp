// SPDX-License-Identifier: MIT
// Buffered channel: sends succeed without a receiver until the buffer is full; a receive waits only when it
// is empty.
#include "guide.hpp"

#include <string>
#include <vector>

int main() {
  return goro::run([] {
    guide::outcome outcome;
    auto ch = goro::make_chan<std::string>(2);

    ch.send("apple");
    ch.send("banana");
    std::string cherry = "cherry";
    const bool third = ch.try_send(cherry);
    std::printf("no receiver: 2 sends went into the buffer (len %zu, cap %zu), the third %s\n", ch.len(),
                ch.cap(), third ? "too" : "would block");
    outcome.expect(ch.len() == 2 && ch.cap() == 2, "both values wait in the buffer");
    outcome.expect(!third, "a third send would block");
    outcome.expect(ch.send_for(cherry, 5ms) == goro::op_status::timed_out, "and goes on blocking");

    // The same three with a receiver: the third send waits until a slot is drained.
    std::vector<std::string> received;
    auto done = goro::make_chan<int>();
    goro::go([&, ch, done] {
      for (std::string v : ch) received.push_back(std::move(v));
      done.close();
    });
    ch.send(cherry);
    ch.close();
    (void)done.recv();
    for (const std::string& v : received) std::printf("received: %s\n", v.c_str());
    outcome.expect(received == std::vector<std::string>{"apple", "banana", "cherry"}, "first in, first out");

    auto empty = goro::make_chan<std::string>(2);
    outcome.expect(empty.try_recv().status == goro::op_status::would_block,
                   "a receive from an empty buffer would block");
    return outcome.verdict("the buffer took 2 values without a receiver, the third waited for a slot");
  });
}
