// SPDX-License-Identifier: MIT
// Go's idioms in goro, one function each. README.md's table quotes these lines, and a test compares the two.
#include <goro/goro.hpp>

#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <utility>

using namespace std::chrono_literals;

namespace {

std::atomic<int> used = 0;

void use(int value) { used += value; }
void work(int value) { use(value); }

// The first line that does not hold ends the program.
void expect(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "idioms: not so: %s\n", what);
  std::_Exit(1);
}

void goroutines() {
  int x = 1;
  goro::wait_group wg;
  wg.go([] { use(1); });
  wg.wait();
  goro::go(work, x);
  goro::go([=] { use(x); });
  auto r = goro::async([] { return 42; });
  expect(r.get() == 42, "a future gives what its goroutine returned");
  goro::scope s;
  s.go([&] { use(x); });
  s.wait();
}

void channels() {
  auto ch = goro::make_chan<int>(16);
  int v = 7;
  ch.send(v);
  std::optional<int> w = ch.recv();
  expect(w == 7, "what was sent is received");
  goro::go([in = goro::send_chan<int>(ch)] {
    for (int i = 0; i < 3; ++i) in.send(i);
    in.close();
  });
  for (int i : ch) use(i);
  expect(!ch.recv(), "closed and drained: nothing");
  expect(ch.len() == 0 && ch.cap() == 16, "an empty channel of 16");
  goro::chan<int> nil;
  expect(!nil, "a default-made channel is nil");
}

void selects() {
  auto a = goro::make_chan<int>();
  auto b = goro::make_chan<int>(1);
  int x = 0;
  switch (goro::select(goro::recv(a, x), goro::send(b, 5))) {
    case 0: use(x); break;
    case 1: break;
  }
  goro::select(goro::recv(a, [](int got) { use(got); }), goro::otherwise([] { use(0); }));
  expect(goro::select(goro::recv(a, x), goro::timeout(1ms)) == 1, "nobody sends: the timeout runs");
  expect(!a.try_recv(), "try_recv is a select with a default");
}

void times() {
  goro::sleep_for(1ms);
  expect(goro::after(1ms).recv().has_value(), "after sends the time");
  goro::timer t(1h);
  expect(t.stop(), "stopped before it fired");
  goro::ticker k(1ms);
  expect(k.c().recv().has_value(), "a ticker ticks");
  auto done = goro::make_chan<int>();
  goro::after_func(1ms, [done] { done.close(); });
  expect(!done.recv(), "after_func ran and closed it");
}

void runtime() {
  goro::yield();
  expect(goro::num_goroutine() >= 1 || goro::goroutine_id() == 0, "this goroutine is counted");
  expect(goro::max_procs() >= 1 && goro::num_cpu() >= 1, "there is a P");
  int before = goro::set_max_procs(2);
  goro::set_max_procs(before);
  goro::lock_os_thread();
  goro::unlock_os_thread();
  bool cleaned = false;
  auto ended = goro::make_chan<int>();
  goro::go([&, ended] {
    goro::defer last([ended] { ended.close(); });
    goro::defer cleanup([&] { cleaned = true; });
    goro::goexit();
  });
  expect(!ended.recv(), "the goroutine has ended");
  expect(cleaned, "goexit runs what was deferred");
  goro::local<int> depth;
  *depth = 1;
  goro::blocking([] { ::usleep(100); });
}

}  // namespace

int main() {
  return goro::run([] {
    goroutines();
    channels();
    selects();
    times();
    runtime();
    std::puts("every idiom of the table holds");
  });
}
