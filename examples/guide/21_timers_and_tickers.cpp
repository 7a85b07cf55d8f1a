// SPDX-License-Identifier: MIT
// Timers and tickers, the time side of select: sleep, after, timer, ticker, after_func.
#include "guide.hpp"

int main() {
  return goro::run([] {
    guide::outcome outcome;

    const guide::stopwatch slept;
    goro::sleep_for(5ms);
    outcome.expect(slept.ms() >= 5, "sleep_for is never short");

    const guide::stopwatch waited;
    (void)goro::after(5ms).recv();
    outcome.expect(waited.ms() >= 5, "after never comes early");
    std::printf("slept %.1f ms and waited %.1f ms for 5 ms each\n", slept.ms(), waited.ms());

    // A timer can be stopped and set anew; what it had to say before is never received after that.
    goro::timer timer(1h);
    outcome.expect(timer.stop(), "a timer that has not fired can be stopped");
    outcome.expect(!timer.stop(), "and is then stopped");
    timer.reset(1ms);
    goro::sleep_for(5ms);  // it has fired, and nobody looked
    timer.reset(1h);
    outcome.expect(timer.c().try_recv().status == goro::op_status::would_block,
                   "no stale tick after a reset");
    timer.reset(1ms);
    outcome.expect(timer.c().recv().has_value(), "set anew it fires");

    // A ticker ticks until it is stopped; one that nobody listens to drops ticks, it does not pile them up.
    goro::ticker ticker(2ms);
    const guide::stopwatch ticking;
    for (int i = 0; i != 5; ++i) (void)ticker.c().recv();
    const double five = ticking.ms();
    goro::sleep_for(10ms);
    ticker.stop();
    outcome.expect(ticker.c().try_recv().status == goro::op_status::would_block, "no tick after a stop");
    std::printf("5 ticks of 2 ms took %.1f ms; 5 more, not listened to, were dropped\n", five);
    outcome.expect(five >= 9, "ticks do not come early");

    // after_func runs its function in a goroutine of its own.
    auto ran_in = goro::make_chan<std::uint64_t>();
    goro::timer call = goro::after_func(1ms, [ran_in] { ran_in.send(goro::goroutine_id()); });
    const std::uint64_t id = *ran_in.recv();
    std::printf("after_func ran in goroutine %llu, main is %llu\n", static_cast<unsigned long long>(id),
                static_cast<unsigned long long>(goro::goroutine_id()));
    outcome.expect(id != goro::goroutine_id(), "the function has a goroutine of its own");
    goro::timer never = goro::after_func(1h, [] { std::puts("FAILED: ran although it was stopped"); });
    outcome.expect(never.stop(), "and can be stopped before it runs");
    return outcome.verdict("timers came when due, never early, never stale");
  });
}
