// SPDX-License-Identifier: MIT
// Waits that a context and their own event end at the same moment: neither may be lost. What was handed to a
// wait that gives up is not lost either: each item is counted.
#include "context/fixture.hpp"

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

namespace {

using namespace std::chrono_literals;
using goro::context;
using goro::errc;
using goro::op_status;
using goro_test::scaled;

class WaitsStress : public goro_test::AtProcs {};
GORO_AT_PROCS(WaitsStress);

// 100,000 races at each P, of a receive and a send.
TEST_P(WaitsStress, ReceiveAndSendBesideTheCancelLoseNothing) {
  const int rounds = scaled(100'000);
  goro::async([rounds] {
    int received = 0;
    int sent = 0;
    int broken = 0;
    for (int i = 0; i != rounds; ++i) {
      const auto ch = goro::make_chan<int>();
      const auto [ctx, cancel] = goro::with_cancel(goro::background());
      goro::wait_group ended;
      op_status send_status{};
      op_status recv_status{};
      ended.go([&, ctx = ctx] { send_status = ch.send(i, ctx); });
      ended.go([&, ctx = ctx] {
        const auto r = ch.recv(ctx);
        recv_status = r.status;
        ASSERT_TRUE(!r || *r == i);
      });
      if (i % 3 == 0) goro::yield();
      if (i % 8 == 1) {
        ended.go([cancel = cancel] { cancel(); });
      } else {
        cancel();
      }
      ended.wait();
      ASSERT_EQ(send_status, recv_status);  // both have it, or neither
      received += recv_status == op_status::ok;
      sent += send_status == op_status::ok;
      broken += recv_status == op_status::canceled;
    }
    EXPECT_EQ(received, sent);
    EXPECT_EQ(received + broken, rounds);
  }).get();
}

TEST_P(WaitsStress, ABufferedChannelKeepsWhatABrokenReceiveDidNotTake) {
  const int rounds = scaled(6'000);
  goro::async([rounds] {
    const auto ch = goro::make_chan<int>(rounds);
    int taken = 0;
    for (int i = 0; i != rounds; ++i) {
      const auto [ctx, cancel] = goro::with_cancel(goro::background());
      goro::wait_group ended;
      ended.go([&, ctx = ctx] { taken += static_cast<bool>(ch.recv(ctx)); });
      if (i % 2 == 0) goro::yield();
      ended.go([&, i] { ch.send(i); });
      cancel();
      ended.wait();
    }
    EXPECT_EQ(static_cast<int>(ch.len()) + taken, rounds);
  }).get();
}

TEST_P(WaitsStress, SleepEndsByEither) {
  const int rounds = scaled(2'000);
  goro::wait_group all;
  std::atomic<int> slept{0};
  std::atomic<int> broken{0};
  for (int g = 0; g != 4; ++g)
    all.go([&] {
      for (int i = 0; i != rounds / 4; ++i) {
        const auto [ctx, cancel] = goro::with_cancel(goro::background());
        goro::wait_group ended;
        ended.go([&, ctx = ctx] {
          const std::error_code code = goro::sleep_for(std::chrono::microseconds(i % 30), ctx);
          ++(code ? broken : slept);
          ASSERT_TRUE(!code || code == errc::canceled);
        });
        goro::sleep_for(std::chrono::microseconds(i % 30));
        cancel();
        ended.wait();
      }
    });
  all.wait();
  EXPECT_EQ(slept + broken, rounds / 4 * 4);
}

TEST_P(WaitsStress, FutureAndWaitGroupBesideTheCancel) {
  const int rounds = scaled(4'000);
  goro::async([rounds] {
    for (int i = 0; i != rounds; ++i) {
      const auto [ctx, cancel] = goro::with_cancel(goro::background());
      goro::promise<int> promised;
      auto result = promised.get_future();
      goro::wait_group counted;
      counted.add();
      goro::wait_group ended;
      ended.go([&, ctx = ctx] {
        const std::error_code code = result.wait(ctx);
        ASSERT_TRUE(code ? code == errc::canceled : result.ready());
      });
      ended.go([&, ctx = ctx] {
        const std::error_code code = counted.wait(ctx);
        ASSERT_TRUE(!code || code == errc::canceled);
      });
      if (i % 2 == 0) goro::yield();
      ended.go([&] {
        promised.set_value(i);
        counted.done();
      });
      cancel();
      ended.wait();
      counted.wait();
      ASSERT_EQ(result.get(), i);
    }
  }).get();
}

TEST_P(WaitsStress, PlainThreadsAndGoroutinesUnderOneContext) {
  const int rounds = scaled(50);
  for (int i = 0; i != rounds; ++i) {
    const auto [ctx, cancel] = goro::with_cancel(goro::background());
    const auto ch = goro::make_chan<int>(4);
    std::atomic<int> received{0};
    std::atomic<int> sent{0};
    goro::wait_group ended;
    std::vector<std::thread> threads;
    for (int n = 0; n != 2; ++n) {
      const auto receive = [&, ctx = ctx] {
        while (ch.recv(ctx)) ++received;
      };
      const auto send = [&, ctx = ctx] {
        while (ch.send(1, ctx) == op_status::ok) ++sent;
      };
      ended.go(receive);
      ended.go(send);
      threads.emplace_back(receive);
      threads.emplace_back(send);
    }
    goro::sleep_for(std::chrono::microseconds(200));
    cancel();
    ended.wait();
    for (std::thread& t : threads) t.join();
    ASSERT_EQ(received + static_cast<int>(ch.len()), sent);
  }
}

TEST_P(WaitsStress, ManyWaitsUnderOneContextAllEnd) {
  const int waits = scaled(20'000);
  const auto [ctx, cancel] = goro::with_cancel(goro::background());
  const auto ch = goro::make_chan<int>();
  goro::wait_group ended;
  std::atomic<int> broken{0};
  const int count = goro_test::under_tsan && waits > 2'000 ? 2'000 : waits;
  for (int i = 0; i != count; ++i)
    ended.go([&, ctx = ctx] { broken += ch.recv(ctx).status == op_status::canceled; });
  goro::yield();
  cancel();
  ended.wait();
  EXPECT_EQ(broken, count);
}

}  // namespace
