// SPDX-License-Identifier: MIT
// Goroutine leak: waiting for ever to receive. A worker loops over a channel that nobody closes.
#include "guide.hpp"

#include <atomic>

namespace {

std::atomic<int> received{0};

void worker(goro::recv_chan<int> ch) {
  for ([[maybe_unused]] int v : ch) ++received;
}

}  // namespace

int main() {
  return goro::run([] {
    guide::outcome outcome;
    const std::size_t before = goro::num_goroutine();

    auto never_closed = goro::make_chan<int>();
    goro::go(worker, never_closed);
    never_closed.send(1);
    never_closed.send(2);  // BUG: and no close; the worker waits for a third
    goro::sleep_for(5ms);
    const std::size_t leaked = goro::num_goroutine() - before;

    auto ch = goro::make_chan<int>();
    goro::go(worker, ch);
    ch.send(1);
    ch.send(2);
    ch.close();  // the sender says that no more will come
    const bool settled = guide::settles_at(before + leaked);

    std::printf("never closed: %zu goroutine is still there; closed: %zu left\n", leaked,
                goro::num_goroutine() - before - leaked);
    outcome.expect(leaked == 1, "the worker of the open channel is still there");
    outcome.expect(settled, "the worker of the closed channel ends");

    never_closed.close();
    outcome.expect(guide::settles_at(before), "nothing is left");
    outcome.expect(received == 4, "both workers got their two values");
    return outcome.verdict("whoever sends must close, or the loop never ends");
  });
}
