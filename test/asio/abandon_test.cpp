// SPDX-License-Identifier: MIT
#include "asio/fixture.hpp"

#include <boost/asio/as_tuple.hpp>

#include <memory>
#include <optional>
#include <vector>

namespace {

using namespace goro_test;

class AsioAbandon : public AsioTest {};

// Waits on a timer that goes before its io_context does, so that nothing else is touched after that.
template <class Token>
void wait_on(asio::steady_timer* timer, Token token) {
  EXPECT_THROW(
      {
        try {
          timer->async_wait(token);
        } catch (const std::exception& e) {
          EXPECT_NE(std::string(e.what()).find("abandoned"), std::string::npos) << e.what();
          throw;
        }
      },
      goro::asio_abandoned);
}

TEST_F(AsioAbandon, AS20_TheIoContextGoes) {
  auto io = std::make_unique<asio::io_context>();
  std::vector<asio::steady_timer> timers;
  for (int i = 0; i != 5; ++i) timers.emplace_back(*io, asio::steady_timer::time_point::max());
  const auto [ctx, cancel] = goro::with_cancel(goro::background());
  goro::wait_group all;
  all.go([&] { wait_on(&timers[0], use_goroutine); });
  all.go([&, &ctx = ctx] { wait_on(&timers[1], use_goroutine(ctx)); });
  all.go([&] { wait_on(&timers[2], use_goroutine(goro::background())); });
  all.go([&] { wait_on(&timers[3], asio::as_tuple(use_goroutine)); });
  error_code ec;
  all.go([&] { wait_on(&timers[4], use_goroutine[ec]); });
  ASSERT_TRUE(eventually([] { return waiting() == 5; }));
  timers.clear();  // their operations are completions now, which nobody runs
  io.reset();
  all.wait();
}

TEST_F(AsioAbandon, AS20_TheIoContextGoesUnderAThread) {
  auto io = std::make_unique<asio::io_context>();
  auto timer = std::make_unique<asio::steady_timer>(*io, asio::steady_timer::time_point::max());
  std::atomic<bool> starting{false};
  std::thread waits([&] {
    starting = true;
    wait_on(timer.get(), use_goroutine(goro::with_cancel(goro::background()).first));
  });
  ASSERT_TRUE(eventually([&] { return starting.load() && goro::detail::idle.in_flight.load() == 1; }));
  timer.reset();
  io.reset();
  waits.join();
}

TEST_F(AsioAbandon, AS21_CancelledWhileNothingRunsAndThenAbandoned) {
  auto io = std::make_unique<asio::io_context>();
  auto timer = std::make_unique<asio::steady_timer>(*io, asio::steady_timer::time_point::max());
  const auto [ctx, cancel] = goro::with_cancel(goro::background());
  goro::wait_group all;
  all.go([&, &ctx = ctx] { wait_on(timer.get(), use_goroutine(ctx)); });
  ASSERT_TRUE(eventually([] { return waiting() == 1; }));
  const auto before = goro::detail::counters().switches;
  cancel();
  // It has run, put its request into the strand's queue, and waits again.
  ASSERT_TRUE(eventually([before] { return goro::detail::counters().switches > before && waiting() == 1; }));
  (void)goro::goroutines();  // looks at stacks of those that wait, and so comes after what they did
  timer.reset();
  io.reset();
  all.wait();
}

TEST_F(AsioAbandon, AS21_CancelledWhileTheIoContextGoes) {
  // Asio does not allow that an io_context is asked while it is destroyed, and this does so now and then. Nothing of
  // goro's is to hang or to crash for it; what races then, and what TSan sees, is Asio's queue of the strand.
  if (goro_test::under_tsan) GTEST_SKIP() << "races in Asio's own queue, as it says it would";
  for (int i = 0; i != scaled(500); ++i) {
    auto io = std::make_unique<asio::io_context>();
    auto timer = std::make_unique<asio::steady_timer>(*io, asio::steady_timer::time_point::max());
    const auto [ctx, cancel] = goro::with_cancel(goro::background());
    goro::wait_group all;
    all.go([&, &ctx = ctx] { wait_on(timer.get(), use_goroutine(ctx)); });
    ASSERT_TRUE(eventually([] { return waiting() == 1; }));
    all.go([&, &cancel = cancel] { cancel(); });
    timer.reset();
    io.reset();
    all.wait();
  }
}

TEST_F(AsioAbandon, AS22_AHandlerThatIsDropped) {
  from_both([] {
    EXPECT_THROW((initiate<void(int)>([](auto) {}, use_goroutine)), goro::asio_abandoned);
    const auto with = use_goroutine(goro::with_cancel(goro::background()).first);
    EXPECT_THROW((initiate<void(int)>([](auto) {}, with)), goro::asio_abandoned);
  });
}

TEST_F(AsioAbandon, AS22_ARunnerThatEnds) {
  std::optional<goro::asio_runner> io(std::in_place, 2);
  std::optional<asio::steady_timer> timer(std::in_place, io->context(),
                                          asio::steady_timer::time_point::max());
  goro::wait_group all;
  all.go([&] { wait_on(&*timer, use_goroutine); });
  ASSERT_TRUE(eventually([] { return waiting() == 1; }));
  io->context().stop();
  io->join();
  timer.reset();
  io.reset();
  all.wait();
}

}  // namespace
