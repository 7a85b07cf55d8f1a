// SPDX-License-Identifier: MIT
#include "sched/introspect.hpp"
#include "sched/on_goroutine.hpp"
#include "support/at_procs.hpp"
#include "support/eventually.hpp"
#include "sync/failures.hpp"

#include <goro/errgroup.hpp>
#include <goro/goro.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace {

using namespace std::chrono_literals;
using goro::detail::uncollected_failure;
using goro::detail::wait_reason;
using goro_test::eventually;
using goro_test::on_goroutine;

std::size_t waiting() { return goro::detail::parked_count(wait_reason::errgroup); }

struct seen_failure {
  std::string state;
  std::string name;
  std::uint64_t id;
  std::uint64_t created_by;
  std::uintptr_t created_at;
  const void* kept_by;
};
std::vector<seen_failure> failures() {
  std::vector<seen_failure> seen;
  goro::detail::for_each_uncollected_failure(
      [](void* to, const uncollected_failure& f) {
        static_cast<std::vector<seen_failure>*>(to)->push_back(
            {f.state, f.name, f.id, f.created_by, f.created_at, f.kept_by});
      },
      &seen);
  return seen;
}

// The text of what wait() throws; "" for nothing.
std::string failure_of(goro::errgroup& group) {
  try {
    group.wait();
  } catch (const std::exception& e) {
    return e.what();
  }
  return "";
}

std::string text_of(const std::exception_ptr& e) {
  if (!e) return "null";
  try {
    std::rethrow_exception(e);
  } catch (const std::exception& known) {
    return known.what();
  }
}

// Collects what reaches the uncaught handler.
class uncaught_for_now {
 public:
  uncaught_for_now() {
    texts.clear();
    old_ = goro::set_uncaught_handler(
        [](const goro::goroutine_info&, std::exception_ptr e) { texts.push_back(text_of(e)); });
  }
  ~uncaught_for_now() { goro::set_uncaught_handler(old_); }
  uncaught_for_now(const uncaught_for_now&) = delete;
  uncaught_for_now& operator=(const uncaught_for_now&) = delete;
  static inline std::vector<std::string> texts;

 private:
  goro::uncaught_handler old_;
};

class Errgroup : public testing::Test {
 protected:
  void SetUp() override { before_ = goro_test::settled_goroutines(); }
  void TearDown() override {
    EXPECT_TRUE(eventually([&] { return goro::num_goroutine() == before_; })) << goro::num_goroutine();
    EXPECT_TRUE(failures().empty());
  }
  goro_test::hang_guard guard_{"Errgroup"};
  std::size_t before_ = 0;
};

TEST_F(Errgroup, EG01_WaitGivesTheFirstFailureOfSeveral) {
  const auto check = [] {
    for (const std::vector<std::string>& outcomes : std::vector<std::vector<std::string>>{
             {}, {""}, {"one"}, {"", "one"}, {"one", ""}, {"", "one", "two", ""}}) {
      goro::errgroup group;
      std::string first;
      EXPECT_EQ(failure_of(group), "");
      for (const std::string& outcome : outcomes) {
        group.go([&outcome] {
          if (!outcome.empty()) throw std::runtime_error(outcome);
        });
        if (first.empty()) first = outcome;
        EXPECT_EQ(failure_of(group), first);  // also again, after a later success or failure
      }
    }
  };
  check();
  on_goroutine(check);
}

TEST_F(Errgroup, EG01_WaitWaitsForAllAlsoAfterAFailure) {
  goro::errgroup group;
  std::atomic<int> ended{0};
  const auto failed = goro::make_chan<int>();
  group.go([&] {
    const goro::defer tell([&] { failed.close(); });
    throw std::runtime_error("first");
  });
  for (int i = 0; i != 10; ++i)
    group.go([&] {
      (void)failed.recv();
      goro::yield();
      ++ended;
    });
  EXPECT_EQ(failure_of(group), "first");
  EXPECT_EQ(ended, 10);
}

TEST_F(Errgroup, AnErrorCodeFailsIfItIsNotZero) {
  goro::errgroup fine;
  fine.go([]() -> std::error_code { return {}; });
  fine.wait();
  std::error_code ec = std::make_error_code(std::errc::timed_out);
  EXPECT_EQ(fine.wait(ec), std::error_code{});
  EXPECT_EQ(ec, std::error_code{});

  goro::errgroup group;
  group.go([] { return std::make_error_code(std::errc::no_such_process); });
  try {
    group.wait();
    FAIL();
  } catch (const std::system_error& e) {
    EXPECT_EQ(e.code(), std::errc::no_such_process);
  }
  EXPECT_EQ(group.wait(ec), std::errc::no_such_process);
  EXPECT_EQ(ec, std::errc::no_such_process);
}

TEST_F(Errgroup, WaitForACodeRethrowsWhatIsNone) {
  std::error_code ec = std::make_error_code(std::errc::timed_out);
  goro::errgroup thrown;
  thrown.go([] { throw std::runtime_error("no code"); });
  EXPECT_THROW(thrown.wait(ec), std::runtime_error);
  EXPECT_FALSE(ec);
  goro::errgroup code;
  code.go([] { throw std::system_error(make_error_code(goro::errc::timed_out)); });
  EXPECT_EQ(code.wait(ec), goro::errc::timed_out);
  goro::errgroup zero;
  zero.go([] { throw std::system_error(std::error_code{}, "but failed"); });
  EXPECT_THROW(zero.wait(ec), std::system_error);
}

TEST_F(Errgroup, EG02_TheFirstFailureCancelsTheContext) {
  auto [group, ctx] = goro::errgroup::with_context(goro::background());
  const auto done = ctx.done();
  for (int i = 0; i != 5; ++i)
    group.go([&ctx = ctx]() -> std::error_code {
      (void)ctx.done().recv();
      return ctx.err();  // later than the first: dropped
    });
  EXPECT_FALSE(ctx.err());
  group.go([] { throw std::runtime_error("stop all"); });
  (void)done.recv();  // before any wait
  EXPECT_EQ(ctx.err(), goro::errc::canceled);
  EXPECT_EQ(text_of(ctx.cause()), "stop all");
  EXPECT_EQ(failure_of(group), "stop all");
}

TEST_F(Errgroup, EG02_EG03_WaitsReturnCancelsTheContextAndTheCauseIsCanceled) {
  auto [group, ctx] = goro::errgroup::with_context(goro::background());
  group.go([] {});
  group.go([]() -> std::error_code { return {}; });
  group.wait();
  EXPECT_EQ(ctx.err(), goro::errc::canceled);
  try {
    std::rethrow_exception(ctx.cause());
  } catch (const std::system_error& e) {
    EXPECT_EQ(e.code(), goro::errc::canceled);
  }
}

TEST_F(Errgroup, EG03_TheCauseIsTheFirstFailure) {
  for (const bool code : {false, true}) {
    auto [group, ctx] = goro::errgroup::with_context(goro::background());
    const auto first_over = ctx.done();
    if (code)
      group.go([] { return std::make_error_code(std::errc::io_error); });
    else
      group.go([] { throw std::runtime_error("first"); });
    group.go([first_over] {
      (void)first_over.recv();
      throw std::runtime_error("second");
    });
    const std::string text = failure_of(group);
    EXPECT_EQ(text, code ? std::make_error_code(std::errc::io_error).message() : "first");
    EXPECT_EQ(text_of(ctx.cause()), text);
  }
}

TEST_F(Errgroup, TheContextIsBelowItsParentAndGoesWithTheGroup) {
  auto [parent, cancel] = goro::with_cancel(goro::background());
  goro::context ctx;
  {
    goro::errgroup group;
    std::tie(group, ctx) = goro::errgroup::with_context(parent);
    EXPECT_EQ(parent.children(), 1u);
  }
  EXPECT_EQ(ctx.err(), goro::errc::canceled);
  EXPECT_EQ(parent.children(), 0u);
  auto [group, inner] = goro::errgroup::with_context(parent);
  group.go([&ctx = inner] { (void)ctx.done().recv(); });
  cancel();
  group.wait();
  EXPECT_THROW((void)goro::errgroup::with_context(goro::context{}), std::logic_error);
}

TEST_F(Errgroup, EG04_NeverMoreActiveThanTheLimit) {
  const auto check = [] {
    goro::errgroup group;
    group.set_limit(10);
    std::atomic<int> active{0};
    std::atomic<int> ran{0};
    for (int i = 0; i <= 1 << 10; ++i)
      group.go([&]() -> std::error_code {
        if (++active > 10) return std::make_error_code(std::errc::too_many_files_open);
        goro::sleep_for(1us);
        ++ran;
        --active;
        return {};
      });
    group.wait();
    EXPECT_EQ(ran, 1025);
  };
  check();
  on_goroutine(check);
}

TEST_F(Errgroup, EG05_TryGoUpToTheLimit) {
  goro::errgroup group;
  const auto hold = goro::make_chan<int>();
  const auto blocked = [hold] { (void)hold.recv(); };
  group.set_limit(42);
  for (int i = 0; i != 42; ++i) ASSERT_TRUE(group.try_go(blocked)) << i;
  EXPECT_FALSE(group.try_go(blocked));
  hold.close();
  group.wait();
  EXPECT_TRUE(group.try_go(blocked));
  group.wait();

  group.set_limit(1);
  const auto again = goro::make_chan<int>();
  EXPECT_TRUE(group.try_go([again] { (void)again.recv(); }));
  EXPECT_FALSE(group.try_go(blocked));
  again.close();
  group.wait();

  group.set_limit(0);
  for (int i = 0; i != 1 << 10; ++i) ASSERT_FALSE(group.try_go(blocked)) << i;
  group.wait();

  group.set_limit(-1);
  for (int i = 0; i != 100; ++i) ASSERT_TRUE(group.try_go(blocked)) << i;
  group.wait();
}

TEST_F(Errgroup, EG05_ARefusedCallableIsUntouched) {
  goro::errgroup group;
  group.set_limit(0);
  int ran = 0;
  auto task = [&ran, token = std::make_unique<int>(3)] { ran += *token; };
  EXPECT_FALSE(group.try_go(std::move(task)));
  task();
  EXPECT_EQ(ran, 3);
}

TEST_F(Errgroup, EG06_SetLimitThrowsWhileGoroutinesAreActive) {
  for (const bool limited : {false, true}) {
    goro::errgroup group;
    if (limited) group.set_limit(2);
    const auto hold = goro::make_chan<int>();
    group.go([hold] { (void)hold.recv(); });
    try {
      group.set_limit(3);
      ADD_FAILURE();
    } catch (const std::logic_error& e) {
      EXPECT_NE(std::string(e.what()).find("errgroup::set_limit"), std::string::npos) << e.what();
    }
    hold.close();
    group.wait();
    group.set_limit(-1);
  }
}

TEST_F(Errgroup, GoWaitsForItsTurnFirstComeFirstServed) {
  goro::errgroup group;
  group.set_limit(1);
  const auto hold = goro::make_chan<int>();
  group.go([hold] { (void)hold.recv(); });
  std::vector<int> order;
  goro::wait_group starters;
  for (int i = 0; i != 5; ++i) {
    starters.go([&, i] { group.go([&order, i] { order.push_back(i); }); });
    ASSERT_TRUE(eventually([&] { return waiting() == static_cast<std::size_t>(i + 1); }));
  }
  std::thread thread([&] {
    starters.wait();
    group.go([&order] { order.push_back(5); });
  });
  hold.close();
  thread.join();
  group.wait();
  EXPECT_EQ(order, (std::vector<int>{0, 1, 2, 3, 4, 5}));
}

TEST_F(Errgroup, WaitDoesNotReturnBetweenATurnAndTheNext) {
  const goro_test::procs_for_now one(1);  // who is made ready last runs first
  goro::errgroup group;
  group.set_limit(1);
  std::atomic<int> ran{0};
  const auto hold = goro::make_chan<int>();
  group.go([hold] { (void)hold.recv(); });
  goro::wait_group starter;
  starter.go([&] {
    group.go([&] {
      goro::sleep_for(1ms);
      ++ran;
    });
  });
  ASSERT_TRUE(eventually([] { return waiting() == 1; }));
  goro::wait_group waiter;
  waiter.go([&] {
    group.wait();
    EXPECT_EQ(ran, 1);
  });
  ASSERT_TRUE(eventually([] { return waiting() == 2; }));
  hold.close();
  waiter.wait();
  starter.wait();
}

TEST_F(Errgroup, RaisingTheLimitLetsThoseGoOnWhoWait) {
  for (const int raised : {2, -1}) {
    goro::errgroup group;
    group.set_limit(0);
    std::atomic<int> ran{0};
    goro::wait_group starters;
    for (int i = 0; i != 3; ++i) starters.go([&] { group.go([&] { ++ran; }); });
    ASSERT_TRUE(eventually([] { return waiting() == 3; }));
    group.wait();  // nothing is active
    EXPECT_EQ(ran, 0);
    group.set_limit(raised);
    starters.wait();
    group.wait();
    EXPECT_EQ(ran, 3);
  }
}

TEST_F(Errgroup, EG07_AFailureIsSeenAndCancelsBeforeWait) {
  auto [group, ctx] = goro::errgroup::with_context(goro::background());
  const auto name = goro::make_chan<std::uint64_t>(1);
  group.go([name] {
    name.send(goro::goroutine_id());
    throw std::runtime_error("lost connection");
  });
  (void)ctx.done().recv();
  const std::vector<seen_failure> seen = failures();
  ASSERT_EQ(seen.size(), 1u);
  EXPECT_EQ(seen[0].state, "failed: lost connection");
  EXPECT_EQ(seen[0].id, *name.recv());
  EXPECT_NE(seen[0].created_at, 0u);
  EXPECT_NE(seen[0].kept_by, nullptr);
  EXPECT_TRUE(eventually([&] { return goro::num_goroutine() == before_; }));
  EXPECT_EQ(failures().size(), 1u);  // though its goroutine has gone
  EXPECT_EQ(failure_of(group), "lost connection");
  EXPECT_TRUE(failures().empty());
  EXPECT_EQ(failure_of(group), "lost connection");
}

TEST_F(Errgroup, EG07_OneRecordForEachGroup) {
  {
    goro::errgroup one;
    goro::errgroup other;
    for (int i = 0; i != 3; ++i) one.go([] { throw std::runtime_error("from one"); });
    other.go([] { throw 42; });
    EXPECT_TRUE(eventually([] { return failures().size() == 2; }));
    EXPECT_TRUE(eventually([&] { return goro::num_goroutine() == before_; }));
    std::string states;
    for (const seen_failure& f : failures()) states += f.state + ";";
    EXPECT_NE(states.find("failed: from one;"), std::string::npos) << states;
    EXPECT_NE(states.find("failed: an exception of type int;"), std::string::npos) << states;
    EXPECT_THROW(other.wait(), int);
    EXPECT_EQ(failures().size(), 1u);
    EXPECT_EQ(failure_of(one), "from one");
  }
}

TEST_F(Errgroup, EG07_AGroupThatEndsWithoutWaitDoesNotSwallowItsFailure) {
  const uncaught_for_now uncaught;
  std::atomic<int> ended{0};
  {
    goro::errgroup group;
    group.go([] { throw std::runtime_error("nobody asked"); });
    group.go([&] {
      goro::sleep_for(1ms);
      ++ended;
    });
  }
  EXPECT_EQ(ended, 1);
  EXPECT_EQ(uncaught.texts, std::vector<std::string>{"nobody asked"});
  EXPECT_TRUE(failures().empty());
  {
    goro::errgroup group;
    group.go([] { throw std::runtime_error("collected"); });
    EXPECT_EQ(failure_of(group), "collected");
  }
  EXPECT_EQ(uncaught.texts.size(), 1u);
}

TEST_F(Errgroup, AllWhoWaitGetTheFailure) {
  goro::errgroup group;
  const auto hold = goro::make_chan<int>();
  group.go([hold] {
    (void)hold.recv();
    throw std::runtime_error("for all");
  });
  std::atomic<int> got{0};
  goro::wait_group waiters;
  for (int i = 0; i != 4; ++i)
    waiters.go([&] {
      if (failure_of(group) == "for all") ++got;
    });
  ASSERT_TRUE(eventually([] { return waiting() == 4; }));
  hold.close();
  waiters.wait();
  EXPECT_EQ(got, 4);
}

TEST_F(Errgroup, GoexitEndsWithoutFailureAndGivesItsTurnBack) {
  auto [group, ctx] = goro::errgroup::with_context(goro::background());
  group.set_limit(1);
  std::atomic<int> ran{0};
  for (int i = 0; i != 5; ++i)
    group.go([&] {
      ++ran;
      goro::goexit();
    });
  EXPECT_FALSE(ctx.err());
  group.wait();
  EXPECT_EQ(ran, 5);
}

TEST_F(Errgroup, TheGoroutinesGoOnWhenTheGroupIsMoved) {
  goro::errgroup first;
  std::atomic<int> ended{0};
  const auto hold = goro::make_chan<int>();
  first.go([&] {
    (void)hold.recv();
    ++ended;
  });
  goro::errgroup second(std::move(first));
  EXPECT_THROW(first.go([] {}), std::logic_error);
  EXPECT_THROW(first.wait(), std::logic_error);
  EXPECT_THROW(first.set_limit(1), std::logic_error);
  goro::errgroup third;
  third.go([&] { ++ended; });
  hold.close();
  third = std::move(second);  // waits for what third had
  EXPECT_GE(ended, 1);
  third.wait();
  EXPECT_EQ(ended, 2);
}

TEST_F(Errgroup, TheCallableIsDestroyedBeforeWaitReturns) {
  goro::errgroup group;
  auto held = std::make_shared<int>(1);
  const std::weak_ptr<int> watch = held;
  group.go([held = std::move(held)] { EXPECT_EQ(*held, 1); });
  group.wait();
  EXPECT_TRUE(watch.expired());
}

TEST_F(Errgroup, AnEmptyFunctionIsRefusedAtTheCall) {
  goro::errgroup group;
  group.set_limit(1);
  EXPECT_THROW(group.go(std::function<void()>{}), std::invalid_argument);
  EXPECT_THROW((void)group.try_go(std::function<std::error_code()>{}), std::invalid_argument);
  EXPECT_TRUE(group.try_go([] {}));
  group.wait();
}

struct cannot_be_copied {
  cannot_be_copied() = default;
  cannot_be_copied(const cannot_be_copied&) { throw std::runtime_error("no copy"); }
  void operator()() const {}
};

TEST_F(Errgroup, ACopyThatThrowsGivesTheTurnBack) {
  goro::errgroup group;
  group.set_limit(1);
  const cannot_be_copied f;
  EXPECT_THROW(group.go(f), std::runtime_error);
  EXPECT_TRUE(group.try_go([] {}));
  group.wait();
}

struct tries_int {
  int operator()() { return 0; }
};

TEST_F(Errgroup, IsMoveOnlyAndTakesWhatReturnsVoidOrACode) {
  static_assert(!std::is_copy_constructible_v<goro::errgroup>);
  static_assert(std::is_nothrow_move_constructible_v<goro::errgroup>);
  static_assert(goro::detail::errgroup_function<void (*)()>);
  static_assert(goro::detail::errgroup_function<std::error_code (*)()>);
  static_assert(!goro::detail::errgroup_function<tries_int>);
}

}  // namespace
