// SPDX-License-Identifier: MIT
// Channels: pingpong, chan_unbuf, chan_buf, chan_mpmc, chan_uncontended, sieve, worker_pool.
#include "rows.hpp"

#include <variant>

#include <goro/chan.hpp>

namespace bench {
namespace {

void pingpong() {
  constexpr number count = 1'000'000;
  const auto ping = goro::make_chan<number>();
  const auto pong = goro::make_chan<number>();
  const auto done = goro::make_chan<std::monostate>();
  const auto start = clock::now();
  goro::go([ping, pong, done] {
    for (number i = 0; i < count; ++i) pong.send(*ping.recv());
    done.close();
  });
  goro::go([ping, pong] {
    for (number i = 0; i < count; ++i) {
      ping.send(i);
      (void)pong.recv();
    }
  });
  (void)done.recv();
  per_op("pingpong", clock::now() - start, count);
}

void stream(const char* name, std::size_t capacity, number producers, number consumers, number count) {
  const auto values = goro::make_chan<number>(capacity);
  goro::wait_group done;
  const auto start = clock::now();
  done.add(static_cast<int>(producers + consumers));
  for (number p = 0; p < producers; ++p) {
    goro::go([values, producers, count, &done] {
      for (number i = 0; i < count / producers; ++i) values.send(i);
      done.done();
    });
  }
  for (number c = 0; c < consumers; ++c) {
    goro::go([values, consumers, count, &done] {
      number sum = 0;
      for (number i = 0; i < count / consumers; ++i) sum += *values.recv();
      sink = sum;
      done.done();
    });
  }
  done.wait();
  per_op(name, clock::now() - start, count);
}

void chan_unbuf() { stream("chan_unbuf", 0, 1, 1, 2'000'000); }
void chan_buf() { stream("chan_buf", 128, 1, 1, 8'000'000); }
void chan_mpmc() { stream("chan_mpmc", 128, 4, 4, 4'000'000); }

void chan_uncontended() {
  constexpr number count = 10'000'000;
  const auto done = goro::make_chan<std::monostate>();
  const auto start = clock::now();
  goro::go([done] {
    const auto values = goro::make_chan<number>(1);
    for (number i = 0; i < count; ++i) {
      values.send(i);
      (void)values.recv();
    }
    done.close();
  });
  (void)done.recv();
  per_op("chan_uncontended", clock::now() - start, count);
}

void generate(goro::send_chan<number> numbers) {
  for (number i = 2;; ++i) numbers.send(i);
}

void filter(goro::recv_chan<number> in, goro::send_chan<number> out, number prime) {
  for (;;) {
    const number i = *in.recv();
    if (i % prime != 0) out.send(i);
  }
}

// The generator and the 2,000 filters are left parked; they end with the process.
void sieve() {
  const auto start = clock::now();
  auto numbers = goro::make_chan<number>();
  goro::go(generate, numbers);
  number prime = 0;
  for (int i = 0; i < 2000; ++i) {
    prime = *numbers.recv();
    const auto filtered = goro::make_chan<number>();
    goro::go(filter, numbers, filtered, prime);
    numbers = filtered;
  }
  const auto elapsed = clock::now() - start;
  if (prime != 17'389) fail("sieve", "wrong prime");
  milliseconds("sieve", elapsed);
}

void worker_pool() {
  constexpr number count = 1'000'000;
  const auto jobs = goro::make_chan<number>(100);
  const auto results = goro::make_chan<number>(100);
  const auto start = clock::now();
  for (int w = 0; w < 8; ++w) {
    goro::go([jobs, results] {
      for (number job : jobs) results.send(job * 2);
    });
  }
  goro::go([jobs] {
    for (number i = 0; i < count; ++i) jobs.send(i);
    jobs.close();
  });
  number sum = 0;
  for (number i = 0; i < count; ++i) sum += *results.recv();
  per_op("worker_pool", clock::now() - start, count);
  sink = sum;
}

const row entries[] = {
    {"pingpong", pingpong},       {"chan_unbuf", chan_unbuf}, {"chan_buf", chan_buf},
    {"chan_mpmc", chan_mpmc},     {"sieve", sieve},           {"chan_uncontended", chan_uncontended},
    {"worker_pool", worker_pool},
};

}  // namespace
}  // namespace bench
