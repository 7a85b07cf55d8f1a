// SPDX-License-Identifier: MIT
#include "sched/on_goroutine.hpp"
#include "support/at_procs.hpp"
#include "support/eventually.hpp"

#include <goro/goro.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace {

using namespace std::chrono_literals;
using goro_test::eventually;
using goro_test::on_goroutine;

class Future : public testing::Test {
 protected:
  void SetUp() override { before_ = goro_test::settled_goroutines(); }
  void TearDown() override {
    EXPECT_TRUE(eventually([&] { return goro::num_goroutine() == before_; })) << goro::num_goroutine();
  }
  goro_test::hang_guard guard_{"Future"};
  std::size_t before_ = 0;
};

template <class F>
std::error_code future_error_of(F f) {
  try {
    f();
  } catch (const std::future_error& e) {
    EXPECT_NE(e.what(), nullptr);
    return e.code();
  } catch (...) {
    ADD_FAILURE() << "another exception than std::future_error";
  }
  return {};
}

TEST_F(Future, AsyncGivesTheValue) {
  auto f = goro::async([](int a, int b) { return a + b; }, 40, 2);
  EXPECT_TRUE(f.valid());
  EXPECT_EQ(f.get(), 42);
  EXPECT_FALSE(f.valid());
}

TEST_F(Future, AsyncGivesTheValueInAGoroutine) {
  on_goroutine([] {
    auto a = goro::async([] { return std::string("left"); });
    auto b = goro::async([] {
      goro::sleep_for(1ms);
      return std::string("right");
    });
    EXPECT_EQ(a.get() + b.get(), "leftright");
  });
}

TEST_F(Future, AsyncRethrowsWhatTheFunctionThrew) {
  auto f = goro::async([]() -> int { throw std::runtime_error("no value"); });
  f.wait();
  EXPECT_TRUE(f.ready());
  try {
    (void)f.get();
    FAIL();
  } catch (const std::runtime_error& e) {
    EXPECT_STREQ(e.what(), "no value");
  }
  EXPECT_FALSE(f.valid());
}

TEST_F(Future, CarriesVoidMoveOnlyAndReferences) {
  int ran = 0;
  auto nothing = goro::async([&] { ++ran; });
  static_assert(std::is_same_v<decltype(nothing), goro::future<void>>);
  nothing.get();
  EXPECT_EQ(ran, 1);

  auto owned = goro::async([] { return std::make_unique<int>(7); });
  EXPECT_EQ(*owned.get(), 7);

  int target = 1;
  auto reference = goro::async([&]() -> int& { return target; });
  static_assert(std::is_same_v<decltype(reference), goro::future<int&>>);
  EXPECT_EQ(&reference.get(), &target);
}

TEST_F(Future, CarriesWhatHasNoDefaultConstructor) {
  struct strict {
    explicit strict(int v) : value(v) {}
    int value;
  };
  auto f = goro::async([] { return strict(5); });
  EXPECT_EQ(f.get().value, 5);
  goro::promise<strict> p;
  auto g = p.get_future();
  p.set_value(6);
  EXPECT_EQ(g.get().value, 6);
}

TEST_F(Future, IsMoveOnlyAndAMovedFromOneIsNotValid) {
  static_assert(!std::is_copy_constructible_v<goro::future<int>>);
  static_assert(std::is_nothrow_move_constructible_v<goro::future<int>>);
  goro::future<int> none;
  EXPECT_FALSE(none.valid());
  auto a = goro::async([] { return 1; });
  goro::future<int> b = std::move(a);
  EXPECT_FALSE(a.valid());
  EXPECT_TRUE(b.valid());
  none = std::move(b);
  EXPECT_FALSE(b.valid());
  EXPECT_EQ(none.get(), 1);
}

TEST_F(Future, UseOfOneWithoutStateIsAFutureError) {
  goro::future<int> none;
  EXPECT_EQ(future_error_of([&] { (void)none.get(); }), std::future_errc::no_state);
  EXPECT_EQ(future_error_of([&] { none.wait(); }), std::future_errc::no_state);
  EXPECT_EQ(future_error_of([&] { (void)none.wait_for(1ms); }), std::future_errc::no_state);
  EXPECT_EQ(future_error_of([&] { (void)none.done(); }), std::future_errc::no_state);
  auto f = goro::async([] { return 1; });
  (void)f.get();
  EXPECT_EQ(future_error_of([&] { (void)f.get(); }), std::future_errc::no_state) << "a second get";
}

TEST_F(Future, AsyncFailsAtTheCallForAnEmptyFunction) {
  EXPECT_THROW((void)goro::async(std::function<int()>{}), std::invalid_argument);
}

TEST_F(Future, WaitDoesNotTakeTheValue) {
  auto f = goro::async([] { return 1; });
  f.wait();
  f.wait();
  EXPECT_TRUE(f.wait_for(0s));
  EXPECT_TRUE(f.ready());
  EXPECT_EQ(f.get(), 1);
}

TEST_F(Future, WaitForTellsWhetherItIsReady) {
  goro::promise<int> p;
  auto f = p.get_future();
  const auto check = [&] {
    const auto start = goro::clock::now();
    EXPECT_FALSE(f.wait_for(5ms));
    EXPECT_GE(goro::clock::now() - start, 5ms);
    EXPECT_FALSE(f.wait_for(0s));
    EXPECT_FALSE(f.wait_for(-1s));
    EXPECT_FALSE(f.ready());
  };
  check();
  on_goroutine(check);
  p.set_value(3);
  EXPECT_TRUE(f.wait_for(1h));
  on_goroutine([&] { EXPECT_TRUE(f.wait_for(goro::duration::max())); });
  EXPECT_EQ(f.get(), 3);
}

TEST_F(Future, DoneIsAChannelForSelect) {
  goro::promise<int> p;
  auto f = p.get_future();
  const auto done = f.done();
  EXPECT_EQ(done.try_recv().status, goro::op_status::would_block);
  EXPECT_EQ(goro::select(goro::recv(done), goro::timeout(2ms)), 1u);
  goro::go([&p] {
    goro::sleep_for(1ms);
    p.set_value(9);
  });
  EXPECT_EQ(goro::select(goro::recv(done), goro::timeout(20s)), 0u);
  EXPECT_FALSE(done.recv()) << "closed";
  EXPECT_EQ(f.done().try_recv().status, goro::op_status::closed) << "asked for when ready";
  EXPECT_EQ(f.get(), 9);
  EXPECT_TRUE(eventually([&] { return goro::num_goroutine() == before_; }));
}

TEST_F(Future, DoneOfSeveralInOneSelect) {
  on_goroutine([] {
    const auto leave = goro::make_chan<int>();
    auto slow = goro::async([leave] {
      (void)leave.recv();
      return 1;
    });
    auto fast = goro::async([] { return 2; });
    EXPECT_EQ(goro::select(goro::recv(slow.done()), goro::recv(fast.done())), 1u);
    EXPECT_EQ(fast.get(), 2);
    leave.close();
    EXPECT_EQ(slow.get(), 1);
  });
}

TEST_F(Future, LettingGoOfItDoesNotWait) {
  const auto leave = goro::make_chan<int>();
  std::atomic<bool> ended{false};
  {
    auto dropped = goro::async([&, leave] {
      (void)leave.recv();
      ended = true;
    });
  }
  EXPECT_FALSE(ended);
  leave.close();
  EXPECT_TRUE(eventually([&] { return ended.load(); }));
}

TEST_F(Future, TheValueDiesWithTheLastHandle) {
  auto held = std::make_shared<int>(1);
  const std::weak_ptr<int> watch = held;
  {
    auto f = goro::async([held = std::move(held)]() mutable { return std::move(held); });
    f.wait();
    EXPECT_FALSE(watch.expired());
  }
  EXPECT_TRUE(eventually([&] { return watch.expired(); }));
}

TEST_F(Future, SetFromAPlainThread) {
  goro::promise<std::string> p;
  auto f = p.get_future();
  std::thread callback([p = std::move(p)]() mutable {
    std::this_thread::sleep_for(2ms);
    p.set_value("from outside");
  });
  on_goroutine([&] { EXPECT_EQ(f.get(), "from outside"); });
  callback.join();
}

TEST_F(Future, APromiseCarriesAnException) {
  goro::promise<int> p;
  auto f = p.get_future();
  p.set_exception(std::make_exception_ptr(std::out_of_range("far")));
  EXPECT_THROW((void)f.get(), std::out_of_range);
}

TEST_F(Future, APromiseForVoidAndForAReference) {
  goro::promise<void> v;
  auto fv = v.get_future();
  v.set_value();
  fv.get();
  int target = 0;
  goro::promise<int&> r;
  auto fr = r.get_future();
  r.set_value(target);
  EXPECT_EQ(&fr.get(), &target);
}

TEST_F(Future, ABrokenPromiseSaysSo) {
  goro::future<int> f;
  {
    goro::promise<int> p;
    f = p.get_future();
  }
  EXPECT_TRUE(f.ready());
  EXPECT_EQ(future_error_of([&] { (void)f.get(); }), std::future_errc::broken_promise);
}

TEST_F(Future, ABrokenPromiseWakesWhoWaits) {
  auto p = std::make_unique<goro::promise<int>>();
  auto f = p->get_future();
  const auto done = f.done();
  goro::wait_group waiter;
  waiter.go([&] { EXPECT_EQ(future_error_of([&] { (void)f.get(); }), std::future_errc::broken_promise); });
  goro::sleep_for(1ms);
  p.reset();
  waiter.wait();
  EXPECT_FALSE(done.recv());
}

TEST_F(Future, AMovedPromiseIsNotBroken) {
  goro::promise<int> a;
  auto f = a.get_future();
  goro::promise<int> b = std::move(a);
  EXPECT_FALSE(f.ready());
  b.set_value(1);
  EXPECT_EQ(f.get(), 1);
}

TEST_F(Future, MoveAssignmentBreaksThePromiseThatIsReplaced) {
  goro::promise<int> a;
  auto f = a.get_future();
  a = goro::promise<int>();
  EXPECT_EQ(future_error_of([&] { (void)f.get(); }), std::future_errc::broken_promise);
}

TEST_F(Future, MisuseOfAPromiseIsAFutureError) {
  goro::promise<int> p;
  auto f = p.get_future();
  EXPECT_EQ(future_error_of([&] { (void)p.get_future(); }), std::future_errc::future_already_retrieved);
  p.set_value(1);
  EXPECT_EQ(future_error_of([&] { p.set_value(2); }), std::future_errc::promise_already_satisfied);
  EXPECT_EQ(future_error_of([&] { p.set_exception(std::make_exception_ptr(1)); }),
            std::future_errc::promise_already_satisfied);
  EXPECT_EQ(f.get(), 1) << "the first value stands";

  goro::promise<int> q = std::move(p);
  goro::promise<int>& moved_from = p;
  EXPECT_EQ(future_error_of([&] { (void)moved_from.get_future(); }), std::future_errc::no_state);
  EXPECT_EQ(future_error_of([&] { moved_from.set_value(1); }), std::future_errc::no_state);
}

TEST_F(Future, AValueWhoseConstructorThrowsLeavesThePromiseOpen) {
  struct picky {
    explicit picky(int v) {
      if (v < 0) throw std::invalid_argument("negative");
    }
  };
  goro::promise<picky> p;
  auto f = p.get_future();
  EXPECT_THROW(p.set_value(-1), std::invalid_argument);
  EXPECT_FALSE(f.ready());
  p.set_value(1);
  f.wait();
}

}  // namespace
