// SPDX-License-Identifier: MIT
#include "sched/introspect.hpp"
#include "sched/on_goroutine.hpp"
#include "support/at_procs.hpp"
#include "support/eventually.hpp"

#include <goro/goro.hpp>
#include <goro/sync.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <exception>
#include <functional>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

namespace {

using goro_test::eventually;
using goro_test::on_goroutine;

// What this thread has allocated; the tests that compare it stay on one plain thread.
thread_local long allocations = 0;

}  // namespace

// Never inline: GCC would see a free of what came from a new, and warn.
[[gnu::noinline]] void* operator new(std::size_t size) {
  ++allocations;
  if (void* const at = std::malloc(size)) return at;
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* at) noexcept { std::free(at); }
[[gnu::noinline]] void operator delete(void* at, std::size_t) noexcept { std::free(at); }

namespace {

constinit goro::once global_once;

class Once : public testing::Test {
 protected:
  void SetUp() override { before_ = goro_test::settled_goroutines(); }
  void TearDown() override {
    EXPECT_TRUE(eventually([&] { return goro::num_goroutine() == before_; })) << goro::num_goroutine();
  }
  goro_test::hang_guard guard_{"Once"};
  std::size_t before_ = 0;
};

std::string message_of(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& e) {
    return e.what();
  }
}

template <class F>
std::exception_ptr thrown_by(const F& f) {
  try {
    f();
  } catch (...) {
    return std::current_exception();
  }
  return nullptr;
}

// The address of the exception object, as a handler sees it.
const void* object_of(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& e) {
    return &e;
  }
}

TEST_F(Once, ON01_TenCallersReturnAfterTheOneCallHasFinished) {
  goro::once once;
  std::atomic<int> calls{0};
  std::atomic<bool> finished{false};
  std::atomic<int> returned{0};
  const auto go_on = goro::make_chan<int>();
  const auto caller = [&] {
    once.call([&] {
      ++calls;
      (void)go_on.recv();
      finished = true;
    });
    EXPECT_TRUE(finished) << "returned while the function was running";
    ++returned;
  };
  goro::wait_group callers;
  callers.go(caller);
  ASSERT_TRUE(eventually([&] { return calls == 1; }));
  for (int i = 0; i != 9; ++i) callers.go(caller);
  std::thread thread(caller);
  ASSERT_TRUE(eventually([] { return goro::detail::parked_count(goro::detail::wait_reason::once) == 9; }));
  EXPECT_EQ(returned, 0);
  go_on.send(0);
  callers.wait();
  thread.join();
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(returned, 11);
  once.call([&] { ++calls; });
  EXPECT_EQ(calls, 1);
}

TEST_F(Once, IsAConstantInitialisedGlobal) {
  int calls = 0;
  for (int i = 0; i != 3; ++i) global_once.call([&] { ++calls; });
  EXPECT_EQ(calls, 1);
  static_assert(std::is_trivially_destructible_v<goro::once>);
  static_assert(!std::is_copy_constructible_v<goro::once> && !std::is_move_constructible_v<goro::once>);
  static_assert(!std::is_copy_assignable_v<goro::once> && !std::is_move_assignable_v<goro::once>);
}

TEST_F(Once, ON02_AThrowCountsAsDoneAndReachesThisCallerOnly) {
  const auto check = [] {
    goro::once once;
    EXPECT_THROW(once.call([] { throw std::runtime_error("first"); }), std::runtime_error);
    once.call([] { ADD_FAILURE() << "called again"; });
  };
  check();
  on_goroutine(check);
}

TEST_F(Once, ON05_GoexitCountsAsDoneAndReleasesWhoWaits) {
  goro::once once;
  const auto inside = goro::make_chan<int>();
  goro::wait_group callers;
  callers.go([&] {
    once.call([&] {
      (void)inside.recv();
      goro::goexit();
    });
    ADD_FAILURE() << "goexit came back";
  });
  inside.send(0);
  for (int i = 0; i != 3; ++i) callers.go([&] { once.call([] { ADD_FAILURE() << "called again"; }); });
  callers.wait();
  once.call([] { ADD_FAILURE() << "called again"; });
}

TEST_F(Once, ACallFromInsideItsOwnFunctionIsRefused) {
  const auto check = [] {
    goro::once once;
    goro::once other;
    once.call([&] {
      EXPECT_THROW(once.call([] {}), std::logic_error);
      other.call([&] { EXPECT_THROW(once.call([] {}), std::logic_error); });
    });
    once.call([] { ADD_FAILURE() << "called again"; });
  };
  check();
  on_goroutine(check);
}

TEST_F(Once, AnEmptyFunctionIsRefusedAndDoesNotCount) {
  goro::once once;
  EXPECT_THROW(once.call(std::function<void()>()), std::invalid_argument);
  bool called = false;
  once.call([&] { called = true; });
  EXPECT_TRUE(called);
  EXPECT_THROW((void)goro::once_func(std::function<void()>()), std::invalid_argument);
  EXPECT_THROW((void)goro::once_value(std::function<int()>()), std::invalid_argument);
}

TEST_F(Once, ON03_OneCallOneResultAndNoAllocationLater) {
  int calls = 0;
  const auto run = goro::once_func([&] { ++calls; });
  const auto text = goro::once_value([&] { return std::string(100, 'x') + std::to_string(++calls); });
  const auto pair = goro::once_value([&] { return std::pair(++calls, std::string("two")); });
  run();
  const std::string* const first = &text();
  (void)pair();
  const long before = allocations;
  for (int i = 0; i != 10; ++i) {
    run();
    const auto copy = text;
    if (&copy() != first) std::abort();
    const auto& [number, word] = pair();
    if (number != 3 || word.size() != 3) std::abort();
  }
  EXPECT_EQ(allocations, before);
  EXPECT_EQ(calls, 3);
  EXPECT_EQ(*first, std::string(100, 'x') + "2");
}

TEST_F(Once, ON03_ManyCallersGetTheSameResult) {
  std::atomic<int> calls{0};
  const auto answer = goro::once_value([&] {
    goro::yield();
    return std::make_unique<int>(++calls);  // movable is enough
  });
  static_assert(std::is_same_v<decltype(answer()), const std::unique_ptr<int>&>);
  const std::function<const std::unique_ptr<int>&()> erased = answer;
  goro::wait_group callers;
  std::atomic<const int*> seen{nullptr};
  for (int i = 0; i != 20; ++i)
    callers.go([&] {
      const int* const mine = erased().get();
      const int* const before = seen.exchange(mine);
      EXPECT_TRUE(before == nullptr || before == mine);
    });
  callers.wait();
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(*answer(), 1);
}

TEST_F(Once, ValueMayBeAReference) {
  int target = 5;
  const auto refer = goro::once_value([&]() -> int& { return target; });
  static_assert(std::is_same_v<decltype(refer()), int&>);
  EXPECT_EQ(&refer(), &target);
}

TEST_F(Once, ON04_ON06_EveryCallerGetsTheSameExceptionObject) {
  int calls = 0;
  const void* thrown = nullptr;
  const auto value = goro::once_value([&]() -> int {
    ++calls;
    try {
      throw std::runtime_error("from the first call");
    } catch (const std::exception& e) {
      thrown = &e;
      throw;
    }
  });
  std::vector<std::exception_ptr> errors;
  for (int i = 0; i != 3; ++i) errors.push_back(thrown_by(value));
  on_goroutine([&] { errors.push_back(thrown_by(value)); });
  EXPECT_EQ(calls, 1);
  for (const std::exception_ptr& error : errors) {
    ASSERT_TRUE(error);
    EXPECT_EQ(message_of(error), "from the first call");
    EXPECT_EQ(object_of(error), thrown) << "a copy has lost where it comes from";
  }
  const auto run = goro::once_func([&] { throw std::runtime_error(std::to_string(++calls)); });
  EXPECT_EQ(object_of(thrown_by(run)), object_of(thrown_by(run)));
  EXPECT_EQ(calls, 2);
}

TEST_F(Once, ON05_AfterGoexitLaterCallersAreToldSo) {
  std::atomic<int> calls{0};
  const auto value = goro::once_value([&]() -> int {
    ++calls;
    goro::goexit();
  });
  goro::wait_group first;
  first.go([&] {
    (void)value();
    ADD_FAILURE() << "goexit came back";
  });
  first.wait();
  for (int i = 0; i != 2; ++i) {
    const std::exception_ptr error = thrown_by(value);
    ASSERT_TRUE(error);
    EXPECT_NE(message_of(error).find("goexit"), std::string::npos) << message_of(error);
    EXPECT_THROW(std::rethrow_exception(error), std::logic_error);
  }
  EXPECT_EQ(calls, 1);
}

TEST_F(Once, ON07_TheFunctionIsDestroyedRightAfterTheFirstCall) {
  for (const bool throws : {false, true}) {
    auto held = std::make_shared<int>(1);
    const std::weak_ptr<int> watch = held;
    const auto run = goro::once_func([held = std::move(held), throws] {
      if (throws) throw std::runtime_error("x");
      (void)*held;
    });
    EXPECT_FALSE(watch.expired());
    EXPECT_EQ(thrown_by(run) != nullptr, throws);
    EXPECT_TRUE(watch.expired()) << "throws: " << throws;
  }
  auto held = std::make_shared<int>(1);
  const std::weak_ptr<int> watch = held;
  const auto value = goro::once_value([held = std::move(held)]() -> int { goro::goexit(); });
  goro::wait_group first;
  first.go([&] { (void)value(); });
  first.wait();
  EXPECT_TRUE(watch.expired());
}

TEST_F(Once, AFunctionThatWasNeverCalledGoesWithTheLastCopy) {
  auto held = std::make_shared<int>(1);
  const std::weak_ptr<int> watch = held;
  {
    auto run = goro::once_value([held = std::move(held)] { return *held; });
    auto copy = run;
    auto moved = std::move(run);
    run = copy;
    EXPECT_FALSE(watch.expired());
  }
  EXPECT_TRUE(watch.expired());
}

TEST_F(Once, TheResultLivesAsLongAsACopyAndNoLonger) {
  auto held = std::make_shared<int>(7);
  const std::weak_ptr<int> watch = held;
  {
    const auto value = goro::once_value([held = std::move(held)] { return held; });
    EXPECT_EQ(*value(), 7);
    EXPECT_FALSE(watch.expired());
  }
  EXPECT_TRUE(watch.expired());
}

TEST_F(Once, AFunctionThatCallsItselfFails) {
  std::function<void()> itself;
  int calls = 0;
  itself = goro::once_func([&] {
    ++calls;
    itself();
  });
  EXPECT_THROW(itself(), std::logic_error);
  EXPECT_THROW(itself(), std::logic_error);
  EXPECT_EQ(calls, 1);
}

TEST_F(Once, WaitingForAnothersFunctionMayBeLimited) {
  using namespace std::chrono_literals;
  goro::once o;
  const auto gate = goro::make_chan<int>();
  const auto inside = goro::make_chan<int>();
  goro::wait_group runner;
  const auto never_called = [] { FAIL() << "called a second time"; };
  runner.go([&] {
    EXPECT_TRUE(o.call_for(0s, [&] {  // the first call takes the time that its function takes
      inside.close();
      (void)gate.recv();
    }));
  });
  (void)inside.recv();
  const auto waits = [&] {
    EXPECT_FALSE(o.call_for(-1s, never_called));
    EXPECT_FALSE(o.call_for(1ms, never_called));
    EXPECT_FALSE(o.call_until(std::chrono::system_clock::now() - 1h, never_called));
  };
  on_goroutine(waits);
  std::thread(waits).join();
  goro::wait_group patient;
  patient.go([&] { EXPECT_TRUE(o.call_for(1h, never_called)); });
  patient.go([&] { o.call(never_called); });
  EXPECT_TRUE(eventually([] { return goro::detail::parked_count(goro::detail::wait_reason::once) == 2; }));
  gate.close();
  patient.wait();
  runner.wait();
  EXPECT_TRUE(o.call_for(0s, never_called));
}

}  // namespace
