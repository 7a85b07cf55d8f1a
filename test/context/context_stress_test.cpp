// SPDX-License-Identifier: MIT
#include "context/fixture.hpp"

#include <atomic>
#include <chrono>
#include <random>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace std::chrono_literals;
using goro::context;
using goro_test::is_closed;
using goro_test::reason;
using goro_test::scaled;
using goro_test::text_of;

class ContextStress : public goro_test::AtProcs {};
GORO_AT_PROCS(ContextStress);

TEST_P(ContextStress, CX08_ManyDeepTreesCancelledFromEverywhereAtOnce) {
  const int trees = scaled(20);
  constexpr int depth = 100;
  const auto [root, cancel_root] = goro::with_cancel(goro::background());
  goro::wait_group ended;
  std::atomic<int> done{0};
  std::vector<std::thread> threads;
  for (int t = 0; t != trees; ++t) {
    context ctx = root;
    for (int i = 0; i != depth; ++i) {
      const auto [next, cancel] = goro::with_cancel(ctx);
      ended.go([cancel = cancel] { cancel(); });
      ended.go([next = next, &done, i] {
        if (i % 2 == 0)
          (void)next.done().recv();
        else
          EXPECT_EQ(goro::sleep_for(1h, next), goro::errc::canceled);
        EXPECT_EQ(next.err(), goro::errc::canceled);
        ++done;
      });
      if (i % 50 == 7) threads.emplace_back([next = next] { (void)next.done().recv(); });
      ctx = next;
    }
  }
  cancel_root();
  ended.wait();
  for (std::thread& t : threads) t.join();
  EXPECT_EQ(done, trees * depth);
  EXPECT_EQ(root.children(), 0u);
}

TEST_P(ContextStress, CX09_AChildThatIsCancelledWhenItsParentIsDone) {
  const int rounds = scaled(2'000);
  goro::async([rounds] {
    for (int i = 0; i != rounds; ++i) {
      const auto [parent, cancel_parent] = goro::with_cancel(goro::background());
      const auto [child, cancel_child] = goro::with_cancel(parent);
      goro::wait_group ended;
      ended.go([&, parent = parent, cancel_child = cancel_child] {
        (void)parent.done().recv();
        cancel_child();
      });
      ended.go([cancel_parent = cancel_parent] { cancel_parent(); });
      ended.go([cancel_parent = cancel_parent] { cancel_parent(); });
      (void)child.done().recv();
      ASSERT_EQ(parent.err(), goro::errc::canceled);
      ended.wait();
      ASSERT_EQ(parent.children(), 0u);
    }
  }).get();
}

const goro::context_key<int> keys[4];

// Layers of every kind, ended in a random order.
void layers(std::uint32_t seed, bool time_outs) {
  std::minstd_rand dice(seed);
  constexpr int count = 30;
  std::vector<std::pair<goro::context_key<int>, int>> values;
  std::vector<goro::cancel_func> functions;
  std::vector<context> below;
  const auto [root, cancel_root] = goro::with_cancel(goro::background());
  context ctx = root;
  int timers = 0;
  for (int i = 0; i != count; ++i) {
    switch (dice() % 3) {
      case 0: {
        const goro::context_key<int> key;
        ctx = goro::with_value(ctx, key, i);
        values.emplace_back(key, i);
        break;
      }
      case 1: {
        const auto [next, cancel] = goro::with_cancel(ctx);
        functions.push_back(cancel);
        ctx = next;
        break;
      }
      default: {
        const auto [next, cancel] =
            goro::with_timeout(ctx, time_outs ? std::chrono::microseconds(200 + dice() % 1000)
                                              : std::chrono::microseconds(3'600'000'000));
        functions.push_back(cancel);
        ctx = next;
        ++timers;
      }
    }
    below.push_back(ctx);
  }
  const auto check_values = [&] {
    for (const auto& [key, value] : values) {
      const int* const found = ctx.value(key);
      ASSERT_NE(found, nullptr);
      ASSERT_EQ(*found, value);
    }
  };
  check_values();
  if (time_outs && timers != 0) {
    (void)ctx.done().recv();
    ASSERT_EQ(ctx.err(), goro::errc::deadline_exceeded);
  } else if (!functions.empty()) {
    functions[dice() % functions.size()]();
    ASSERT_EQ(ctx.err(), goro::errc::canceled);
    ASSERT_TRUE(is_closed(ctx.done()));
  }
  check_values();
  while (!functions.empty()) {
    const std::size_t i = dice() % functions.size();
    functions[i]();
    functions.erase(functions.begin() + static_cast<std::ptrdiff_t>(i));
  }
  ASSERT_FALSE(root.err());
  ASSERT_EQ(root.children(), 0u);
  for (const context& c : below) ASSERT_EQ(c.children(), 0u);
}

TEST_P(ContextStress, CX10_RandomLayersCancelled) {
  goro::wait_group all;
  const auto seed = static_cast<std::uint32_t>(goro_test::seed());
  for (int g = 0; g != 8; ++g)
    all.go([g, seed, rounds = scaled(100)] {
      for (int i = 0; i != rounds; ++i) layers(seed + static_cast<std::uint32_t>(g * 1000 + i), false);
    });
  all.wait();
}

TEST_P(ContextStress, CX10_RandomLayersTimedOut) {
  goro::wait_group all;
  const auto seed = static_cast<std::uint32_t>(goro_test::seed());
  for (int g = 0; g != 16; ++g)
    all.go([g, seed, rounds = scaled(30)] {
      for (int i = 0; i != rounds; ++i) layers(seed + static_cast<std::uint32_t>(g * 1000 + i), true);
    });
  all.wait();
}

TEST_P(ContextStress, CX16_APolledCauseIsNoneOrTheRightOne) {
  const int rounds = scaled(1'000);
  for (int i = 0; i != rounds; ++i) {
    const auto [ctx, cancel] = goro::with_cancel_cause(goro::background());
    const auto [child, cancel_child] = goro::with_timeout(ctx, 1h);
    const std::exception_ptr why = reason("the one");
    goro::wait_group ended;
    ended.go([&, cancel = cancel] { cancel(why); });
    for (const context& c : {ctx, child})
      ended.go([&, c] {
        for (;;) {
          const std::exception_ptr seen = c.cause();
          if (seen == nullptr) {
            goro::yield();
            continue;
          }
          ASSERT_EQ(seen, why);
          ASSERT_EQ(c.err(), goro::errc::canceled);
          return;
        }
      });
    ended.wait();
  }
}

// Children come and go, cancelled and let go of, while the parent is cancelled.
TEST_P(ContextStress, ChildrenComeAndGoBesideTheParentsEnd) {
  const int rounds = scaled(300);
  for (int i = 0; i != rounds; ++i) {
    const auto [parent, cancel] = goro::with_cancel(goro::background());
    goro::wait_group ended;
    std::atomic<int> late{0};
    for (int g = 0; g != 4; ++g)
      ended.go([&, g, parent = parent] {
        for (int n = 0; n != 20; ++n) {
          const auto [child, cancel_child] =
              g == 3 ? goro::with_timeout(parent, std::chrono::microseconds(n * 10))
                     : goro::with_cancel(parent);
          const context value = goro::with_value(child, keys[g], n);
          if (n % 3 == 0) cancel_child();
          if (n % 5 == 0) goro::yield();
          if (parent.err() && g != 3) {
            (void)child.done().recv();  // linked or not: it is told
            ++late;
          }
        }
      });
    ended.go([cancel = cancel] { cancel(); });
    ended.wait();
    ASSERT_EQ(parent.children(), 0u);
  }
}

TEST_P(ContextStress, StopAndTheEndAtTheSameMomentRunItOnceOrNever) {
  const int rounds = scaled(2'000);
  int stopped = 0;
  std::atomic<int> ran{0};
  for (int i = 0; i != rounds; ++i) {
    const auto [ctx, cancel] = goro::with_cancel(goro::background());
    const auto stop = goro::after_func(ctx, [&] { ++ran; });
    goro::wait_group ended;
    ended.go([cancel = cancel] { cancel(); });
    if (i % 2 == 0) goro::yield();
    if (stop()) ++stopped;
    ended.wait();
  }
  EXPECT_TRUE(goro_test::eventually([&] { return ran + stopped == rounds; })) << ran << ' ' << stopped;
}

TEST_P(ContextStress, TokensStopBesideParentsAndOwners) {
  const int rounds = scaled(1'000);
  for (int i = 0; i != rounds; ++i) {
    std::stop_source source;
    const auto [parent, cancel] = goro::with_cancel(goro::background());
    goro::wait_group ended;
    ended.go([&, parent = parent] {
      context ctx = goro::with_stop_token(parent, source.get_token());
      const context child = goro::with_cancel(ctx).first;
      ctx = context();
      if (i % 2 == 0) (void)child.done().recv();
    });
    ended.go([&] { source.request_stop(); });
    if (i % 4 < 2) ended.go([cancel = cancel] { cancel(); });
    ended.wait();
    ASSERT_EQ(parent.children(), 0u);
  }
}

TEST_P(ContextStress, DeadlinesBesideCancelsAndLettingGo) {
  const int rounds = scaled(3'000);
  goro::wait_group all;
  for (int g = 0; g != 4; ++g)
    all.go([g, rounds] {
      for (int i = 0; i != rounds / 4; ++i) {
        const auto [ctx, cancel] = goro::with_timeout(goro::background(), std::chrono::microseconds(i % 50));
        if (g == 0) continue;          // let go while it may be firing
        if (g == 1) (void)ctx.done();  // makes firing start a goroutine
        if (i % 2 == 0) goro::yield();
        if (g == 2) cancel();
        if (g == 3) {
          const auto code = goro::sleep_for(std::chrono::microseconds(i % 50), ctx);
          ASSERT_TRUE(!code || code == goro::errc::deadline_exceeded);
        }
      }
    });
  all.wait();
}

}  // namespace
