// SPDX-License-Identifier: MIT
#include "sched/on_goroutine.hpp"
#include "support/at_procs.hpp"
#include "support/eventually.hpp"

#include <goro/goro.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace {

using goro_test::eventually;
using goro_test::on_goroutine;

// Counts how many are alive.
struct counted {
  static inline std::atomic<int> alive{0};
  counted() { ++alive; }
  explicit counted(int v) : value(v) { ++alive; }
  counted(const counted& o) : value(o.value) { ++alive; }
  counted(counted&& o) noexcept : value(o.value) { ++alive; }
  ~counted() { --alive; }
  int value = 0;
};

TEST(Local, IsValueInitialised) {
  goro::local<int> number;
  on_goroutine([&] { EXPECT_EQ(*number, 0); });
  EXPECT_EQ(*number, 0) << "in a plain thread";
}

TEST(Local, IsMadeByTheGivenFunctionOnceAGoroutine) {
  std::atomic<int> made{0};
  goro::local<std::string> name([&] { return "n" + std::to_string(++made); });
  on_goroutine([&] {
    EXPECT_EQ(*name, "n1");
    EXPECT_EQ(*name, "n1");
    EXPECT_EQ(name->size(), 2u);
  });
  on_goroutine([&] { EXPECT_EQ(*name, "n2"); });
  EXPECT_EQ(made, 2);
}

TEST(Local, EachGoroutineAndEachThreadHasItsOwn) {
  goro::local<int> number;
  *number = 1;
  on_goroutine([&] {
    *number = 2;
    goro::wait_group other;
    other.go([&] {
      EXPECT_EQ(*number, 0);
      *number = 3;
      goro::yield();
      EXPECT_EQ(*number, 3);
    });
    other.wait();
    EXPECT_EQ(*number, 2);
  });
  std::thread([&] {
    EXPECT_EQ(*number, 0);
    *number = 4;
    EXPECT_EQ(*number, 4);
  }).join();
  EXPECT_EQ(*number, 1);
}

TEST(Local, FollowsItsGoroutineToAnotherThread) {
  const goro_test::hang_guard guard("Local.Follows");
  const goro_test::procs_for_now procs(4);
  goro::local<int> number;
  on_goroutine([&] {
    *number = 42;
    int* const at = &*number;
    for (int i = 0; i != 10; ++i) {
      ASSERT_TRUE(goro_test::migrate());
      EXPECT_EQ(*number, 42 + i);
      EXPECT_EQ(&*number, at);
      ++*number;
    }
  });
}

TEST(Local, IsDestroyedWhenItsGoroutineEnds) {
  {
    goro::local<counted> c;
    on_goroutine([&] {
      c->value = 1;
      EXPECT_EQ(counted::alive, 1);
    });
    EXPECT_TRUE(eventually([] { return counted::alive == 0; })) << counted::alive;
  }
  EXPECT_EQ(counted::alive, 0);
}

TEST(Local, IsDestroyedWhenAGoexitEndsItsGoroutine) {
  goro::local<counted> c;
  goro::wait_group group;
  group.go([&] {
    c->value = 1;
    goro::goexit();
  });
  group.wait();
  EXPECT_TRUE(eventually([] { return counted::alive == 0; })) << counted::alive;
}

TEST(Local, IsDestroyedWhenItsThreadEnds) {
  goro::local<counted> c;
  std::thread([&] { c->value = 1; }).join();
  EXPECT_TRUE(eventually([] { return counted::alive == 0; })) << counted::alive;
}

TEST(Local, IsDestroyedInEveryGoroutineWhenTheLocalIs) {
  const auto leave = goro::make_chan<int>();
  const auto ready = goro::make_chan<int>();
  goro::wait_group group;
  {
    goro::local<counted> c;
    for (int i = 0; i != 5; ++i)
      group.go([&c, leave, ready] {
        c->value = 1;
        ready.send(0);
        (void)leave.recv();
      });
    for (int i = 0; i != 5; ++i) (void)ready.recv();
    EXPECT_EQ(counted::alive, 5);
  }
  EXPECT_EQ(counted::alive, 0);
  leave.close();
  group.wait();
}

TEST(Local, ResetDestroysAndTheNextUseMakesAnew) {
  std::atomic<int> made{0};
  goro::local<counted> c([&] { return counted(++made); });
  on_goroutine([&] {
    EXPECT_EQ(c->value, 1);
    c.reset();
    EXPECT_EQ(counted::alive, 0);
    EXPECT_EQ(c->value, 2);
    c.reset();
    c.reset();
  });
  EXPECT_TRUE(eventually([] { return counted::alive == 0; }));
}

TEST(Local, ManyLocalsDoNotMixUp) {
  std::vector<std::unique_ptr<goro::local<int>>> all;
  for (int i = 0; i != 100; ++i) all.push_back(std::make_unique<goro::local<int>>([i] { return i; }));
  for (int i = 0; i != 100; i += 2) all[static_cast<std::size_t>(i)].reset();
  for (int i = 0; i != 100; i += 2)
    all[static_cast<std::size_t>(i)] = std::make_unique<goro::local<int>>([i] { return 1000 + i; });
  on_goroutine([&] {
    for (int i = 0; i != 100; ++i) EXPECT_EQ(**all[static_cast<std::size_t>(i)], i % 2 == 0 ? 1000 + i : i);
  });
}

TEST(Local, ANewLocalAtAnOldOnesPlaceStartsAfresh) {
  on_goroutine([] {
    for (int i = 0; i != 10; ++i) {
      goro::local<int> number;
      EXPECT_EQ(*number, 0);
      *number = 7;
    }
  });
}

}  // namespace
