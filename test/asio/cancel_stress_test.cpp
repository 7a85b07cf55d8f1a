// SPDX-License-Identifier: MIT
#include "asio/fixture.hpp"

#include <atomic>
#include <cstring>
#include <vector>

namespace {

using namespace goro_test;

class AsioCancelStress : public AtProcs {
 protected:
  void TearDown() override {
    goro::leak::verify_none();
    AtProcs::TearDown();
  }
};
GORO_AT_PROCS(AsioCancelStress);

// Each byte is read once, by a read that succeeded or by one that was cancelled after it had it.
TEST_P(AsioCancelStress, AS15_CancelledAndCompletedAtTheSameMoment) {
  goro::asio_runner io(3);
  const int rounds = scaled(500);
  std::atomic<int> cancelled{0};
  std::atomic<int> completed{0};
  goro::scope all;
  for (int pair = 0; pair != 4; ++pair)
    all.go([&, pair] {
      auto ends = connection(io.context());
      auto& in = ends.first;
      auto& out = ends.second;
      std::size_t sent = 0;
      std::size_t got = 0;
      for (int i = 0; i != rounds; ++i) {
        const auto [ctx, cancel] = goro::with_cancel(goro::background());
        goro::wait_group helpers;
        helpers.go([&, &cancel = cancel] {
          for (int wait = (i + pair) % 8; wait > 0; --wait) goro::yield();
          cancel();
        });
        helpers.go([&] {
          if (i % 2 == 0) goro::yield();
          // A byte at a time, so that the read is made of several, each of which fills the slot anew.
          for (int byte = 0; byte != 4; ++byte)
            sent += asio::async_write(out, asio::buffer("x", 1), use_goroutine);
        });
        char buffer[4];
        error_code ec;
        const std::size_t n = i % 2 == 0 ? asio::async_read(in, asio::buffer(buffer), use_goroutine(ctx)[ec])
                                         : in.async_read_some(asio::buffer(buffer), use_goroutine(ctx)[ec]);
        got += n;
        if (ec) {
          ASSERT_EQ(std::error_code(ec), goro::errc::canceled);
          ++cancelled;
        } else {
          ++completed;
        }
        helpers.wait();
        while (got < sent) got += in.async_read_some(asio::buffer(buffer), use_goroutine);
        ASSERT_EQ(got, sent);
      }
    });
  all.wait();
  EXPECT_EQ(cancelled + completed, 4 * rounds);
}

// The object goes as soon as the call has returned: an emission that came later would touch it.
TEST_P(AsioCancelStress, AS15_TheObjectGoesRightAfter) {
  goro::asio_runner io(3);
  goro::scope all;
  for (int n = 0; n != 4; ++n)
    all.go([&, n] {
      for (int i = 0; i != scaled(1'000); ++i) {
        const auto [ctx, cancel] =
            goro::with_timeout(goro::background(), std::chrono::microseconds((i + n) % 50));
        auto timer = std::make_unique<asio::steady_timer>(io.context(), std::chrono::microseconds(i % 50));
        error_code ec;
        timer->async_wait(use_goroutine(ctx)[ec]);
        if (ec) {
          ASSERT_EQ(std::error_code(ec), goro::errc::deadline_exceeded);
        }
      }
    });
  all.wait();
}

TEST_P(AsioCancelStress, AS16_PlainThreadsToo) {
  goro::asio_runner io(2);
  std::vector<std::thread> threads;
  for (int n = 0; n != 2; ++n)
    threads.emplace_back([&] {
      for (int i = 0; i != scaled(500); ++i) {
        const auto [ctx, cancel] = goro::with_cancel(goro::background());
        asio::steady_timer timer(io.context(), std::chrono::microseconds(i % 30));
        goro::wait_group helper;
        helper.go([&cancel = cancel] { cancel(); });
        error_code ec;
        timer.async_wait(use_goroutine(ctx)[ec]);
        helper.wait();
      }
    });
  for (std::thread& t : threads) t.join();
}

TEST_P(AsioCancelStress, AS07_CompletedOnOtherThreadsBeforeThePark) {
  goro::asio_runner io(4);
  std::atomic<int> done{0};
  goro::scope all;
  const int rounds = scaled(2'000);
  for (int n = 0; n != 4; ++n)
    all.go([&] {
      for (int i = 0; i != rounds; ++i) {
        asio::post(io.context(), use_goroutine);
        ++done;
      }
    });
  all.wait();
  EXPECT_EQ(done, 4 * rounds);
}

}  // namespace
