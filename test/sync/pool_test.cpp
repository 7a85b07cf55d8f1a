// SPDX-License-Identifier: MIT
#include "sched/on_goroutine.hpp"
#include "support/at_procs.hpp"
#include "support/eventually.hpp"

#include <goro/goro.hpp>
#include <goro/pool.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

namespace {

using goro_test::eventually;
using goro_test::on_goroutine;

// Counts those alive; neither default-made nor moved.
struct tracked {
  explicit tracked(int n) : number(n) { ++alive; }
  tracked(const tracked&) = delete;
  tracked& operator=(const tracked&) = delete;
  ~tracked() { --alive; }

  int number;
  inline static std::atomic<int> alive{0};
};

// Bodies run in a goroutine that does not wait: while its P is busy the runtime does not trim by itself.
class Pool : public testing::Test {
 protected:
  void SetUp() override { tracked::alive = 0; }
  goro_test::hang_guard guard_{"Pool"};
};

TEST_F(Pool, PO01_GivesNothingWithoutAFactory) {
  on_goroutine([] {
    goro::pool<std::string> p;
    EXPECT_FALSE(p.get());
    p.put("a");
    p.put("b");
    auto one = p.get();
    auto two = p.get();
    ASSERT_TRUE(one);
    ASSERT_TRUE(two);
    EXPECT_EQ((std::set<std::string>{*one, *two}), (std::set<std::string>{"a", "b"}));
    EXPECT_FALSE(p.get());
    EXPECT_FALSE(goro::pool<int>(std::function<int()>()).get());
    EXPECT_FALSE(goro::pool<int>(static_cast<int (*)()>(nullptr)).get());
  });
}

TEST_F(Pool, PO01_MakesOneOnlyWhenEmpty) {
  on_goroutine([] {
    int made = 0;
    goro::pool p([&made] { return ++made; });
    static_assert(std::is_same_v<decltype(p), goro::pool<int>>);
    {
      auto one = p.get();
      auto two = p.get();
      EXPECT_EQ(*one + *two, 3);
    }
    p.put(7);
    std::set<int> seen;
    {
      auto a = p.get();
      auto b = p.get();
      auto c = p.get();
      seen = {*a, *b, *c};
      EXPECT_EQ(made, 2);
      EXPECT_FALSE(p.try_get());
    }
    EXPECT_EQ(seen, (std::set<int>{1, 2, 7}));
  });
}

TEST_F(Pool, PO02_AnObjectSurvivesOneTrimAndNotTheSecond) {
  on_goroutine([] {
    goro::pool<tracked> p([] { return tracked(1); });
    p.get().reset();
    EXPECT_EQ(tracked::alive, 1);
    goro::trim_pools();
    EXPECT_EQ(tracked::alive, 1);
    p.get().reset();  // used in between: fresh again
    goro::trim_pools();
    EXPECT_EQ(tracked::alive, 1);
    EXPECT_TRUE(p.try_get());
    goro::trim_pools();
    goro::trim_pools();
    EXPECT_EQ(tracked::alive, 0);
    EXPECT_FALSE(p.try_get());
  });
}

TEST_F(Pool, PO02_ATrimReachesEveryPoolAndLeavesWhatIsOut) {
  on_goroutine([] {
    std::vector<std::unique_ptr<goro::pool<tracked>>> pools;
    for (int i = 0; i != 20; ++i) {
      pools.push_back(std::make_unique<goro::pool<tracked>>([i] { return tracked(i); }));
      auto a = pools.back()->get();
      auto b = pools.back()->get();
    }
    auto out = pools[3]->get();
    EXPECT_EQ(tracked::alive, 40);
    goro::trim_pools();
    EXPECT_EQ(tracked::alive, 40);
    goro::trim_pools();
    EXPECT_EQ(tracked::alive, 1);
    EXPECT_EQ(out->number, 3);
  });
}

TEST_F(Pool, IdleProcessesTrimByThemselves) {
  goro::pool<tracked> p([] { return tracked(1); });
  on_goroutine([&] { p.get().reset(); });
  std::vector<goro::pool<tracked>::handle> out;
  for (int i = 0; i != 5; ++i) out.push_back(p.get());
  EXPECT_GE(tracked::alive, 5);
  out.clear();
  // No polling by goroutines: they would keep the process awake.
  for (int i = 0; i != 3000 && tracked::alive != 0; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  EXPECT_EQ(tracked::alive, 0);
}

TEST_F(Pool, AHandleMovesAndGivesBackOnce) {
  on_goroutine([] {
    using handle = goro::pool<tracked>::handle;
    static_assert(!std::is_copy_constructible_v<handle> && std::is_nothrow_move_constructible_v<handle>);
    int made = 0;
    goro::pool<tracked> p([&made] { return tracked(++made); });
    handle a = p.get();
    handle b = std::move(a);
    EXPECT_FALSE(a);  // NOLINT: what moving leaves is promised
    EXPECT_EQ(b->number, 1);
    b = p.get();  // the first goes back
    EXPECT_EQ((*b).number, 2);
    a = p.get();
    EXPECT_EQ(a->number, 1);
    a.discard();
    EXPECT_EQ(tracked::alive, 1);
    b.reset();
    b.reset();
    EXPECT_EQ(p.get()->number, 2);
    EXPECT_EQ(made, 2);
  });
  EXPECT_EQ(tracked::alive, 0);
}

TEST_F(Pool, AHandleOutlivesItsPool) {
  on_goroutine([] {
    goro::pool<tracked>::handle out;
    goro::pool<tracked>::handle later;
    {
      goro::pool<tracked> p([] { return tracked(5); });
      out = p.get();
      later = p.get();
      p.get().reset();
      EXPECT_EQ(tracked::alive, 3);
    }
    EXPECT_EQ(tracked::alive, 2);
    EXPECT_EQ(out->number, 5);
    goro::trim_pools();
    out.reset();
    EXPECT_EQ(tracked::alive, 1);
  });
  EXPECT_EQ(tracked::alive, 0);
}

TEST_F(Pool, AnExceptionOfTheFactoryLosesNothing) {
  on_goroutine([] {
    bool fail = true;
    goro::pool<tracked> p([&fail] {
      if (fail) throw std::runtime_error("no");
      return tracked(1);
    });
    EXPECT_THROW((void)p.get(), std::runtime_error);
    EXPECT_EQ(tracked::alive, 0);
    fail = false;
    EXPECT_TRUE(p.get());
    fail = true;
    EXPECT_TRUE(p.get());
  });
}

TEST_F(Pool, AFactoryMayEndItsGoroutine) {
  goro::pool<tracked> p([]() -> tracked { goro::goexit(); });
  std::atomic<bool> went_on{false};
  std::atomic<bool> ended{false};
  goro::go([&] {
    struct at_end {
      std::atomic<bool>& ended;
      ~at_end() { ended = true; }
    } const guard{ended};
    (void)p.get();
    went_on = true;
  });
  EXPECT_TRUE(eventually([&] { return ended.load(); }));
  EXPECT_FALSE(went_on);
}

TEST_F(Pool, ObjectsMayBeMoveOnlyAndOverAligned) {
  on_goroutine([] {
    struct alignas(256) wide {
      char bytes[300];
    };
    goro::pool<wide> wides([] { return wide(); });
    auto a = wides.get();
    auto b = wides.get();
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(&*a) % 256, 0u);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(&*b) % 256, 0u);
    goro::pool<std::unique_ptr<int>> pointers([] { return std::make_unique<int>(3); });
    EXPECT_EQ(**pointers.get(), 3);
    pointers.put(std::make_unique<int>(4));
  });
}

// The destructor gives to another pool, and to its own: no lock may be held.
TEST_F(Pool, DestructorsMayUsePools) {
  on_goroutine([] {
    goro::pool<int> inner([] { return 1; });
    struct user {
      explicit user(goro::pool<int>& p) : pool(&p) {}
      user(const user&) = delete;
      user& operator=(const user&) = delete;
      ~user() {
        (void)pool->get();
        goro::trim_pools();
      }
      goro::pool<int>* pool;
    };
    goro::pool<user> outer([&inner] { return user(inner); });
    outer.get().reset();
    goro::trim_pools();
    goro::trim_pools();
    EXPECT_FALSE(outer.try_get());
  });
}

TEST_F(Pool, PlainThreadsAndGoroutinesShareOne) {
  goro::pool<tracked> p([] { return tracked(9); });
  std::thread([&] { p.get().reset(); }).join();
  const int before = tracked::alive;
  std::thread([&] {
    for (int i = 0; i != 100; ++i) p.get().reset();
  }).join();
  on_goroutine([&] { p.get().reset(); });
  EXPECT_LE(tracked::alive, before + 1);  // the runtime may have trimmed it in between
}

// Whatever number of Ps there is or was, everything given back is found again.
TEST_F(Pool, TheNumberOfPsMayChange) {
  goro::pool<tracked> p([] { return tracked(0); });
  constexpr int most = 2000;
  on_goroutine([&] {
    for (const int procs : {1, 3, 40, 200, 2}) {
      const goro_test::procs_for_now now(procs);
      goro::wait_group users;
      for (int i = 0; i != 200; ++i)
        users.go([&] {
          std::vector<goro::pool<tracked>::handle> out;
          for (int k = 0; k != most / 200; ++k) {
            out.push_back(p.get());
            if (k % 4 == 0) goro::yield();
          }
        });
      users.wait();
      int waiting = 0;
      std::vector<goro::pool<tracked>::handle> all;
      while (auto one = p.try_get()) {
        ++waiting;
        all.push_back(std::move(one));
      }
      EXPECT_EQ(waiting, tracked::alive);
      EXPECT_LE(waiting, most);
    }
  });
}

}  // namespace
