// SPDX-License-Identifier: MIT
// The rows themselves: the bodies of peers/go/main.go, as far as Boost.Fiber can express them.
#include "peer.hpp"

#include <cstdlib>

namespace peer {
namespace {

void spawn() {
  constexpr number count = 200'000;  // a fifth of the others': at 40 us each that is enough
  wait_group done;
  const auto start = clock_type::now();
  done.add(count);
  for (number i = 0; i < count; ++i) go([&] { done.done(); });
  done.wait();
  per_op("spawn", clock_type::now() - start, count);
}

nanoseconds batches(number rounds, number batch) {
  wait_group done;
  const auto start = clock_type::now();
  for (number r = 0; r < rounds; ++r) {
    done.add(batch);
    for (number i = 0; i < batch; ++i) go([&] { done.done(); });
    done.wait();
  }
  return clock_type::now() - start;
}

void spawn_batch() { per_op("spawn_batch", batches(1000, 1000), 1'000'000); }
void wg_fanout() { per_op("wg_fanout", batches(8000, 100), 8000); }

void sky(unbuffered<number>& result, number first, number size) {
  if (size == 1) {
    result.push(first);
    return;
  }
  unbuffered<number> parts;
  number sum = 0;
  for (number i = 0; i < 10; ++i) {
    go([&parts, n = first + i * (size / 10), part = size / 10] { sky(parts, n, part); });
  }
  for (number i = 0; i < 10; ++i) sum += parts.value_pop();
  result.push(sum);
}

void skynet() {
  const auto start = clock_type::now();
  unbuffered<number> result;
  go([&] { sky(result, 0, 1'000'000); });
  if (result.value_pop() != 499'999'500'000) std::abort();
  out("skynet", milliseconds(clock_type::now() - start), "ms");
}

// A promise and a future stand for Go's channel of one place.
void fibonacci(number n, fibers::promise<number> result) {
  if (n < 2) {
    result.set_value(n);
    return;
  }
  fibers::promise<number> first;
  auto first_value = first.get_future();
  go([n, first = std::move(first)]() mutable { fibonacci(n - 1, std::move(first)); });
  fibers::promise<number> second;
  auto second_value = second.get_future();
  fibonacci(n - 2, std::move(second));
  const number sum = second_value.get();
  result.set_value(first_value.get() + sum);
}

void fib() {
  const auto start = clock_type::now();
  fibers::promise<number> result;
  auto value = result.get_future();
  go([result = std::move(result)]() mutable { fibonacci(27, std::move(result)); });
  if (value.get() != 196'418) std::abort();
  per_op("fib", clock_type::now() - start, 317'810);
}

void yield() {
  const int count = 2 * procs;
  const number each = 4'000'000 / count;
  per_op("yield",
         parallel(count,
                  [&](int) {
                    for (number i = 0; i < each; ++i) boost::this_fiber::yield();
                  }),
         count * each);
}

void pingpong() {
  constexpr number count = 1'000'000;
  unbuffered<number> ping;
  unbuffered<number> pong;
  per_op("pingpong",
         parallel(2,
                  [&](int g) {
                    for (number i = 0; i < count; ++i) {
                      if (g == 0) {
                        ping.push(i);
                        pong.value_pop();
                      } else {
                        pong.push(ping.value_pop());
                      }
                    }
                  }),
         count);
}

template <class Channel>
void stream(const char* name, Channel& values, int pairs, number count) {
  per_op(name,
         parallel(2 * pairs,
                  [&](int g) {
                    for (number i = 0; i < count / pairs; ++i) {
                      if (g % 2 == 0) {
                        values.push(i);
                      } else {
                        values.value_pop();
                      }
                    }
                  }),
         count);
}

void chan_unbuf() {
  unbuffered<number> values;
  stream("chan_unbuf", values, 1, 2'000'000);
}

void chan_buf() {
  buffered<number> values(128);
  stream("chan_buf", values, 1, 8'000'000);
}

void chan_mpmc() {
  buffered<number> values(128);
  stream("chan_mpmc", values, 4, 4'000'000);
}

void chan_uncontended() {
  constexpr number count = 10'000'000;
  buffered<number> values(2);
  per_op("chan_uncontended",
         parallel(1,
                  [&](int) {
                    for (number i = 0; i < count; ++i) {
                      values.push(i);
                      values.value_pop();
                    }
                  }),
         count);
}

void sieve() {
  static std::vector<std::unique_ptr<unbuffered<number>>> channels;
  const auto start = clock_type::now();
  const auto make = [] {
    channels.push_back(std::make_unique<unbuffered<number>>());
    return channels.back().get();
  };
  auto* numbers = make();
  go([numbers] {
    for (number i = 2;; ++i) numbers->push(i);
  });
  number prime = 0;
  for (int i = 0; i < 2000; ++i) {
    prime = numbers->value_pop();
    auto* filtered = make();
    go([numbers, filtered, prime] {
      for (;;) {
        const number value = numbers->value_pop();
        if (value % prime != 0) filtered->push(value);
      }
    });
    numbers = filtered;
  }
  if (prime != 17'389) std::abort();
  out("sieve", milliseconds(clock_type::now() - start), "ms");
}

void mutexes() {
  constexpr number alone = 20'000'000;
  constexpr number shared = 8'000'000;
  fibers::mutex mutex;
  number x = 0;
  const auto increments = [&](number count) {
    for (number i = 0; i < count; ++i) {
      mutex.lock();
      ++x;
      mutex.unlock();
    }
  };
  per_op("mutex_uncontended", parallel(1, [&](int) { increments(alone); }), alone);
  per_op("mutex_contended", parallel(8, [&](int) { increments(shared / 8); }), shared);
}

void timers() {
  constexpr int count = 100'000;
  constexpr int rounds = 5;
  std::vector<number> late(count * rounds);
  const double cpu = cpu_milliseconds();
  const auto elapsed = parallel(count, [&](int g) {
    auto x = static_cast<std::uint64_t>(g) * 0x9E3779B97F4A7C15u + 1;
    for (int r = 0; r < rounds; ++r) {
      x ^= x << 13;
      x ^= x >> 7;
      x ^= x << 17;
      const nanoseconds asked(x % 20'000'000);
      const auto before = clock_type::now();
      boost::this_fiber::sleep_for(asked);
      late[static_cast<std::size_t>(g * rounds + r)] =
          nanoseconds(clock_type::now() - before - asked).count();
    }
  });
  out("timers_wall", milliseconds(elapsed), "ms");
  out("timers_cpu", cpu_milliseconds() - cpu, "ms");
  out("timers_late_p50", quantile_us(late, .5), "us");
  out("timers_late_p99", quantile_us(late, .99), "us");
}

void wake_idle_park() {
  constexpr int count = 1500;
  unbuffered<clock_type::time_point> sent;
  std::vector<number> latencies;
  parallel(2, [&](int g) {
    for (int i = 0; i < count; ++i) {
      if (g == 0) {
        boost::this_fiber::sleep_for(std::chrono::microseconds(200));
        sent.push(clock_type::now());
      } else {
        latencies.push_back(nanoseconds(clock_type::now() - sent.value_pop()).count());
      }
    }
  });
  out("wake_idle_park_p50", quantile_us(latencies, .5), "us");
  out("wake_idle_park_p99", quantile_us(latencies, .99), "us");
}

// A tenth of the others' million: each fiber takes a stack of its own at once.
constexpr int many = 100'000;

void parked() {
  unbuffered<number> gate;
  wait_group done;
  done.add(many);
  const double before = resident_bytes();
  for (int i = 0; i < many; ++i) {
    go([&] {
      number value = 0;
      gate.pop(value);
      done.done();
    });
  }
  for (int i = 0; i < 60; ++i) boost::this_fiber::sleep_for(std::chrono::milliseconds(5));
  out("parked_mem", (resident_bytes() - before) / many, "B");
  const auto start = clock_type::now();
  gate.close();
  done.wait();
  per_op("wake_all", clock_type::now() - start, many);
}

void queued() {
  const double before = resident_bytes();
  for (int i = 0; i < many; ++i) go([] {});
  out("queued_mem", (resident_bytes() - before) / many, "B");
}

void worker_pool() {
  constexpr number count = 1'000'000;
  buffered<number> jobs(128);
  buffered<number> results(128);
  const auto start = clock_type::now();
  for (int w = 0; w < 8; ++w) {
    go([&] {
      number job = 0;
      while (jobs.pop(job) == fibers::channel_op_status::success) results.push(job * 2);
    });
  }
  go([&] {
    for (number i = 0; i < count; ++i) jobs.push(i);
    jobs.close();
  });
  number sum = 0;
  for (number i = 0; i < count; ++i) sum += results.value_pop();
  per_op("worker_pool", clock_type::now() - start, count);
  if (sum != count * (count - 1)) std::abort();
  std::_Exit(0);  // the workers still refer to what is on this stack
}

}  // namespace

const std::map<std::string, void (*)()> rows = {
    {"spawn", spawn},
    {"spawn_batch", spawn_batch},
    {"wg_fanout", wg_fanout},
    {"skynet", skynet},
    {"fib", fib},
    {"yield", yield},
    {"pingpong", pingpong},
    {"chan_unbuf", chan_unbuf},
    {"chan_buf", chan_buf},
    {"chan_mpmc", chan_mpmc},
    {"chan_uncontended", chan_uncontended},
    {"sieve", sieve},
    {"mutex", mutexes},
    {"timers", timers},
    {"wake_idle_park", wake_idle_park},
    {"parked", parked},
    {"queued", queued},
    {"worker_pool", worker_pool},
};

}  // namespace peer
