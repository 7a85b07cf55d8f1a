// SPDX-License-Identifier: MIT
#include "support/at_procs.hpp"
#include "support/eventually.hpp"

#include <goro/goro.hpp>
#include <goro/pool.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

namespace {

class PoolStress : public goro_test::AtProcs {};
GORO_AT_PROCS(PoolStress);

// An object that knows whether somebody has it.
struct owned {
  owned() { ++alive; }
  owned(const owned&) = delete;
  owned& operator=(const owned&) = delete;
  ~owned() {
    EXPECT_FALSE(busy.load(std::memory_order_relaxed));
    --alive;
  }

  std::atomic<bool> busy{false};
  std::uint64_t written = 0;  // plain: the pool must order its users
  inline static std::atomic<int> alive{0};
};

// Uses one and gives it back; true if nobody else had it.
bool use(goro::pool<owned>& p) {
  const auto object = p.get();
  if (object->busy.exchange(true, std::memory_order_relaxed)) return false;
  ++object->written;
  object->busy.store(false, std::memory_order_relaxed);
  return true;
}

TEST_P(PoolStress, PO03_NobodyGetsAForeignOrDuplicatedObject) {
  const int rounds = goro_test::scaled(100'000);
  goro::pool<owned> p([] { return owned(); });
  std::atomic<bool> broken{false};
  std::atomic<bool> stop{false};
  goro::async([&] {
    goro::wait_group trims;
    trims.go([&] {
      while (!stop) {
        goro::trim_pools();
        goro::yield();
      }
    });
    goro::wait_group users;
    for (int i = 0; i != 10; ++i)
      users.go([&] {
        for (int k = 0; k != rounds && !broken; ++k) {
          if (!use(p)) broken = true;
          if (k % 1000 == 0) goro::yield();
        }
      });
    std::thread plain([&] {
      for (int k = 0; k != rounds && !broken; ++k)
        if (!use(p)) broken = true;
    });
    users.wait();
    goro::blocking([&] { plain.join(); });
    stop = true;
    trims.wait();
  }).get();
  EXPECT_FALSE(broken);
}

// No deque that grows in this pool: the lists' length is all there is to it, so they get long.
TEST_P(PoolStress, PO04_OneProducerTenConsumersEachValueOnce) {
  const int values = goro_test::scaled(200'000);
  struct number {
    explicit number(int n) : value(n) {}
    number(number&& from) noexcept : value(std::exchange(from.value, -1)) {}
    int value;
  };
  goro::pool<number> p;
  std::unique_ptr<std::atomic<int>[]> seen(new std::atomic<int>[static_cast<std::size_t>(values)]());
  std::atomic<int> taken{0};
  std::atomic<bool> broken{false};
  goro::async([&] {
    goro::wait_group all;
    for (int i = 0; i != 10; ++i)
      all.go([&] {
        while (taken < values) {
          auto one = p.try_get();
          if (!one) {
            goro::yield();
            continue;
          }
          const int v = one->value;
          one.discard();
          if (v < 0 || v >= values || seen[static_cast<std::size_t>(v)].fetch_add(1) != 0) broken = true;
          ++taken;
        }
      });
    all.go([&] {
      for (int v = 0; v != values; ++v) {
        p.put(number(v));
        if (v % 4096 == 4095) goro::yield();  // a few thousand wait at a time
      }
    });
    all.wait();
  }).get();
  EXPECT_FALSE(broken);
  EXPECT_EQ(taken, values);
  EXPECT_FALSE(p.try_get());
}

TEST_P(PoolStress, PoolsEndWhileObjectsComeBack) {
  const int rounds = goro_test::scaled(10'000);
  owned::alive = 0;
  goro::async([rounds] {
    for (int i = 0; i != rounds; ++i) {
      goro::wait_group group;
      std::optional<goro::pool<owned>> p;
      p.emplace([] { return owned(); });
      for (int k = 0; k != 3; ++k) {
        group.go([out = p->get(), k]() mutable {
          if (k != 0) goro::yield();
          out.reset();
        });
      }
      if (i % 3 == 0) group.go([] { goro::trim_pools(); });
      if (i % 2 == 0) goro::yield();
      p.reset();
      group.wait();
    }
  }).get();
  EXPECT_TRUE(goro_test::eventually([] { return owned::alive == 0; }));
}

TEST_P(PoolStress, PO03_WhileTheNumberOfPsChanges) {
  const int rounds = goro_test::scaled(50'000);
  goro::pool<owned> p([] { return owned(); });
  std::atomic<bool> broken{false};
  std::atomic<bool> stop{false};
  goro::async([&] {
    goro::wait_group users;
    for (int i = 0; i != 20; ++i)
      users.go([&] {
        for (int k = 0; k != rounds && !broken; ++k) {
          if (!use(p)) broken = true;
          if (k % 100 == 0) goro::yield();
        }
      });
    goro::wait_group changes;
    changes.go([&] {
      for (int n = 1; !stop; n = n * 7 % 97 + 1) {
        (void)goro::set_max_procs(n);
        goro::yield();
      }
    });
    users.wait();
    stop = true;
    changes.wait();
  }).get();
  (void)goro::set_max_procs(procs());
  EXPECT_FALSE(broken);
}

}  // namespace
