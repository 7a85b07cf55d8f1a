// SPDX-License-Identifier: MIT
#include "sched/on_goroutine.hpp"
#include "support/at_procs.hpp"
#include "support/eventually.hpp"

#include <goro/goro.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace {

using goro_test::eventually;
using goro_test::on_goroutine;

// Waits until the goroutines that a test started are gone, so that the next one starts from nothing.
class Go : public testing::Test {
 protected:
  void SetUp() override { before_ = goro_test::settled_goroutines(); }
  void TearDown() override {
    EXPECT_TRUE(eventually([&] { return goro::num_goroutine() == before_; })) << goro::num_goroutine();
  }
  std::size_t before_ = 0;
};

TEST_F(Go, RunsTheFunctionWithItsArguments) {
  const auto out = goro::make_chan<std::string>();
  goro::go([out](std::string a, int b) { out.send(a + std::to_string(b)); }, "n", 7);
  EXPECT_EQ(out.recv(), "n7");
}

TEST_F(Go, DecayCopiesItsArguments) {
  const auto out = goro::make_chan<std::string>();
  const auto start = goro::make_chan<int>();
  std::string text = "as it was";
  goro::go(
      [out, start](const std::string& t) {
        (void)start.recv();
        out.send(t);
      },
      text);
  text = "changed after";
  start.close();
  EXPECT_EQ(out.recv(), "as it was");
}

TEST_F(Go, TakesReferencesInAReferenceWrapper) {
  int value = 0;
  const auto done = goro::make_chan<int>();
  goro::go(
      [done](int& v) {
        v = 42;
        done.close();
      },
      std::ref(value));
  (void)done.recv();
  EXPECT_EQ(value, 42);
}

TEST_F(Go, TakesMoveOnlyFunctionsAndArguments) {
  const auto out = goro::make_chan<int>();
  goro::go([out, p = std::make_unique<int>(40)](std::unique_ptr<int> q) { out.send(*p + *q); },
           std::make_unique<int>(2));
  EXPECT_EQ(out.recv(), 42);
}

TEST_F(Go, TakesPointersToMembers) {
  struct adder {
    goro::chan<int> out = goro::make_chan<int>();
    void add(int a, int b) { out.send(a + b); }
  } sum;
  goro::go(&adder::add, &sum, 40, 2);
  EXPECT_EQ(sum.out.recv(), 42);
}

TEST_F(Go, KeepsALargeClosureWhole) {
  struct large {
    unsigned char bytes[4096];
  } block{};
  for (std::size_t i = 0; i != sizeof block.bytes; ++i) block.bytes[i] = static_cast<unsigned char>(i * 7);
  const auto ok = goro::make_chan<bool>();
  goro::go([ok, block] {
    bool same = true;
    for (std::size_t i = 0; i != sizeof block.bytes; ++i)
      same &= block.bytes[i] == static_cast<unsigned char>(i * 7);
    ok.send(same);
  });
  EXPECT_EQ(ok.recv(), true);
}

TEST_F(Go, KeepsAnOverAlignedClosureAligned) {
  struct alignas(64) wide {
    int value = 1;
  };
  const auto ok = goro::make_chan<bool>();
  goro::go([ok, w = wide{}] { ok.send(reinterpret_cast<std::uintptr_t>(&w) % 64 == 0 && w.value == 1); });
  EXPECT_EQ(ok.recv(), true);
}

TEST_F(Go, DestroysTheClosureOnceWhenTheGoroutineEnds) {
  std::weak_ptr<int> watch;
  {
    auto held = std::make_shared<int>(1);
    watch = held;
    goro::go([held = std::move(held)] { goro::yield(); });
  }
  EXPECT_TRUE(eventually([&] { return watch.expired(); }));
}

TEST_F(Go, HonoursAStackSizeOfItsOwn) {
  const auto done = goro::make_chan<int>();
  goro::go({.name = "large", .stack_size = 4u << 20}, [done] {
    // 3 MiB: far beyond the default of 256 KiB.
    volatile char frame[3u << 20];
    for (std::size_t i = 0; i < sizeof frame; i += 4096) frame[i] = static_cast<char>(i >> 12);
    int sum = 0;
    for (std::size_t i = 0; i < sizeof frame; i += 4096) sum += frame[i] == static_cast<char>(i >> 12);
    done.send(sum);
  });
  EXPECT_EQ(done.recv(), 768);
}

TEST_F(Go, AddressOfALocalStaysGoodWhileItsGoroutineIsParked) {
  const auto lend = goro::make_chan<int*>();
  const auto back = goro::make_chan<int>();
  const auto out = goro::make_chan<int>();
  goro::go([=] {
    int local = 1;
    lend.send(&local);
    (void)back.recv();
    out.send(local);
  });
  int* const p = lend.recv().value();
  on_goroutine([] {
    for (int i = 0; i != 100; ++i) goro::yield();
  });
  *p = 42;
  back.send(0);
  EXPECT_EQ(out.recv(), 42);
}

TEST_F(Go, SC33_EmptyFunctionIsRefusedAtTheCall) {
  try {
    goro::go(std::function<void()>{});
    FAIL() << "go took an empty std::function";
  } catch (const std::invalid_argument& e) {
    EXPECT_NE(std::string(e.what()).find("goro: go"), std::string::npos) << e.what();
  }
  on_goroutine([] { EXPECT_THROW(goro::go(std::function<void()>{}), std::invalid_argument); });
  EXPECT_THROW(goro::go({.name = "empty"}, std::function<void()>{}), std::invalid_argument);
}

TEST_F(Go, SC33_NullFunctionPointerIsRefusedAtTheCall) {
  void (*none)() = nullptr;
  EXPECT_THROW(goro::go(none), std::invalid_argument);
}

TEST_F(Go, IdIsZeroInAPlainThreadAndUniqueInGoroutines) {
  EXPECT_EQ(goro::goroutine_id(), 0u);
  constexpr int n = 1000;
  const auto ids = goro::make_chan<std::uint64_t>(n);
  for (int i = 0; i != n; ++i) {
    goro::go([ids] {
      const std::uint64_t first = goro::goroutine_id();
      goro::yield();
      EXPECT_EQ(goro::goroutine_id(), first);
      ids.send(first);
    });
  }
  std::set<std::uint64_t> seen;
  for (int i = 0; i != n; ++i) seen.insert(ids.recv().value());
  EXPECT_EQ(seen.size(), static_cast<std::size_t>(n));
  EXPECT_EQ(seen.count(0), 0u);
}

TEST_F(Go, SC11_NumGoroutineCountsTheCallerAndDaemonsToo) {
  constexpr int n = 10;
  const auto arrived = goro::make_chan<int>();
  const auto leave = goro::make_chan<int>();
  for (int i = 0; i != n; ++i) {
    goro::go({.daemon = i == 0}, [=] {
      arrived.send(i);
      (void)leave.recv();
    });
  }
  for (int i = 0; i != n; ++i) (void)arrived.recv();
  EXPECT_EQ(goro::num_goroutine(), before_ + n);
  on_goroutine([&] { EXPECT_EQ(goro::num_goroutine(), before_ + n + 1); });
  leave.close();
}

TEST_F(Go, SC34_RuntimeHelpersAreNotCounted) {
  // Timers, blocking calls and a change of P all use the runtime's own threads.
  goro::sleep_for(std::chrono::milliseconds(1));
  on_goroutine([] { goro::blocking([] { std::this_thread::sleep_for(std::chrono::milliseconds(2)); }); });
  { const goro_test::procs_for_now p(goro::max_procs() + 1); }
  EXPECT_TRUE(eventually([&] { return goro::num_goroutine() == before_; }));
  on_goroutine([&] { EXPECT_EQ(goro::num_goroutine(), before_ + 1); });
}

TEST_F(Go, WorksFromSeveralPlainThreadsAtOnce) {
  constexpr int threads = 4;
  constexpr int each = 500;
  const auto out = goro::make_chan<int>(16);
  std::vector<std::thread> all;
  for (int t = 0; t != threads; ++t)
    all.emplace_back([out] {
      for (int i = 0; i != each; ++i) goro::go([out, i] { out.send(i); });
    });
  std::int64_t sum = 0;
  for (int i = 0; i != threads * each; ++i) sum += out.recv().value();
  for (std::thread& t : all) t.join();
  EXPECT_EQ(sum, std::int64_t{threads} * each * (each - 1) / 2);
}

TEST_F(Go, YieldFromAPlainThreadReturns) {
  for (int i = 0; i != 100; ++i) goro::yield();
}

TEST_F(Go, RunGivesTheIntOfItsFunctionAndZeroForVoid) {
  EXPECT_EQ(goro::run([] { return 7; }), 7);
  EXPECT_EQ(goro::run([] {}), 0);
  EXPECT_EQ(goro::run([] {
              EXPECT_NE(goro::goroutine_id(), 0u);
              goro::sleep_for(std::chrono::milliseconds(1));
              return 0;
            }),
            0);
}

TEST_F(Go, ASecondRunAtTheSameTimeIsRefused) {
  EXPECT_EQ(goro::run([] {
              EXPECT_THROW(goro::run([] {}), std::logic_error);
              return 3;
            }),
            3);
  EXPECT_EQ(goro::run([] { return 4; }), 4);
}

}  // namespace
