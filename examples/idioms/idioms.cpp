// SPDX-License-Identifier: MIT
// Go's idioms in goro, one function each. README.md's table quotes these lines, and a test compares the two.
#include <goro/goro.hpp>

#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <sstream>
#include <stdexcept>
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

void locks() {
  goro::mutex mu;
  {
    std::lock_guard hold(mu);
    expect(!mu.try_lock(), "one at a time");
  }
  if (mu.try_lock_for(1ms)) mu.unlock();
  goro::rw_mutex rw;
  {
    std::shared_lock reading(rw);
    expect(rw.try_lock_shared() && !rw.try_lock(), "another reader, and no writer");
    rw.unlock_shared();
  }
  {
    std::scoped_lock writing(rw);
    expect(!rw.try_lock_shared(), "no reader beside a writer");
  }
  auto reader = rw.shared();
  {
    std::lock_guard hold(reader);
    expect(reader.try_lock(), "its lock() is for reading");
    reader.unlock();
  }
  std::atomic<long> ops;
  ops += 1;
  expect(ops.load() == 1, "an atomic is std's");
}

void conditions() {
  goro::mutex mu;
  goro::cond changed(mu);
  bool ready = false;
  goro::scope s;
  s.go([&] {
    std::lock_guard hold(mu);
    ready = true;
    changed.notify_one();
    changed.notify_all();
  });
  {
    std::lock_guard hold(mu);
    changed.wait([&] { return ready; });
  }
  goro::condition_variable any;
  std::unique_lock hold(mu);
  expect(any.wait_for(hold, 1ms, [&] { return ready; }), "std's interface, with any lock");
  hold.unlock();
  s.wait();
}

void once_only() {
  int calls = 0;
  goro::once o;
  o.call([&] { ++calls; });
  o.call([&] { ++calls; });
  auto set_up = goro::once_func([&] { ++calls; });
  set_up();
  set_up();
  auto config = goro::once_value([] { return std::string("read"); });
  expect(config() == "read" && calls == 2, "each was called once");
}

void sharing() {
  goro::semaphore places(10);
  places.acquire(3);
  expect(places.try_acquire(7) && !places.try_acquire(), "ten in all");
  places.release(10);
  goro::pool buffers([] { return std::string(); });
  {
    auto text = buffers.get();
    text->assign("goes back by itself");
  }
  goro::trim_pools();
  goro::concurrent_map<std::string, int> m;
  m.store("k", 1);
  std::optional<int> n = m.load("k");
  auto [now, loaded] = m.load_or_store("k", 2);
  expect(n == 1 && now == 1 && loaded, "the first value stays");
  expect(m.compare_and_swap("k", 1, 3), "it was 1");
  m.range([](const std::string&, int value) { return value == 3; });
  m.erase("k");
  goro::singleflight<std::string, int> flights;
  auto [value, shared] = flights.do_call("k", [] { return 42; });
  expect(value == 42 && !shared, "nobody else asked meanwhile");
}

void contexts() {
  goro::context parent = goro::background();
  {
    auto [ctx, cancel] = goro::with_cancel(parent);
    cancel();
    expect(ctx.err() == goro::errc::canceled, "it was cancelled");
    goro::select(goro::recv(ctx.done(), [] { use(1); }));
  }
  auto [ctx, cancel] = goro::with_timeout(parent, 1ms);
  expect(goro::sleep_for(1h, ctx) == goro::errc::deadline_exceeded, "its time was up first");
  auto ch = goro::make_chan<int>();
  expect(!ch.recv(ctx), "nor is anything received");
  goro::mutex mu;
  expect(mu.lock(ctx) == goro::errc::deadline_exceeded, "nor locked");

  auto [task, fail] = goro::with_cancel_cause(parent);
  auto ended = goro::make_chan<int>();
  goro::after_func(task, [ended] { ended.close(); });
  fail(std::make_exception_ptr(std::runtime_error("no disk")));
  expect(!ended.recv() && task.cause() != nullptr, "after_func ran, and there is a cause");

  static const goro::context_key<std::string> user;
  goro::context request = goro::with_value(parent, user, "me");
  expect(*request.value(user) == "me", "the value is the request's");

  auto [asked, no_longer] = goro::notify_context(parent, {SIGINT, SIGTERM});
  expect(!asked.err(), "nobody has asked this program to stop");
  no_longer();
  expect(!goro::to_stop_token(parent).stop_possible(), "background is never done");
}

void groups() {
  goro::context parent = goro::background();
  auto [g, ctx] = goro::errgroup::with_context(parent);
  g.set_limit(8);
  g.go([] { return std::error_code(); });
  g.go([] { throw std::runtime_error("no disk"); });
  try {
    g.wait();
    expect(false, "wait throws the first failure");
  } catch (const std::runtime_error&) {
    expect(ctx.err() == goro::errc::canceled, "and the others were told to stop");
  }
  goro::worker_pool pool(4, 64);
  pool.submit([] { use(1); });
  auto answer = pool.async([] { return 42; });
  pool.close();
  pool.wait();
  expect(answer.get() == 42, "a worker has answered");
}

void seeing() {
  goro::install_sigquit_dump();
  std::ostringstream out;
  goro::dump_goroutines(out);
  goro::dump_goroutines_json(out);
  expect(out.str().find("goroutine") != std::string::npos, "at least this one is there");
  expect(!goro::goroutines().empty(), "as records, too");
}

}  // namespace

int main() {
  return goro::run([] {
    goroutines();
    channels();
    selects();
    times();
    runtime();
    locks();
    conditions();
    once_only();
    sharing();
    contexts();
    groups();
    seeing();
    std::puts("every idiom of the table holds");
  });
}
