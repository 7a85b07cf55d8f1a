// SPDX-License-Identifier: MIT
// Range over a channel: the loop takes values until the channel is closed and drained.
#include "guide.hpp"

#include <memory>

int main() {
  return goro::run([] {
    guide::outcome outcome;

    // A value that can only be moved goes through as well.
    auto ch = goro::make_chan<std::unique_ptr<int>>(4);
    goro::go([ch] {
      for (int i = 1; i <= 10; ++i) ch.send(std::make_unique<int>(i));
      ch.close();  // without this the loop below would wait for ever
    });

    int count = 0, sum = 0;
    for (std::unique_ptr<int> v : ch) {
      ++count;
      sum += *v;
    }
    std::printf("the loop ended by itself after %d values, sum %d\n", count, sum);
    outcome.expect(count == 10 && sum == 55, "every value arrives, also those buffered at the close");
    outcome.expect(!ch.recv(), "a receive from a closed and drained channel gives nothing");
    outcome.expect(ch.try_recv().status == goro::op_status::closed, "and says that it is closed");
    return outcome.verdict("range ended when the channel was closed and drained");
  });
}
