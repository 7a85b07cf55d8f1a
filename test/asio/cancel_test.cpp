// SPDX-License-Identifier: MIT
#include "asio/fixture.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <atomic>
#include <memory>
#include <tuple>

namespace {

using namespace goro_test;

class AsioCancel : public AsioTest {
 protected:
  asio::steady_timer never() {
    return asio::steady_timer(io_.context(), asio::steady_timer::time_point::max());
  }
  goro::asio_runner io_{2};
};

const auto canceled = make_error_code(goro::errc::canceled);

TEST_F(AsioCancel, AS10_TheContextEndsTheOperation) {
  from_both([this] {
    auto [left, right] = connection(io_.context());
    const auto [ctx, cancel] = goro::with_cancel(goro::background());
    std::atomic<bool> ended{false};
    goro::scope s;
    s.go([&, &in = left, &ctx = ctx] {
      char buffer[8];
      EXPECT_EQ(std::error_code(
                    code_of_failure([&] { in.async_read_some(asio::buffer(buffer), use_goroutine(ctx)); })),
                canceled);
      ended = true;
      // The socket is whole.
      EXPECT_EQ(in.async_read_some(asio::buffer(buffer), use_goroutine), 2u);
    });
    ASSERT_TRUE(eventually([] { return waiting() == 1; }));
    cancel();
    ASSERT_TRUE(eventually([&] { return ended.load(); }));
    asio::async_write(right, asio::buffer("ok", 2), use_goroutine);
    s.wait();
  });
}

TEST_F(AsioCancel, AS10_ADeadlineSaysSo) {
  from_both([this] {
    auto timer = never();
    const auto [ctx, cancel] = goro::with_timeout(goro::background(), 2ms);
    try {
      timer.async_wait(use_goroutine(ctx));
      FAIL() << "it was not to end";
    } catch (const system_error& e) {
      EXPECT_EQ(std::error_code(e.code()), goro::errc::deadline_exceeded);
      EXPECT_EQ(std::error_code(e.code()), std::errc::timed_out);
      EXPECT_NE(std::string(e.what()).find("deadline"), std::string::npos) << e.what();
    }
  });
}

TEST_F(AsioCancel, AS11_AComposedOperationKeepsWhatItHas) {
  from_both([this] {
    auto [left, right] = connection(io_.context());
    const auto [ctx, cancel] = goro::with_cancel(goro::background());
    goro::scope s;
    s.go([&, &in = left, &ctx = ctx] {
      char buffer[100];
      error_code ec;
      EXPECT_EQ(asio::async_read(in, asio::buffer(buffer), use_goroutine(ctx)[ec]), 4u);
      EXPECT_EQ(std::error_code(ec), canceled);
    });
    asio::async_write(right, asio::buffer("four", 4), use_goroutine);
    ASSERT_TRUE(eventually([] { return waiting() == 1; }));
    ASSERT_TRUE(eventually([&, &in = left] { return in.available() == 0; }));
    cancel();
    s.wait();
  });
}

TEST_F(AsioCancel, AS12_ADoneContextStartsNothing) {
  from_both([this] {
    const auto [ctx, cancel] = goro::with_cancel(goro::background());
    cancel();
    auto timer = never();
    timer.expires_after(-1s);  // would be ready at once
    const auto with = use_goroutine(ctx);
    EXPECT_EQ(std::error_code(code_of_failure([&] { timer.async_wait(with); })), canceled);
    error_code ec;
    timer.async_wait(with[ec]);
    EXPECT_EQ(std::error_code(ec), canceled);
    timer.async_wait(use_goroutine[ec](ctx));
    EXPECT_EQ(std::error_code(ec), canceled);
    const auto [code] = timer.async_wait(asio::as_tuple(with));
    EXPECT_EQ(std::error_code(code), canceled);
    EXPECT_EQ(std::error_code(code_of_failure([&] { asio::post(io_.context(), with); })), canceled);
    EXPECT_EQ(std::error_code(code_of_failure([&] {
                asio::co_spawn(
                    io_.context(), []() -> asio::awaitable<void> { co_return; }, with);
              })),
              canceled);
  });
}

TEST_F(AsioCancel, AS13_AdaptersKnowWhereToCancel) {
  const auto strand = asio::make_strand(io_.context());
  const auto [ctx, cancel] = goro::with_cancel(goro::background());
  goro::scope s;
  s.go([&, &ctx = ctx] {
    auto timer = never();
    const auto [code] = timer.async_wait(asio::as_tuple(use_goroutine(ctx)));
    EXPECT_EQ(std::error_code(code), canceled);
  });
  s.go([&, &ctx = ctx] {
    auto timer = never();
    error_code code;
    timer.async_wait(asio::redirect_error(use_goroutine(ctx), code));
    EXPECT_EQ(code, asio::error::operation_aborted);
  });
  s.go([&, &ctx = ctx] {
    auto timer = never();
    EXPECT_EQ(std::error_code(code_of_failure(
                  [&] { timer.async_wait(asio::bind_executor(strand, use_goroutine(ctx))); })),
              canceled);
  });
  // Its exception is held in the runner's thread, too, and TSan does not see libstdc++'s count of the holders.
  if (!goro_test::under_tsan) s.go([&, &ctx = ctx] {
    EXPECT_EQ(std::error_code(code_of_failure([&] {
                asio::co_spawn(
                    io_.context(),
                    [&]() -> asio::awaitable<void> {
                      auto timer = never();
                      co_await timer.async_wait(asio::use_awaitable);
                    },
                    use_goroutine(ctx));
              })),
              canceled);
  });
  s.go([&, &ctx = ctx] {  // no executor to be found: the signal is emitted here
    bool emitted = false;
    initiate<void(error_code)>(
        [&](auto handler) {
          auto shared = std::make_shared<decltype(handler)>(std::move(handler));
          auto slot = asio::get_associated_cancellation_slot(*shared);
          slot.assign([&emitted, shared](asio::cancellation_type) mutable {
            emitted = true;
            auto own = std::move(*shared);
            own(error_code());
          });
        },
        use_goroutine(ctx));
    EXPECT_TRUE(emitted);
  });
  ASSERT_TRUE(eventually([] { return waiting() == (goro_test::under_tsan ? 4 : 5); }));
  cancel();
  s.wait();
}

TEST_F(AsioCancel, AS14_AResultThatCameAllTheSameIsKept) {
  from_both([this] {
    const auto [ctx, cancel] = goro::with_cancel(goro::background());
    const int got = initiate<void(error_code, int)>(
        [&, &cancel = cancel](auto handler) {
          cancel();
          asio::post(io_.context(), [handler = std::move(handler)]() mutable { handler(error_code(), 5); });
        },
        use_goroutine(ctx));
    EXPECT_EQ(got, 5);
  });
}

TEST_F(AsioCancel, AS14_AContextThatCannotBeDone) {
  from_both([this] {
    asio::steady_timer timer(io_.context(), 1ms);
    timer.async_wait(use_goroutine(goro::background()));
    timer.async_wait(use_goroutine(goro::context()));
  });
}

}  // namespace
