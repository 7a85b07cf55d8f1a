// SPDX-License-Identifier: MIT
// Time: timers, timer_ops, after, wake_idle, wake_idle_park.
#include "rows.hpp"

#include <atomic>
#include <memory>
#include <string>
#include <variant>

#include <goro/chan.hpp>
#include <goro/select.hpp>
#include <goro/time.hpp>

namespace bench {
namespace {

using std::chrono::hours;
using std::chrono::seconds;

void timers() {
  constexpr int goroutines = 100'000;
  constexpr int rounds = 5;
  constexpr int sleeps = goroutines * rounds;
  // Not touched before the clock starts, as Go's zeroed slice is not.
  const auto late = std::make_unique_for_overwrite<std::int64_t[]>(sleeps);
  const auto cpu_before = cpu_time();
  const auto elapsed = parallel(goroutines, [late = late.get()](int g) {
    auto x = static_cast<std::uint64_t>(g) * 0x9E3779B97F4A7C15u + 1;
    for (int r = 0; r < rounds; ++r) {
      x ^= x << 13;
      x ^= x >> 7;
      x ^= x << 17;
      const nanoseconds asked(x % 20'000'000);
      const auto before = clock::now();
      goro::sleep_for(asked);
      late[g * rounds + r] = nanoseconds(clock::now() - before - asked).count();
    }
  });
  const auto cpu = cpu_time() - cpu_before;
  milliseconds("timers_wall", elapsed);
  milliseconds("timers_cpu", cpu);
  out("timers_late_p50", quantile_us(late.get(), late.get() + sleeps, .5), "us");
  out("timers_late_p99", quantile_us(late.get(), late.get() + sleeps, .99), "us");
}

template <class F>
void timed(const char* name, number count, F f) {
  const auto start = clock::now();
  for (number i = 0; i < count; ++i) f(nanoseconds(hours(1)) + nanoseconds(i));
  per_op(name, clock::now() - start, count);
}

void timer_ops() {
  constexpr number resets = 4'000'000;
  constexpr number stops = 2'000'000;
  goro::timer unwatched(hours(1));  // nobody waits on its channel
  timed("timer_reset_chan", resets, [&](nanoseconds d) { unwatched.reset(d); });

  std::vector<goro::timer> others;
  for (int i = 0; i < 10'000; ++i) others.push_back(goro::after_func(hours(1) + seconds(i), [] {}));
  goro::timer moved = goro::after_func(hours(1), [] {});
  timed("timer_reset", resets, [&](nanoseconds d) { moved.reset(d); });
  timed("timer_stop", stops, [](nanoseconds d) { goro::after_func(d, [] {}).stop(); });
  timed("timer_stop_chan", stops, [](nanoseconds d) { goro::timer(d).stop(); });
}

// after: a channel that is ready beside a timeout made by after(), as Go writes it; after_timeout: the same
// with select's own timeout case, which Go does not have.
void after() {
  constexpr number count = 1'000'000;
  const auto values = goro::make_chan<number>(1);
  auto start = clock::now();
  for (number i = 0; i < count; ++i) {
    values.send(i);
    if (goro::select(goro::recv(values), goro::recv(goro::after(seconds(1)))) != 0) fail("after", "timeout");
  }
  per_op("after", clock::now() - start, count);

  start = clock::now();
  for (number i = 0; i < count; ++i) {
    values.send(i);
    if (goro::select(goro::recv(values), goro::timeout(seconds(1))) != 0) fail("after_timeout", "timeout");
  }
  per_op("after_timeout", clock::now() - start, count);
}

// With `busy` the sender stays on its thread, so the receiver must run on another one.
void wake(const std::string& name, bool busy) {
  constexpr number count = 1500;
  std::vector<std::int64_t> latencies;
  latencies.reserve(count);
  const auto sent = goro::make_chan<clock::time_point>();
  const auto done = goro::make_chan<std::monostate>();
  std::atomic<number> received{0};
  goro::go([sent, done, &latencies, &received] {
    for (clock::time_point at : sent) {
      latencies.push_back(nanoseconds(clock::now() - at).count());
      received.fetch_add(1);
    }
    done.close();
  });
  for (number i = 1; i <= count; ++i) {
    goro::sleep_for(std::chrono::microseconds(200));
    sent.send(clock::now());
    while (busy && received.load() < i) {
    }
  }
  sent.close();
  (void)done.recv();
  std::int64_t* const begin = latencies.data();
  out((name + "_p50").c_str(), quantile_us(begin, begin + latencies.size(), .5), "us");
  out((name + "_p99").c_str(), quantile_us(begin, begin + latencies.size(), .99), "us");
}

void wake_idle() { wake("wake_idle", true); }
void wake_idle_park() { wake("wake_idle_park", false); }

const row entries[] = {
    {"timers", timers},       {"timer_ops", timer_ops},           {"after", after},
    {"wake_idle", wake_idle}, {"wake_idle_park", wake_idle_park},
};

}  // namespace
}  // namespace bench
