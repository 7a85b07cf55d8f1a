// SPDX-License-Identifier: MIT
// Goroutine leak: asynchronous work that is not tied to the request that started it.
//
// The client of a request has gone; the work that its handler started goes on regardless. Fixed, the work
// also waits for the request's end, here a channel that the handler's caller closes.
#include "guide.hpp"

#include <atomic>

namespace {

std::atomic<int> aborted{0};

// BUG: the goroutine knows nothing of the request's end. (`work` stands for a slow database.)
void leaking_handler(goro::recv_chan<int> work) {
  goro::go([work] { (void)work.recv(); });
}

void fixed_handler(goro::recv_chan<int> work, goro::recv_chan<int> request_done) {
  goro::go([work, request_done] {
    goro::select(goro::recv(work, [] { /* finish work */ }),
                 goro::recv(request_done, [] { ++aborted; }));  // client disconnected: abort
  });
}

}  // namespace

int main() {
  return goro::run([] {
    guide::outcome outcome;
    const std::size_t before = goro::num_goroutine();
    auto slow_database = goro::make_chan<int>();

    for (int i = 0; i != 10; ++i) leaking_handler(slow_database);
    goro::sleep_for(5ms);  // the clients are gone, but the work is not
    const std::size_t leaked = goro::num_goroutine() - before;

    const std::size_t base = goro::num_goroutine();
    auto request_done = goro::make_chan<int>();
    for (int i = 0; i != 10; ++i) fixed_handler(slow_database, request_done);
    request_done.close();
    const bool settled = guide::settles_at(base);

    std::printf("10 abandoned requests: %zu goroutines are still there; fixed: %d aborted, %zu left\n",
                leaked, aborted.load(), goro::num_goroutine() - base);
    outcome.expect(leaked == 10, "the untied goroutines are still there");
    outcome.expect(settled && aborted == 10, "the tied ones end with their request");

    slow_database.close();  // sets the leaked ones free, so that this program leaves nothing behind
    outcome.expect(guide::settles_at(before), "nothing is left");
    return outcome.verdict("work tied to its request ends with it");
  });
}
