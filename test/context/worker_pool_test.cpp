// SPDX-License-Identifier: MIT
#include "sched/introspect.hpp"
#include "sched/on_goroutine.hpp"
#include "support/at_procs.hpp"
#include "support/eventually.hpp"

#include <goro/goro.hpp>
#include <goro/worker_pool.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <type_traits>
#include <vector>

namespace {

using namespace std::chrono_literals;
using goro::detail::wait_reason;
using goro_test::eventually;
using goro_test::on_goroutine;

class WorkerPool : public testing::Test {
 protected:
  void SetUp() override { before_ = goro_test::settled_goroutines(); }
  void TearDown() override {
    EXPECT_TRUE(eventually([&] { return goro::num_goroutine() == before_; })) << goro::num_goroutine();
  }
  goro_test::hang_guard guard_{"WorkerPool"};
  std::size_t before_ = 0;
};

// Occupies a worker until it is let go.
class occupied {
 public:
  explicit occupied(goro::worker_pool& pool) {
    pool.submit([started = started_, end = end_] {
      started.close();
      (void)end.recv();
    });
    (void)started_.recv();
  }
  ~occupied() { release(); }
  occupied(const occupied&) = delete;
  occupied& operator=(const occupied&) = delete;
  void release() {
    if (!released_) end_.close();
    released_ = true;
  }

 private:
  goro::chan<int> started_ = goro::make_chan<int>();
  goro::chan<int> end_ = goro::make_chan<int>();
  bool released_ = false;
};

std::size_t waiting() { return goro::detail::parked_count(wait_reason::worker_pool); }

TEST_F(WorkerPool, NoWorkersIsRefused) {
  try {
    goro::worker_pool pool(0, 1);
    FAIL();
  } catch (const std::invalid_argument& e) {
    EXPECT_NE(std::string(e.what()).find("worker_pool"), std::string::npos) << e.what();
  }
}

TEST_F(WorkerPool, RunsEachTaskOnceAndWaitReturnsAfterTheLast) {
  const auto check = [] {
    std::vector<int> seen(1000);
    goro::worker_pool pool(4, 10);
    for (std::size_t i = 0; i != seen.size(); ++i) pool.submit([&seen, i] { ++seen[i]; });
    pool.close();
    pool.wait();
    EXPECT_EQ(std::count(seen.begin(), seen.end(), 1), 1000);
  };
  check();
  on_goroutine(check);
}

TEST_F(WorkerPool, OneWorkerKeepsTheOrder) {
  std::vector<int> order;
  {
    goro::worker_pool pool(1, 3);
    for (int i = 0; i != 100; ++i) pool.submit([&order, i] { order.push_back(i); });
  }
  ASSERT_EQ(order.size(), 100u);
  EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
}

TEST_F(WorkerPool, WorkersStartWhenTasksNeedThem) {
  goro::worker_pool pool(1000, 10);
  EXPECT_EQ(goro::num_goroutine(), before_);
  pool.async([] {}).get();
  EXPECT_EQ(goro::num_goroutine(), before_ + 1);
  EXPECT_TRUE(eventually([] { return waiting() == 1; }));  // it is free again
  pool.async([] {}).get();
  EXPECT_EQ(goro::num_goroutine(), before_ + 1);
}

TEST_F(WorkerPool, NeverMoreTasksAtATimeThanWorkers) {
  std::atomic<int> active{0};
  std::atomic<int> most{0};
  goro::worker_pool pool(3, 5);
  for (int i = 0; i != 300; ++i)
    pool.submit([&] {
      const int now = ++active;
      for (int seen = most; now > seen && !most.compare_exchange_weak(seen, now);) {
      }
      goro::yield();
      --active;
    });
  pool.close();
  pool.wait();
  EXPECT_LE(most, 3);
}

TEST_F(WorkerPool, SubmitWaitsWhileTheQueueIsFull) {
  goro::worker_pool pool(1, 2);
  occupied worker(pool);
  std::atomic<int> ran{0};
  pool.submit([&] { ++ran; });
  pool.submit([&] { ++ran; });
  std::atomic<int> returned{0};
  goro::wait_group submitter;
  submitter.go([&] {
    pool.submit([&] { ++ran; });
    ++returned;
  });
  std::thread thread([&] {
    pool.submit([&] { ++ran; });
    ++returned;
  });
  EXPECT_TRUE(eventually([] { return waiting() == 1; }));
  EXPECT_FALSE(pool.try_submit([&] { ++ran; }));
  EXPECT_EQ(returned, 0);
  worker.release();
  submitter.wait();
  thread.join();
  EXPECT_EQ(returned, 2);
  pool.close();
  pool.wait();
  EXPECT_EQ(ran, 4);
}

TEST_F(WorkerPool, ARefusedCallableIsUntouched) {
  goro::worker_pool pool(1, 1);
  occupied worker(pool);
  int ran = 0;
  auto task = [token = std::make_unique<int>(7), &ran] { ran += *token; };
  EXPECT_TRUE(pool.try_submit([] {}));
  EXPECT_FALSE(pool.try_submit(std::move(task)));
  EXPECT_FALSE(pool.submit_for(1ms, std::move(task)));
  EXPECT_FALSE(pool.submit_for(0s, std::move(task)));
  task();
  EXPECT_EQ(ran, 7);
  worker.release();
  EXPECT_TRUE(pool.submit_for(1h, std::move(task)));
  pool.close();
  EXPECT_THROW(pool.submit([] {}), std::logic_error);
  pool.wait();
  EXPECT_EQ(ran, 14);
}

TEST_F(WorkerPool, CapacityZeroIsARendezvous) {
  goro::worker_pool pool(1, 0);
  occupied worker(pool);
  EXPECT_FALSE(pool.try_submit([] {}));
  std::atomic<int> ran{0};
  std::atomic<int> returned{0};
  goro::wait_group submitters;
  for (int i = 0; i != 3; ++i)
    submitters.go([&] {
      pool.submit([&] { ++ran; });
      ++returned;
    });
  EXPECT_TRUE(eventually([] { return waiting() == 3; }));
  EXPECT_EQ(returned, 0);
  worker.release();
  submitters.wait();
  EXPECT_TRUE(eventually([&] { return ran == 3; }));
  EXPECT_TRUE(eventually([] { return waiting() == 1; }));
  EXPECT_TRUE(pool.try_submit([&] { ++ran; }));  // the worker is free, so this is one, too
  pool.close();
  pool.wait();
  EXPECT_EQ(ran, 4);
}

TEST_F(WorkerPool, AsyncGivesTheResultOrWhatWasThrown) {
  goro::worker_pool pool(2, 2);
  int object = 3;
  EXPECT_EQ(pool.async([] { return 6 * 7; }).get(), 42);
  EXPECT_EQ(*pool.async([p = std::make_unique<int>(5)]() mutable { return std::move(p); }).get(), 5);
  EXPECT_EQ(&pool.async([&]() -> int& { return object; }).get(), &object);
  pool.async([&] { object = 4; }).get();
  EXPECT_EQ(object, 4);
  auto failed = pool.async([]() -> int { throw std::runtime_error("no"); });
  EXPECT_THROW(failed.get(), std::runtime_error);
  EXPECT_THROW(pool.async([] { goro::goexit(); }).get(), std::future_error);
  EXPECT_EQ(pool.async([] { return 1; }).get(), 1);
}

TEST_F(WorkerPool, AfterCloseNothingIsTaken) {
  goro::worker_pool pool(2, 2);
  pool.close();
  pool.close();
  try {
    pool.submit([] {});
    FAIL();
  } catch (const std::logic_error& e) {
    EXPECT_NE(std::string(e.what()).find("worker_pool::submit"), std::string::npos) << e.what();
    EXPECT_NE(std::string(e.what()).find("close"), std::string::npos) << e.what();
  }
  EXPECT_THROW((void)pool.try_submit([] {}), std::logic_error);
  EXPECT_THROW((void)pool.submit_for(1h, [] {}), std::logic_error);
  EXPECT_THROW((void)pool.async([] { return 1; }), std::logic_error);
  pool.wait();
}

TEST_F(WorkerPool, CloseTurnsAwayThoseWhoWaitAndTheirTasksDoNotRun) {
  goro::worker_pool pool(1, 1);
  occupied worker(pool);
  std::atomic<int> ran{0};
  std::atomic<int> refused{0};
  pool.submit([&] { ++ran; });
  const auto submit = [&] {
    auto task = [&ran, token = std::make_unique<int>(100)] { ran += *token; };
    try {
      pool.submit(std::move(task));
    } catch (const std::logic_error&) {
      task();  // it was not moved from
      ++refused;
    }
  };
  goro::wait_group submitters;
  for (int i = 0; i != 3; ++i) submitters.go(submit);
  std::thread thread(submit);
  EXPECT_TRUE(eventually([] { return waiting() == 3; }));
  pool.close();
  submitters.wait();
  thread.join();
  EXPECT_EQ(refused, 4);
  EXPECT_EQ(ran, 400);
  worker.release();
  pool.wait();
  EXPECT_EQ(ran, 401);
}

TEST_F(WorkerPool, WaitWaitsForCloseAndForTheTasks) {
  goro::worker_pool pool(1, 1);
  std::atomic<bool> over{false};
  goro::wait_group waiter;
  waiter.go([&] {
    pool.wait();
    over = true;
  });
  EXPECT_TRUE(eventually([] { return waiting() == 1; }));
  occupied worker(pool);
  pool.close();
  EXPECT_EQ(waiting(), 1u);
  EXPECT_FALSE(over);
  worker.release();
  waiter.wait();
  EXPECT_TRUE(over);
  pool.wait();
}

TEST_F(WorkerPool, TheDestructorRunsWhatWasTaken) {
  std::atomic<int> ran{0};
  const auto check = [&] {
    {
      goro::worker_pool pool(2, 100);
      for (int i = 0; i != 50; ++i)
        pool.submit([&] {
          goro::yield();
          ++ran;
        });
    }
    EXPECT_EQ(ran.exchange(0), 50);
  };
  check();
  on_goroutine(check);
}

std::atomic<int> reported{0};
std::string report;

TEST_F(WorkerPool, ATaskThatThrowsReachesTheUncaughtHandlerAndItsWorkerGoesOn) {
  reported = 0;
  const auto old = goro::set_uncaught_handler([](const goro::goroutine_info& g, std::exception_ptr e) {
    try {
      std::rethrow_exception(e);
    } catch (const std::exception& known) {
      report = g.name + ": " + known.what();
    }
    ++reported;
  });
  std::vector<std::uint64_t> workers;
  goro::worker_pool pool(1, 4);
  pool.submit([&] { workers.push_back(goro::goroutine_id()); });
  pool.submit([] { throw std::runtime_error("went wrong"); });
  pool.submit([&] { workers.push_back(goro::goroutine_id()); });
  pool.close();
  pool.wait();
  goro::set_uncaught_handler(old);
  EXPECT_EQ(reported, 1);
  EXPECT_EQ(report, "worker_pool: went wrong");
  ASSERT_EQ(workers.size(), 2u);
  EXPECT_EQ(workers[0], workers[1]);
}

TEST_F(WorkerPool, AWorkerThatEndsByGoexitIsReplaced) {
  for (const std::size_t capacity : {0u, 1u, 16u}) {
    goro::worker_pool pool(1, capacity);
    std::atomic<int> ran{0};
    std::uint64_t last = 0;
    for (int i = 0; i != 20; ++i)
      pool.submit([&] {
        const goro::defer count([&] { ++ran; });
        EXPECT_NE(goro::goroutine_id(), last);
        last = goro::goroutine_id();
        goro::goexit();
      });
    pool.close();
    pool.wait();
    EXPECT_EQ(ran, 20);
  }
}

TEST_F(WorkerPool, TheCallableIsDestroyedBeforeTheNextTaskRuns) {
  auto held = std::make_shared<int>(1);
  const std::weak_ptr<int> watch = held;
  goro::worker_pool pool(1, 2);
  pool.submit([held = std::move(held)] { EXPECT_EQ(*held, 1); });
  EXPECT_TRUE(pool.async([&] { return watch.expired(); }).get());
}

TEST_F(WorkerPool, AnEmptyFunctionIsRefusedAtTheCall) {
  goro::worker_pool pool(1, 1);
  EXPECT_THROW(pool.submit(std::function<void()>{}), std::invalid_argument);
  EXPECT_THROW((void)pool.try_submit(std::function<void()>{}), std::invalid_argument);
  EXPECT_THROW((void)pool.async(std::function<int()>{}), std::invalid_argument);
  EXPECT_EQ(goro::num_goroutine(), before_);
}

// Its copy throws when asked to, after waiting for permission.
struct reluctant {
  std::atomic<int>* ran;
  goro::chan<bool> permission;
  reluctant(std::atomic<int>& r, goro::chan<bool> p) : ran(&r), permission(std::move(p)) {}
  reluctant(const reluctant& other) : ran(other.ran), permission(other.permission) {
    if (!permission.recv().value_or(false)) throw std::runtime_error("no copy");
  }
  void operator()() const { ++*ran; }
};

TEST_F(WorkerPool, ACopyThatThrowsGivesItsPlaceBack) {
  for (const std::size_t capacity : {0u, 1u}) {
    goro::worker_pool pool(1, capacity);
    std::atomic<int> ran{0};
    const auto denied = goro::make_chan<bool>();
    denied.close();
    const reluctant task(ran, denied);
    for (int round = 0; round != 3; ++round) {  // a worker that would start, then one that is free
      EXPECT_THROW(pool.submit(task), std::runtime_error);
      EXPECT_EQ(pool.async([] { return 1; }).get(), 1);
      EXPECT_TRUE(eventually([] { return waiting() == 1; }));
    }
    occupied worker(pool);
    if (capacity == 1) {
      EXPECT_THROW(pool.submit(task), std::runtime_error);  // a place in the queue
      EXPECT_TRUE(pool.try_submit([&] { ran += 10; }));
      EXPECT_FALSE(pool.try_submit([] {}));
    }
    worker.release();
    pool.close();
    pool.wait();
    EXPECT_EQ(ran, capacity == 1 ? 10 : 0);
  }
}

TEST_F(WorkerPool, APlaceGivenBackGoesToTheNextWhoWaits) {
  goro::worker_pool pool(1, 1);
  occupied worker(pool);
  std::atomic<int> ran{0};
  const auto permission = goro::make_chan<bool>();
  goro::wait_group submitters;
  submitters.go([&] { EXPECT_THROW(pool.submit(reluctant(ran, permission)), std::runtime_error); });
  EXPECT_TRUE(eventually([] { return goro::detail::parked_count(wait_reason::chan_receive) == 2; }));
  submitters.go([&] { pool.submit([&] { ran += 10; }); });
  EXPECT_TRUE(eventually([] { return waiting() == 1; }));
  permission.send(false);
  submitters.wait();  // though the worker is still occupied
  worker.release();
  pool.close();
  pool.wait();
  EXPECT_EQ(ran, 10);
}

TEST_F(WorkerPool, ATaskWhoseCopyOutlastsCloseIsStillRun) {
  for (const bool permitted : {true, false})
    for (const bool idle_at_close : {true, false}) {
      goro::worker_pool pool(1, 1);
      std::atomic<int> ran{0};
      const auto permission = goro::make_chan<bool>();
      occupied worker(pool);
      goro::wait_group others;
      others.go([&] {
        try {
          pool.submit(reluctant(ran, permission));
        } catch (const std::runtime_error&) {
          ran = -1;
        }
      });
      EXPECT_TRUE(eventually([] { return goro::detail::parked_count(wait_reason::chan_receive) == 2; }));
      if (idle_at_close) {
        worker.release();
        EXPECT_TRUE(eventually([] { return waiting() == 1; }));
      }
      pool.close();
      worker.release();
      EXPECT_THROW(pool.submit([] {}), std::logic_error);
      others.go([&] { pool.wait(); });
      EXPECT_TRUE(eventually([] { return waiting() == 2; }, 5s));  // the worker has not left
      permission.send(permitted);
      others.wait();
      EXPECT_EQ(ran, permitted ? 1 : -1);
    }
}

TEST_F(WorkerPool, SubmitGivesUpWhenItsContextIsDone) {
  goro::worker_pool pool(1, 1);
  occupied worker(pool);
  std::atomic<int> ran{0};
  auto [ctx, cancel] = goro::with_cancel(goro::background());
  EXPECT_FALSE(pool.submit(ctx, [&] { ++ran; }));
  EXPECT_FALSE(pool.submit_for(1ms, [&] { ran += 10; }));
  auto task = [&ran, token = std::make_unique<int>(100)] { ran += *token; };
  goro::wait_group submitter;
  submitter.go([&, &ctx = ctx] { EXPECT_EQ(pool.submit(ctx, std::move(task)), goro::errc::canceled); });
  std::thread thread([&, &ctx = ctx] {
    const auto [late, unused] = goro::with_timeout(ctx, 1h);
    EXPECT_EQ(pool.submit(late, [&] { ran += 10; }), goro::errc::canceled);
  });
  EXPECT_TRUE(eventually([] { return waiting() == 1; }));
  cancel();
  submitter.wait();
  thread.join();
  task();  // it was not moved from
  worker.release();
  EXPECT_TRUE(eventually([&] { return ran == 101 && waiting() == 1; }));
  EXPECT_EQ(pool.submit(ctx, [&] { ran += 10; }), goro::errc::canceled);  // though the worker is free
  EXPECT_FALSE(pool.submit(goro::background(), [&] { ++ran; }));
  pool.close();
  EXPECT_THROW((void)pool.submit(goro::background(), [] {}), std::logic_error);
  pool.wait();
  EXPECT_EQ(ran, 102);
}

// Cancels one wait, and lets something happen after its claim and before it is off the list.
class slow_canceller final : public goro::detail::canceller {
 public:
  explicit slow_canceller(std::function<void()> before_remove) : before_remove_(std::move(before_remove)) {}
  bool add(goro::detail::cancel_node& node) noexcept override {
    node_ = &node;
    return true;
  }
  void remove(goro::detail::cancel_node&) noexcept override { before_remove_(); }
  bool is_cancelled() const noexcept override { return false; }
  goro::errc reason() const noexcept override { return goro::errc::canceled; }
  void cancel() { node_->cancelled(*node_); }

 private:
  std::function<void()> before_remove_;
  goro::detail::cancel_node* node_ = nullptr;
};

TEST_F(WorkerPool, APlaceGoesPastOneWhoHasGivenUpToTheNext) {
  goro::detail::job_queue queue(1, 0);
  const auto hold = goro::make_chan<int>();
  const auto blocked = [hold] { (void)hold.recv(); };
  {
    goro::detail::pool_place place;
    queue.enter(place, "submit");
    place.fill(new goro::detail::typed_pool_job<decltype(blocked)>(blocked));
  }
  std::atomic<bool> next_has_it{false};
  slow_canceller canceller([&] {
    hold.close();  // the worker now looks for the next one
    EXPECT_TRUE(eventually([&] { return next_has_it.load(); }, 5s));
  });
  goro::wait_group submitters;
  submitters.go([&] {
    goro::detail::pool_place place;
    EXPECT_EQ(queue.enter(place, &canceller), goro::errc::canceled);
  });
  ASSERT_TRUE(eventually([] { return waiting() == 1; }));
  submitters.go([&] {
    goro::detail::pool_place place;  // given back unfilled
    queue.enter(place, "submit");
    next_has_it = true;
  });
  ASSERT_TRUE(eventually([] { return waiting() == 2; }));
  canceller.cancel();
  submitters.wait();
  queue.close();
  queue.wait();
}

TEST_F(WorkerPool, TasksMayUseTheirPool) {
  std::atomic<int> ran{0};
  goro::worker_pool pool(2, 1);
  std::function<void(int)> split = [&](int n) {
    if (n == 0) {
      ++ran;
      return;
    }
    for (int i = 0; i != 2; ++i)
      if (!pool.try_submit([&split, n] { split(n - 1); })) split(n - 1);
  };
  pool.async([&] { split(8); }).get();
  EXPECT_TRUE(eventually([&] { return ran == 256; }));
}

TEST_F(WorkerPool, CannotBeCopiedOrMoved) {
  static_assert(!std::is_copy_constructible_v<goro::worker_pool>);
  static_assert(!std::is_move_constructible_v<goro::worker_pool>);
  static_assert(!std::is_copy_assignable_v<goro::worker_pool>);
}

}  // namespace
