// SPDX-License-Identifier: MIT
#include <goro/signal.hpp>

#include "context/fixture.hpp"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <stdexcept>
#include <string>
#include <thread>

namespace {

using namespace std::chrono_literals;
using goro::context;
using goro_test::eventually;

class Signal : public goro_test::ContextTest {};

int signal_of(const std::exception_ptr& cause) {
  if (!cause) return 0;
  try {
    std::rethrow_exception(cause);
  } catch (const goro::signal_error& e) {
    return e.signal();
  } catch (...) {
    return -1;
  }
}

std::atomic<int> seen{0};
void count(int) { ++seen; }

// Puts a handler of the test's own in place, so that what comes back can be seen.
class own_handler {
 public:
  explicit own_handler(int signal) : signal_(signal) {
    struct sigaction action = {};
    action.sa_handler = &count;
    ::sigaction(signal, &action, &before_);
    seen = 0;
  }
  ~own_handler() { ::sigaction(signal_, &before_, nullptr); }
  own_handler(const own_handler&) = delete;
  own_handler& operator=(const own_handler&) = delete;

 private:
  const int signal_;
  struct sigaction before_ = {};
};

TEST_F(Signal, CX24_TheCauseSaysWhichSignalItWas) {
  const own_handler usr1(SIGUSR1);
  const own_handler usr2(SIGUSR2);
  for (const int which : {SIGUSR1, SIGUSR2}) {
    const auto [ctx, stop] = goro::notify_context(goro::background(), {SIGUSR1, SIGUSR2});
    const auto [child, cancel] = goro::with_cancel(ctx);
    EXPECT_FALSE(ctx.err());
    ASSERT_EQ(::kill(::getpid(), which), 0);
    // Polled, since thread sanitizer keeps a signal back from a thread that sleeps on a futex.
    ASSERT_TRUE(eventually([&, ctx = ctx] { return ctx.err() == goro::errc::canceled; }));
    (void)ctx.done().recv();
    EXPECT_EQ(signal_of(ctx.cause()), which);
    EXPECT_TRUE(eventually([&, child = child] { return signal_of(child.cause()) == which; }));
    EXPECT_EQ(to_string(ctx), "background.notify_context");
    stop();  // the helper may hold it for a moment longer than we do
  }
  EXPECT_EQ(seen, 0);
}

TEST_F(Signal, CX24_TheTextNamesTheSignal) {
  EXPECT_STREQ(goro::signal_error(SIGTERM).what(), "goro: signal: Terminated");
  EXPECT_NE(std::string(goro::signal_error(40).what()).find("40"), std::string::npos);
}

TEST_F(Signal, WhatTheSignalDidBeforeComesBackWithTheLastListener) {
  const own_handler mine(SIGUSR1);
  {
    const auto [a, stop_a] = goro::notify_context(goro::background(), {SIGUSR1});
    const auto [b, stop_b] = goro::notify_context(goro::background(), {SIGUSR1});
    stop_a();
    EXPECT_EQ(a.err(), goro::errc::canceled);
    EXPECT_EQ(signal_of(a.cause()), -1);  // not a signal
    ASSERT_EQ(::raise(SIGUSR1), 0);
    (void)b.done().recv();
    ASSERT_EQ(::raise(SIGUSR1), 0);  // done, but its function was not called
    EXPECT_EQ(seen, 0);
    stop_b();
    ASSERT_EQ(::raise(SIGUSR1), 0);
    EXPECT_EQ(seen, 1);
  }
  { const context let_go = goro::notify_context(goro::background(), {SIGUSR1}).first; }
  ASSERT_EQ(::raise(SIGUSR1), 0);
  EXPECT_EQ(seen, 2);
}

TEST_F(Signal, AParentsEndAndItsDeadlineEndIt) {
  const own_handler mine(SIGUSR1);
  const auto [parent, cancel] = goro::with_timeout(goro::background(), 1ms);
  const auto [ctx, stop] = goro::notify_context(parent, {SIGUSR1});
  (void)ctx.done().recv();
  EXPECT_EQ(ctx.err(), goro::errc::deadline_exceeded);
  const auto [born, stop_born] = goro::notify_context(parent, {SIGUSR1});
  EXPECT_EQ(born.err(), goro::errc::deadline_exceeded);
  stop();
  stop_born();
}

TEST_F(Signal, AMainThatOnlyWaitsForASignalIsNotTakenForDeadlocked) {
  const own_handler mine(SIGUSR1);
  const auto [ctx, stop] = goro::notify_context(goro::background(), {SIGUSR1});
  std::thread outside([] {
    std::this_thread::sleep_for(100ms);  // the runtime is asleep by then, as a rule
    ::raise(SIGUSR1);
  });
  EXPECT_EQ(goro::run([ctx = ctx] {
              (void)ctx.done().recv();
              return signal_of(ctx.cause());
            }),
            SIGUSR1);
  outside.join();
  stop();
}

TEST_F(Signal, ASignalThatCameBeforeIsNotHeard) {
  const own_handler mine(SIGUSR1);
  const auto [early, stop_early] = goro::notify_context(goro::background(), {SIGUSR1});
  for (int i = 0; i != 200; ++i) ASSERT_EQ(::raise(SIGUSR1), 0);  // the helper has not read them all
  const auto [late, stop_late] = goro::notify_context(goro::background(), {SIGUSR1});
  const auto [other, stop_other] = goro::notify_context(goro::background(), {SIGUSR2});
  ASSERT_EQ(::raise(SIGUSR2), 0);  // behind them
  (void)other.done().recv();
  EXPECT_TRUE(early.err());
  EXPECT_FALSE(late.err());
  for (const auto& function : {stop_early, stop_late, stop_other}) function();
}

TEST_F(Signal, ManyListenersAllHearIt) {
  const own_handler mine(SIGUSR2);
  for (int round = 0; round != 20; ++round) {
    std::vector<std::pair<context, goro::cancel_func>> all;
    for (int i = 0; i != 10; ++i) all.push_back(goro::notify_context(goro::background(), {SIGUSR2}));
    ASSERT_EQ(::raise(SIGUSR2), 0);
    for (const auto& one : all) {
      (void)one.first.done().recv();
      ASSERT_EQ(signal_of(one.first.cause()), SIGUSR2);
      one.second();
    }
  }
}

TEST_F(Signal, NumbersThatCannotBeHadAreRefused) {
  for (const int bad : {0, -1, 65, 1000, SIGKILL, SIGSTOP, SIGSEGV, SIGBUS, SIGFPE, SIGILL})
    EXPECT_THROW(goro::notify_context(goro::background(), {SIGUSR1, bad}), std::invalid_argument) << bad;
  EXPECT_THROW(goro::notify_context(goro::background(), {}), std::invalid_argument);
  EXPECT_THROW(goro::notify_context(context(), {SIGUSR1}), std::logic_error);
  struct sigaction now = {};
  ::sigaction(SIGUSR1, nullptr, &now);
  EXPECT_EQ(now.sa_handler, SIG_DFL);
}

}  // namespace
