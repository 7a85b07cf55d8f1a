// SPDX-License-Identifier: MIT
// Select, first use: wait on several channels; whichever is ready is served, and none is starved.
#include "guide.hpp"

#include <string>

int main() {
  return goro::run([] {
    guide::outcome outcome;
    auto ch1 = goro::make_chan<std::string>();
    auto ch2 = goro::make_chan<std::string>();
    goro::go([ch1] { ch1.send("one"); });
    goro::go([ch2] { ch2.send("two"); });

    std::string from1, from2;
    for (int i = 0; i != 2; ++i)
      goro::select(
          goro::recv(ch1, [&](std::string msg) { std::printf("ch1 said %s\n", msg.c_str()), from1 = msg; }),
          goro::recv(ch2, [&](std::string msg) { std::printf("ch2 said %s\n", msg.c_str()), from2 = msg; }));
    outcome.expect(from1 == "one" && from2 == "two", "both messages arrive, each from its channel");

    // Both always ready: the choice is random, so that neither waits for ever.
    auto even = goro::make_chan<int>(1000);
    auto odd = goro::make_chan<int>(1000);
    for (int i = 0; i != 1000; ++i) {
      even.send(2 * i);
      odd.send(2 * i + 1);
    }
    int count[2] = {0, 0};
    int v = 0;
    for (int i = 0; i != 1000; ++i) ++count[goro::select(goro::recv(even, v), goro::recv(odd, v))];
    std::printf("both ready 1000 times: the first was chosen %d times, the second %d times\n", count[0],
                count[1]);
    outcome.expect(count[0] > 0 && count[1] > 0, "neither channel starves");
    outcome.expect(count[0] + count[1] == 1000, "each select takes one value");
    return outcome.verdict("whichever channel was ready was served");
  });
}
