// SPDX-License-Identifier: MIT
// Goroutine leak: a deadlock of two goroutines that wait for each other's channel.
//
// The guide's main would wait for ever; here it gives up after a while, so that it can tell.
#include "guide.hpp"

int main() {
  return goro::run([] {
    guide::outcome outcome;
    const std::size_t before = goro::num_goroutine();

    auto ch1 = goro::make_chan<int>();
    auto ch2 = goro::make_chan<int>();
    goro::go([ch1, ch2] {
      (void)ch1.recv();
      ch2.send(1);  // never gets here: main sends nothing on ch1 ...
    });
    const goro::op_status status = ch2.recv_for(10ms).status;  // ... and waits for ch2
    const std::size_t leaked = goro::num_goroutine() - before;
    std::printf("main waits for ch2, the goroutine for ch1: main %s, %zu goroutine is still there\n",
                status == goro::op_status::timed_out ? "gave up" : "went on", leaked);
    outcome.expect(status == goro::op_status::timed_out, "main would wait for ever");
    outcome.expect(leaked == 1, "and so would the goroutine");

    // Fixed: ch2 has room, so that the goroutine need not wait for main, and main sends on ch1 first.
    auto fixed1 = goro::make_chan<int>();
    auto fixed2 = goro::make_chan<int>(1);
    goro::go([fixed1, fixed2] {
      (void)fixed1.recv();
      fixed2.send(1);
    });
    fixed1.send(1);
    const int got = fixed2.recv().value_or(0);
    const bool settled = guide::settles_at(before + leaked);
    std::printf("fixed: main got %d, %zu left\n", got, goro::num_goroutine() - before - leaked);
    outcome.expect(got == 1 && settled, "the fixed pair ends");

    ch1.send(1);  // frees the leaked one, so that this program leaves nothing behind
    (void)ch2.recv();
    outcome.expect(guide::settles_at(before), "nothing is left");
    return outcome.verdict("two that wait for each other wait for ever; order and a buffer free them");
  });
}
