// SPDX-License-Identifier: MIT
// Every wait that takes a context, behind one face: a thing to be had, one who takes it, one who grants it. At first
// it is not to be had.
#pragma once

#include <goro/goro.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace goro_test {

struct form {
  virtual ~form() = default;
  virtual std::error_code take(const goro::context& ctx) = 0;
  virtual void grant() = 0;           // once more: one who waits has it, or the next who comes
  virtual bool is_there() const = 0;  // it could be had now
  virtual bool is_kept() const {
    return false;
  }  // whoever takes it leaves it there: a result, a count of zero
};

struct form_of {
  const char* name;
  std::function<std::unique_ptr<form>()> make;
};

namespace forms {

struct mutex : form {
  mutex() { m.lock(); }
  std::error_code take(const goro::context& ctx) override { return m.lock(ctx); }
  void grant() override { m.unlock(); }
  bool is_there() const override {
    const bool got = m.try_lock();
    if (got) m.unlock();
    return got;
  }
  mutable goro::mutex m;
};

struct writer : form {
  writer() { m.lock(); }
  std::error_code take(const goro::context& ctx) override { return m.lock(ctx); }
  void grant() override { m.unlock(); }
  bool is_there() const override {
    const bool got = m.try_lock();
    if (got) m.unlock();
    return got;
  }
  mutable goro::rw_mutex m;
};

// Held by a reader: a writer waits for it, and stops those who come.
struct writer_behind_a_reader : form {
  writer_behind_a_reader() { m.lock_shared(); }
  std::error_code take(const goro::context& ctx) override {
    const std::error_code code = m.lock(ctx);
    if (!code) {  // as it was
      m.unlock();
      m.lock_shared();
    }
    return code;
  }
  void grant() override { m.unlock_shared(); }
  bool is_there() const override {
    const bool got = m.try_lock();
    if (got) m.unlock();
    return got;
  }
  mutable goro::rw_mutex m;
};

// A reader behind a writer leaves at once: what has to hold is that it was let in, and that nothing is left of it.
struct reader : form {
  reader() { m.lock(); }
  std::error_code take(const goro::context& ctx) override {
    const std::error_code code = m.lock_shared(ctx);
    if (!code) m.unlock_shared();
    return code;
  }
  void grant() override {
    if (!granted) m.unlock();
    granted = true;
  }
  bool is_there() const override {
    const bool got = m.try_lock();
    if (got) m.unlock();
    return got;
  }
  bool is_kept() const override { return true; }
  mutable goro::rw_mutex m;
  bool granted = false;
};

struct semaphore : form {
  semaphore() { s.acquire(3); }
  std::error_code take(const goro::context& ctx) override { return s.acquire(ctx, 3); }
  void grant() override { s.release(3); }
  bool is_there() const override {
    const bool got = s.try_acquire(3);
    if (got) s.release(3);
    return got;
  }
  mutable goro::semaphore s{3};
};

struct cond : form {
  std::error_code take(const goro::context& ctx) override {
    const std::lock_guard hold(m);
    const std::error_code code = changed.wait(ctx, [this] { return there != 0; });
    if (!code) --there;
    return code;
  }
  void grant() override {
    {
      const std::lock_guard hold(m);
      ++there;
    }
    changed.notify_one();
  }
  bool is_there() const override { return there != 0; }
  goro::mutex m;
  goro::cond<goro::mutex> changed{m};
  int there = 0;
};

struct condition_variable : form {
  std::error_code take(const goro::context& ctx) override {
    std::unique_lock hold(m);
    const std::error_code code = changed.wait(hold, ctx, [this] { return there != 0; });
    if (!code) --there;
    return code;
  }
  void grant() override {
    const std::lock_guard hold(m);
    ++there;
    changed.notify_one();
  }
  bool is_there() const override { return there != 0; }
  goro::mutex m;
  goro::condition_variable changed;
  int there = 0;
};

// Somebody runs the function; who takes waits for its end.
struct once : form {
  once() {
    runner.go([this] { o.call([this] { (void)(started.close(), gate.recv()); }); });
    (void)started.recv();
  }
  ~once() override {
    grant();
    runner.wait();
  }
  std::error_code take(const goro::context& ctx) override {
    return o.call(ctx, [] { FAIL() << "the second function of a once is called"; });
  }
  void grant() override {
    if (!granted) gate.close();
    granted = true;
  }
  bool is_there() const override { return o.call_for(std::chrono::seconds(0), [] {}); }
  bool is_kept() const override { return true; }
  goro::chan<int> started = goro::make_chan<int>();
  goro::chan<int> gate = goro::make_chan<int>();
  mutable goro::once o;
  goro::wait_group runner;
  bool granted = false;
};

struct wait_group : form {
  wait_group() { g.add(); }
  std::error_code take(const goro::context& ctx) override { return g.wait(ctx); }
  void grant() override {
    if (!granted) g.done();
    granted = true;
  }
  bool is_there() const override { return granted; }
  bool is_kept() const override { return true; }
  goro::wait_group g;
  bool granted = false;
};

struct future : form {
  std::error_code take(const goro::context& ctx) override { return f.wait(ctx); }
  void grant() override {
    if (!f.ready()) p.set_value(1);
  }
  bool is_there() const override { return f.ready(); }
  bool is_kept() const override { return true; }
  goro::promise<int> p;
  goro::future<int> f = p.get_future();
};

// Each who takes boards the flight that is in the air, or starts one that lands at once.
struct singleflight : form {
  ~singleflight() override {  // a flight that nobody waits for must have landed
    grant();
    (void)flights.do_call(1, [] { return 1; });
  }
  std::error_code take(const goro::context& ctx) override {
    return flights.do_async(1, [this] { return (void)gate.recv(), 1; }).wait(ctx);
  }
  void grant() override {
    if (!granted) gate.close();
    granted = true;
  }
  bool is_there() const override { return granted; }
  bool is_kept() const override { return true; }
  goro::chan<int> gate = goro::make_chan<int>();
  goro::singleflight<int, int> flights;
  bool granted = false;
};

inline std::error_code of(goro::op_status status, const goro::context& ctx) {
  return status == goro::op_status::ok         ? std::error_code()
         : status == goro::op_status::canceled ? ctx.err()
                                               : std::make_error_code(std::errc::protocol_error);
}

struct recv : form {
  std::error_code take(const goro::context& ctx) override { return of(ch.recv(ctx).status, ctx); }
  void grant() override { ch.send(1); }
  bool is_there() const override { return ch.len() != 0; }
  goro::chan<int> ch = goro::make_chan<int>(2);
};

struct send : form {
  send() { ch.send("full"); }
  std::error_code take(const goro::context& ctx) override {
    std::string value = "too long for a string to keep it in itself";
    const goro::op_status status = ch.send(value, ctx);
    return value.empty() == (status == goro::op_status::ok) ? of(status, ctx)
                                                            : std::make_error_code(std::errc::bad_message);
  }
  void grant() override { (void)ch.recv(); }
  bool is_there() const override { return ch.len() == 0; }
  goro::chan<std::string> ch = goro::make_chan<std::string>(1);
};

struct select : form {
  std::error_code take(const goro::context& ctx) override {
    const bool done = goro::select(goro::in_order, goro::recv(ctx.done()), goro::recv(ch)) == 0;
    return done ? ctx.err() : std::error_code();
  }
  void grant() override { ch.send(1); }
  bool is_there() const override { return ch.len() != 0; }
  goro::chan<int> ch = goro::make_chan<int>(2);
};

// A goroutine of the group takes it, under the group's context.
struct errgroup : semaphore {
  std::error_code take(const goro::context& ctx) override {
    auto [group, inner] = goro::errgroup::with_context(ctx);
    group.go([this, &ctx = inner] { return s.acquire(ctx, 3); });
    std::error_code first;
    (void)group.wait(first);
    return first;
  }
};

// The one worker is to be had. Each task keeps it until the next grant.
struct worker_pool : form {
  worker_pool() { pool.submit(task()); }
  ~worker_pool() override { leave.close(); }
  std::error_code take(const goro::context& ctx) override { return pool.submit(ctx, task()); }
  void grant() override { leave.send(1); }
  // By trying: who succeeds has it, so it is given back.
  bool is_there() const override {
    const bool got = pool.try_submit(task());
    if (got) leave.send(1);
    return got;
  }
  std::function<void()> task() const {
    return [leave = leave] { (void)leave.recv(); };
  }
  goro::chan<int> leave = goro::make_chan<int>(8);
  mutable goro::worker_pool pool{1, 0};
};

}  // namespace forms

template <class Form>
form_of named(const char* name) {
  return {name, [] { return std::make_unique<Form>(); }};
}

inline const std::vector<form_of>& all_forms() {
  static const std::vector<form_of> all = {
      named<forms::mutex>("mutex"),
      named<forms::writer>("rw_mutex, write"),
      named<forms::writer_behind_a_reader>("rw_mutex, write behind a reader"),
      named<forms::reader>("rw_mutex, read"),
      named<forms::semaphore>("semaphore"),
      named<forms::cond>("cond"),
      named<forms::condition_variable>("condition_variable"),
      named<forms::once>("once"),
      named<forms::wait_group>("wait_group"),
      named<forms::future>("future"),
      named<forms::singleflight>("singleflight"),
      named<forms::recv>("recv"),
      named<forms::send>("send"),
      named<forms::select>("select"),
      named<forms::errgroup>("errgroup"),
      named<forms::worker_pool>("worker_pool"),
  };
  return all;
}

}  // namespace goro_test
