// SPDX-License-Identifier: MIT
// Select, third use: a worker that stops when it is told to. Closing `done` tells any number of them.
#include "guide.hpp"

#include <goro/wait_group.hpp>

#include <atomic>

int main() {
  return goro::run([] {
    guide::outcome outcome;
    const std::size_t before = goro::num_goroutine();
    auto ch = goro::make_chan<int>();
    auto done = goro::make_chan<int>();
    std::atomic<int> got{0}, stopped{0};
    goro::wait_group group;

    for (int w = 0; w != 3; ++w) {
      group.add();
      goro::go([&, ch, done] {
        for (bool going = true; going;)
          goro::select(goro::recv(ch, [&](int) { ++got; }), goro::recv(done, [&] { going = false; }));
        ++stopped;
        group.done();
      });
    }
    for (int i = 0; i != 100; ++i) ch.send(i);  // unbuffered: each is taken before the next is sent
    done.close();
    group.wait();

    std::printf("3 workers got %d values, then %d of them stopped\n", got.load(), stopped.load());
    outcome.expect(got == 100, "every value sent before the shutdown is handled");
    outcome.expect(stopped == 3, "one close stops every worker");
    outcome.expect(guide::settles_at(before), "no goroutine is left");
    return outcome.verdict("one close stopped all workers and lost nothing");
  });
}
