// SPDX-License-Identifier: MIT
#include "sched/introspect.hpp"
#include "sched/on_goroutine.hpp"
#include "support/at_procs.hpp"
#include "support/eventually.hpp"

#include <goro/goro.hpp>
#include <goro/singleflight.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <exception>
#include <functional>
#include <future>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace {

using goro_test::eventually;
using goro_test::on_goroutine;

using string_flights = goro::singleflight<std::string, std::string>;

constinit goro::singleflight<int, int> global_flights;  // usable as a constant-initialised global

bool until_parked(std::size_t n) {
  return eventually([n] { return goro::detail::parked_count(goro::detail::wait_reason::singleflight) == n; });
}

class Singleflight : public testing::Test {
 protected:
  void SetUp() override { before_ = goro_test::settled_goroutines(); }
  void TearDown() override {
    EXPECT_TRUE(eventually([&] { return goro::num_goroutine() == before_; })) << goro::num_goroutine();
  }
  goro_test::hang_guard guard_{"Singleflight"};
  std::size_t before_ = 0;
};

TEST_F(Singleflight, OneCallerAloneDoesNotShare) {
  string_flights flights;
  const auto check = [&] {
    const auto [value, shared] = flights.do_call("key", [] { return "bar"; });
    EXPECT_EQ(value, "bar");
    EXPECT_FALSE(shared);
  };
  check();
  on_goroutine(check);
  EXPECT_EQ(global_flights.do_call(1, [] { return 2; }).value, 2);
}

TEST_F(Singleflight, TheResultIsNotKept) {
  goro::singleflight<int, int> flights;
  int runs = 0;
  for (int i = 0; i != 3; ++i) EXPECT_EQ(flights.do_call(7, [&] { return ++runs; }).value, i + 1);
}

TEST_F(Singleflight, SF01_OneExecutionForAllWhoCallMeanwhile) {
  string_flights flights;
  constexpr int n = 10;
  std::atomic<int> runs{0};
  std::atomic<int> good{0};
  const auto gate = goro::make_chan<int>();
  const auto call = [&] {
    const string_flights::result r = flights.do_call("key", [&] {
      ++runs;
      (void)gate.recv();
      return std::string("bar");
    });
    good += r.value == "bar" && r.shared;
  };
  goro::wait_group ended;
  for (int i = 0; i != n; ++i) ended.go(call);
  ASSERT_TRUE(until_parked(n - 1));
  gate.send(0);
  ended.wait();
  EXPECT_EQ(runs, 1);
  EXPECT_EQ(good, n);
}

TEST_F(Singleflight, SF01_PlainThreadsFlyAndWaitToo) {
  string_flights flights;
  std::atomic<int> runs{0};
  std::atomic<int> shared{0};
  const auto gate = goro::make_chan<int>();
  const auto call = [&] {
    shared += flights
                  .do_call("key",
                           [&] {
                             ++runs;
                             (void)gate.recv();
                             return std::string("bar");
                           })
                  .shared;
  };
  std::thread first(call);
  ASSERT_TRUE(eventually([&] { return runs == 1; }));
  goro::wait_group ended;
  ended.go(call);
  ASSERT_TRUE(until_parked(1));
  gate.send(0);
  ended.wait();
  first.join();
  EXPECT_EQ(runs, 1);
  EXPECT_EQ(shared, 2);
}

TEST_F(Singleflight, OtherKeysFlyBesideIt) {
  goro::singleflight<int, int> flights;
  constexpr int n = 200;
  std::atomic<int> in_the_air{0};
  const auto gate = goro::make_chan<int>();
  goro::wait_group ended;
  for (int i = 0; i != n; ++i)
    ended.go([&, i] {
      const auto r = flights.do_call(i, [&] {
        ++in_the_air;
        (void)gate.recv();
        return i;
      });
      EXPECT_EQ(r.value, i);
      EXPECT_FALSE(r.shared);
    });
  ASSERT_TRUE(eventually([&] { return in_the_air == n; }));
  gate.close();
  ended.wait();
}

struct same_hash {
  std::size_t operator()(int) const { return 1; }
};

TEST_F(Singleflight, KeysOfOneHashAreKeptApart) {
  goro::singleflight<int, int, same_hash> flights;
  constexpr int n = 20;
  std::atomic<int> runs{0};
  const auto gate = goro::make_chan<int>();
  goro::wait_group ended;
  for (int i = 0; i != 2 * n; ++i)
    ended.go([&, i] {
      const auto r = flights.do_call(i % n, [&] {
        ++runs;
        (void)gate.recv();
        return i % n;
      });
      EXPECT_EQ(r.value, i % n);
      EXPECT_TRUE(r.shared);
    });
  ASSERT_TRUE(until_parked(n));
  gate.close();
  ended.wait();
  EXPECT_EQ(runs, n);
}

TEST_F(Singleflight, SF02_AfterForgetTheNextCallStartsAfresh) {
  goro::singleflight<std::string, int> flights;
  const auto first_gate = goro::make_chan<int>();
  const auto second_gate = goro::make_chan<int>();
  std::atomic<int> started{0};
  const auto call = [&](int answer, goro::chan<int> gate) {
    return goro::async([&flights, &started, answer, gate] {
      return flights.do_call("key", [&] {
        ++started;
        (void)gate.recv();
        return answer;
      });
    });
  };
  auto first = call(1, first_gate);
  ASSERT_TRUE(eventually([&] { return started == 1; }));
  flights.forget("other");
  flights.forget("key");
  flights.forget("key");
  auto second = call(2, second_gate);
  ASSERT_TRUE(eventually([&] { return started == 2; })) << "the second must not wait for the first";
  auto third = call(3, second_gate);
  ASSERT_TRUE(until_parked(1));
  first_gate.close();
  const auto of_first = first.get();
  EXPECT_EQ(of_first.value, 1);
  EXPECT_FALSE(of_first.shared);
  auto fourth = call(4, second_gate);  // the landing of the first has not taken the second off
  ASSERT_TRUE(until_parked(2));
  second_gate.close();
  for (auto* f : {&second, &third, &fourth}) {
    const auto r = f->get();
    EXPECT_EQ(r.value, 2);
    EXPECT_TRUE(r.shared);
  }
}

TEST_F(Singleflight, SF03_WhatTheFunctionThrowsReachesEveryCaller) {
  string_flights flights;
  constexpr int n = 5;
  std::vector<std::exception_ptr> caught(n);
  const auto gate = goro::make_chan<int>();
  goro::wait_group ended;
  for (int i = 0; i != n; ++i)
    ended.go([&, i] {
      try {
        (void)flights.do_call("key", [&]() -> std::string {
          (void)gate.recv();
          throw std::runtime_error("no route");
        });
      } catch (...) {
        caught[static_cast<std::size_t>(i)] = std::current_exception();
      }
    });
  ASSERT_TRUE(until_parked(n - 1));
  gate.close();
  ended.wait();
  for (const std::exception_ptr& e : caught) {
    ASSERT_TRUE(e);
    EXPECT_EQ(e, caught[0]) << "not the same exception object";
  }
  EXPECT_THROW(std::rethrow_exception(caught[0]), std::runtime_error);
  EXPECT_EQ(flights.do_call("key", [] { return "again"; }).value, "again");
  const auto thrower = []() -> std::string { throw std::runtime_error("on a plain thread"); };
  EXPECT_THROW((void)flights.do_call("key", thrower), std::runtime_error);
}

TEST_F(Singleflight, SF04_GoexitLeavesNobodyHanging) {
  string_flights flights;
  constexpr int n = 4;
  std::atomic<int> told{0};
  std::atomic<int> went_on{0};
  std::atomic<bool> started{false};
  const auto gate = goro::make_chan<int>();
  // The exception that they share is let go of here: libstdc++ counts its holders where TSan does not see it.
  std::exception_ptr kept[n];
  goro::wait_group ended;
  ended.go([&] {
    (void)flights.do_call("key", [&]() -> std::string {
      started = true;
      (void)gate.recv();
      goro::goexit();
    });
    ++went_on;
  });
  ASSERT_TRUE(eventually([&] { return started.load(); }));
  for (int i = 0; i != n; ++i)
    ended.go([&, i] {
      try {
        (void)flights.do_call("key", [] { return "not called"; });
      } catch (const std::logic_error& e) {
        kept[i] = std::current_exception();
        told += std::string(e.what()).find("goexit") != std::string::npos;
      }
    });
  ASSERT_TRUE(until_parked(n));
  gate.close();
  ended.wait();
  EXPECT_EQ(told, n);
  EXPECT_EQ(went_on, 0);
  EXPECT_EQ(flights.do_call("key", [] { return "next"; }).value, "next");
}

TEST_F(Singleflight, SF05_TheFutureFormDelivers) {
  string_flights flights;
  auto alone = flights.do_async("key", [] { return "bar"; });
  const auto r = alone.get();
  EXPECT_EQ(r.value, "bar");
  EXPECT_FALSE(r.shared);

  const auto gate = goro::make_chan<int>();
  std::atomic<int> runs{0};
  const auto f = [&runs, gate] {
    ++runs;
    (void)gate.recv();
    return std::string("foo");
  };
  std::vector<goro::future<string_flights::result>> futures;
  for (int i = 0; i != 5; ++i) futures.push_back(flights.do_async("key", f));  // counted at the call
  gate.close();
  for (auto& future : futures) {
    const auto shared = future.get();
    EXPECT_EQ(shared.value, "foo");
    EXPECT_TRUE(shared.shared);
  }
  EXPECT_EQ(runs, 1);
}

TEST_F(Singleflight, SF05_AThrowInTheFutureFormIsNotLost) {
  string_flights flights;
  const auto gate = goro::make_chan<int>();
  const auto thrower = [gate]() -> std::string {
    (void)gate.recv();
    throw std::runtime_error("no route");
  };
  auto first = flights.do_async("key", thrower);
  auto second = flights.do_async("key", thrower);
  auto third = goro::async([&] { return flights.do_call("key", thrower); });
  ASSERT_TRUE(until_parked(2));
  gate.close();
  EXPECT_THROW(first.get(), std::runtime_error);
  EXPECT_THROW(second.get(), std::runtime_error);
  EXPECT_THROW(third.get(), std::runtime_error);
}

TEST_F(Singleflight, SF05_GoexitInTheFutureFormLeavesNobodyHanging) {
  const std::size_t before = goro::num_goroutine();
  string_flights flights;
  const auto gate = goro::make_chan<int>();
  auto first = flights.do_async("key", [gate]() -> std::string {
    (void)gate.recv();
    goro::goexit();
  });
  auto second = flights.do_async("key", [] { return "not called"; });
  gate.close();
  EXPECT_THROW(first.get(), std::future_error);
  // The flight has let go of the exception by then. (libstdc++ counts who holds one where TSan does not see it, and
  // would have the last to let go race with who reads it here.)
  ASSERT_TRUE(eventually([&] { return goro::num_goroutine() == before; }));
  try {
    (void)second.get();
    ADD_FAILURE() << "a result from nowhere";
  } catch (const std::logic_error& e) {
    EXPECT_NE(std::string(e.what()).find("goexit"), std::string::npos) << e.what();
  }
}

TEST_F(Singleflight, SF05_AnAbandonedFutureStillFliesAndLands) {
  goro::singleflight<int, int> flights;
  const auto gate = goro::make_chan<int>();
  {
    (void)flights.do_async(1, [gate] { return (void)gate.recv(), 5; });
  }
  auto second = flights.do_async(1, [] { return 6; });
  gate.close();
  EXPECT_EQ(second.get().value, 5);
}

struct throws_when_moved {
  explicit throws_when_moved(bool now) : armed(now) {}
  throws_when_moved(const throws_when_moved&) = default;
  throws_when_moved(throws_when_moved&& other) : armed(other.armed) {
    if (armed) throw std::runtime_error("cannot be moved");
  }
  int operator()() const { return 3; }
  bool armed;
};

TEST_F(Singleflight, SF05_AFunctionThatCannotBeStartedLeavesNothingInTheAir) {
  goro::singleflight<int, int> flights;
  const throws_when_moved f(true);
  EXPECT_THROW((void)flights.do_async(1, f), std::runtime_error);
  EXPECT_EQ(flights.do_call(1, [] { return 4; }).value, 4);
}

TEST_F(Singleflight, AnEmptyFunctionIsRefusedAtTheCall) {
  goro::singleflight<int, int> flights;
  EXPECT_THROW((void)flights.do_call(1, std::function<int()>{}), std::invalid_argument);
  EXPECT_THROW((void)flights.do_async(1, std::function<int()>{}), std::invalid_argument);
  EXPECT_EQ(flights.do_call(1, [] { return 1; }).value, 1);
}

TEST_F(Singleflight, TheFunctionMayUseTheSameSingleflightForAnotherKey) {
  goro::singleflight<int, int> flights;
  const auto outer = [&] { return flights.do_call(2, [] { return 20; }).value + 1; };
  EXPECT_EQ(flights.do_call(1, outer).value, 21);
}

// A key whose equality asks the same singleflight, and parks.
struct curious {
  goro::singleflight<int, int>* of;
  int id;
  friend bool operator==(const curious& a, const curious& b) {
    goro::yield();
    return a.of->do_call(0, [] { return 0; }).value + a.id == b.id;
  }
};
struct curious_hash {
  std::size_t operator()(const curious&) const {
    goro::yield();
    return 1;
  }
};

TEST_F(Singleflight, HashAndEqualityMayParkAndCallBack) {
  goro::singleflight<int, int> inner;
  goro::singleflight<curious, int, curious_hash> flights;
  std::atomic<int> runs{0};
  const auto gate = goro::make_chan<int>();
  goro::wait_group ended;
  for (int i = 0; i != 8; ++i)
    ended.go([&, i] {
      const int value = flights
                            .do_call(curious{&inner, i % 2},
                                     [&] {
                                       ++runs;
                                       (void)gate.recv();
                                       return i % 2;
                                     })
                            .value;
      EXPECT_EQ(value, i % 2);
    });
  ASSERT_TRUE(eventually([&] { return runs == 2; }));
  ASSERT_TRUE(until_parked(6));
  gate.close();
  ended.wait();
  EXPECT_EQ(runs, 2);
}

// A value that counts its copies, and cannot be made from nothing.
struct counted {
  counted(int v, std::atomic<int>& n) : value(v), copies(&n) {}
  counted(const counted& other) : value(other.value), copies(other.copies) { ++*copies; }
  counted(counted&&) = default;
  int value;
  std::atomic<int>* copies;
};

TEST_F(Singleflight, AResultThatNobodySharesIsNotCopied) {
  goro::singleflight<int, counted> flights;
  std::atomic<int> copies{0};
  EXPECT_EQ(flights.do_call(1, [&] { return counted(3, copies); }).value.value, 3);
  EXPECT_EQ(copies, 0);
}

struct picky {
  explicit picky(std::shared_ptr<std::atomic<int>> n) : left(std::move(n)) {}
  picky(picky&&) = default;
  picky(const picky& other) : left(other.left) {
    if (left->fetch_sub(1) == 1) throw std::runtime_error("one copy too many");
  }
  std::shared_ptr<std::atomic<int>> left;
};

TEST_F(Singleflight, ACopyThatThrowsFailsForItsCallerAlone) {
  goro::singleflight<int, picky> flights;
  const auto left = std::make_shared<std::atomic<int>>(2);
  std::atomic<int> good{0};
  std::atomic<int> bad{0};
  const auto gate = goro::make_chan<int>();
  goro::wait_group ended;
  for (int i = 0; i != 3; ++i)
    ended.go([&] {
      try {
        (void)flights.do_call(1, [&] { return (void)gate.recv(), picky(left); });
        ++good;
      } catch (const std::runtime_error&) {
        ++bad;
      }
    });
  ASSERT_TRUE(until_parked(2));
  gate.close();
  ended.wait();
  EXPECT_EQ(good, 2);
  EXPECT_EQ(bad, 1);
}

TEST_F(Singleflight, KeysAndValuesAreFreed) {
  const auto key = std::make_shared<int>(1);
  const auto value = std::make_shared<int>(2);
  goro::singleflight<std::shared_ptr<int>, std::shared_ptr<int>> flights;
  EXPECT_EQ(flights.do_call(key, [&] { return value; }).value, value);
  (void)flights.do_async(key, [&] { return value; }).get();
  EXPECT_TRUE(eventually([&] { return key.use_count() == 1 && value.use_count() == 1; }));
}

}  // namespace
