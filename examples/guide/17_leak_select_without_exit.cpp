// SPDX-License-Identifier: MIT
// Goroutine leak: a select in a loop that has no way out.
#include "guide.hpp"

#include <atomic>

namespace {

std::atomic<int> did_something{0};

// BUG: no way out. (The pill is how this program gets rid of it at the end; the guide's has none.)
void leaking_do_work(goro::chan<int> ch, goro::chan<int> pill) {
  goro::go([ch, pill] {
    for (bool poisoned = false; !poisoned;)
      goro::select(goro::recv(ch, [](int) { ++did_something; }), goro::recv(pill, [&] { poisoned = true; }));
  });
}

void fixed_do_work(goro::chan<int> ch, goro::recv_chan<int> done) {
  goro::go([ch, done] {
    for (bool going = true; going;)
      goro::select(goro::recv(ch, [](int) { ++did_something; }),
                   goro::recv(done, [&] { going = false; }));  // required exit
  });
}

}  // namespace

int main() {
  return goro::run([] {
    guide::outcome outcome;
    const std::size_t before = goro::num_goroutine();
    auto pill = goro::make_chan<int>();

    auto ch = goro::make_chan<int>();
    leaking_do_work(ch, pill);
    ch.send(1);
    goro::sleep_for(5ms);  // nobody will send again, and nobody can tell it
    const std::size_t leaked = goro::num_goroutine() - before;

    auto ch2 = goro::make_chan<int>();
    auto done = goro::make_chan<int>();
    fixed_do_work(ch2, done);
    ch2.send(1);
    done.close();
    const bool settled = guide::settles_at(before + leaked);

    std::printf("without an exit: %zu goroutine is still there; with `done`: %zu left\n", leaked,
                goro::num_goroutine() - before - leaked);
    outcome.expect(leaked == 1, "the goroutine without an exit is still there");
    outcome.expect(settled, "the one that selects on done ends");
    outcome.expect(did_something == 2, "both did their work before");

    pill.close();
    outcome.expect(guide::settles_at(before), "nothing is left");
    return outcome.verdict("every select in a loop needs a case that ends it");
  });
}
