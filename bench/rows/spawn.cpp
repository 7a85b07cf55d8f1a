// SPDX-License-Identifier: MIT
// Starting goroutines and yielding: spawn, spawn_batch, wg_fanout, skynet, fib, yield.
#include "rows.hpp"

#include <goro/chan.hpp>

namespace bench {
namespace {

// spawn: the first round of the process, whose memory is fresh; spawn_warm: the same again.
void spawn() {
  constexpr number count = 1'000'000;
  for (const char* name : {"spawn", "spawn_warm"}) {
    goro::wait_group done;
    const auto start = clock::now();
    done.add(count);
    for (number i = 0; i < count; ++i) goro::go([&done] { done.done(); });
    done.wait();
    per_op(name, clock::now() - start, count);
  }
}

void spawn_batch() {
  constexpr number rounds = 1000;
  constexpr number batch = 1000;
  goro::wait_group done;
  const auto start = clock::now();
  for (number r = 0; r < rounds; ++r) {
    done.add(batch);
    for (number i = 0; i < batch; ++i) goro::go([&done] { done.done(); });
    done.wait();
  }
  per_op("spawn_batch", clock::now() - start, rounds * batch);
}

void wg_fanout() {
  constexpr number rounds = 8000;
  constexpr number batch = 100;
  const auto start = clock::now();
  for (number r = 0; r < rounds; ++r) {
    goro::wait_group done;
    done.add(batch);
    for (number i = 0; i < batch; ++i) goro::go([&done] { done.done(); });
    done.wait();
  }
  // Go prints this row in nanoseconds a round too.
  per_op("wg_fanout", clock::now() - start, rounds);
}

void sky(const goro::chan<number>& result, number first, number size, number branches) {
  if (size == 1) {
    result.send(first);
    return;
  }
  const auto parts = goro::make_chan<number>();
  number sum = 0;
  for (number i = 0; i < branches; ++i) {
    goro::go(sky, parts, first + i * (size / branches), size / branches, branches);
  }
  for (number i = 0; i < branches; ++i) sum += *parts.recv();
  result.send(sum);
}

void skynet() {
  for (const char* name : {"skynet", "skynet_warm"}) {
    const auto start = clock::now();
    const auto result = goro::make_chan<number>();
    goro::go(sky, result, number{0}, number{1'000'000}, number{10});
    const number sum = *result.recv();
    const auto elapsed = clock::now() - start;
    if (sum != 499'999'500'000) fail(name, "wrong sum");
    milliseconds(name, elapsed);
  }
}

number fibonacci(number n) {
  if (n < 2) return n;
  const auto first = goro::make_chan<number>(1);
  goro::go([first, n] { first.send(fibonacci(n - 1)); });
  const number second = fibonacci(n - 2);
  return *first.recv() + second;
}

void fib() {
  constexpr number tasks = 317'810;
  const auto start = clock::now();
  const auto result = goro::make_chan<number>();
  goro::go([result] { result.send(fibonacci(27)); });
  const number value = *result.recv();
  const auto elapsed = clock::now() - start;
  if (value != 196'418) fail("fib", "wrong result");
  per_op("fib", elapsed, tasks);
}

void yield() {
  const int goroutines = 2 * procs();
  const number each = 4'000'000 / goroutines;
  goro::wait_group done;
  const auto start = clock::now();
  for (int g = 0; g < goroutines; ++g) {
    done.add(1);
    goro::go([each, &done] {
      for (number i = 0; i < each; ++i) goro::yield();
      done.done();
    });
  }
  done.wait();
  per_op("yield", clock::now() - start, goroutines * each);
}

const row entries[] = {
    {"spawn", spawn},
    {"spawn_batch", spawn_batch},
    {"wg_fanout", wg_fanout},
    {"skynet", skynet},
    {"fib", fib},
    {"yield", yield},
};

}  // namespace
}  // namespace bench
