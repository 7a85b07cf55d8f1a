// SPDX-License-Identifier: MIT
// goro's context is one class, so a foreign context is a std::stop_token: CX22 and CX23 in goro's form.
#include "context/fixture.hpp"

#include <atomic>
#include <chrono>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>

namespace {

using namespace std::chrono_literals;
using goro::context;
using goro_test::is_closed;
using goro_test::is_open;
using goro_test::reason;
using goro_test::text_of;

class StopToken : public goro_test::ContextTest {};

TEST_F(StopToken, CX22_AForeignTokenEndsAContextWithoutAGoroutine) {
  std::stop_source source;
  const std::size_t before = goro::num_goroutine();
  const context ctx = goro::with_stop_token(goro::background(), source.get_token());
  const auto [child, cancel] = goro::with_cancel(ctx);
  EXPECT_EQ(goro::num_goroutine(), before);
  EXPECT_TRUE(is_open(ctx.done()));
  EXPECT_EQ(to_string(ctx), "background.with_stop_token");
  std::thread([&] { source.request_stop(); }).join();
  EXPECT_EQ(ctx.err(), goro::errc::canceled);
  EXPECT_TRUE(is_closed(ctx.done()));
  EXPECT_EQ(child.err(), goro::errc::canceled);
}

TEST_F(StopToken, CX22_ATokenThatIsStoppedAlreadyAndOneThatNeverCanBe) {
  std::stop_source source;
  source.request_stop();
  const auto [parent, cancel] = goro::with_cancel_cause(goro::background());
  const context born = goro::with_stop_token(parent, source.get_token());
  EXPECT_EQ(born.err(), goro::errc::canceled);
  EXPECT_EQ(parent.children(), 0u);
  const context never = goro::with_stop_token(parent, std::stop_token());
  EXPECT_FALSE(never.err());
  EXPECT_EQ(parent.children(), 1u);
  cancel(reason("parent"));
  EXPECT_EQ(text_of(never.cause()), "parent");
}

// Tells when the registration with the foreign token ends: a callback holds nothing that could be asked, so the
// token's own state is watched by a second registration made after it.
TEST_F(StopToken, CX22_TheRegistrationEndsWithTheContext) {
  for (const bool by_cancel : {true, false}) {
    std::stop_source source;
    const auto [parent, cancel] = goro::with_cancel(goro::background());
    std::optional<context> ctx = goro::with_stop_token(parent, source.get_token());
    if (by_cancel) {
      cancel();
      EXPECT_EQ(ctx->err(), goro::errc::canceled);
    } else {
      ctx.reset();
      EXPECT_EQ(parent.children(), 0u);
    }
    // Left registered, this would touch what is freed (asan), or end what is done.
    source.request_stop();
    EXPECT_EQ(parent.err(), by_cancel ? std::error_code(goro::errc::canceled) : std::error_code());
  }
}

TEST_F(StopToken, CX23_CausesPassThroughAContextWhoseEndIsForeign) {
  std::stop_source source;
  const auto [parent, cancel] = goro::with_cancel_cause(goro::background());
  const context foreign = goro::with_stop_token(parent, source.get_token());
  const auto [child, cancel_child] = goro::with_cancel_cause(foreign);
  const auto [other, cancel_other] = goro::with_cancel_cause(foreign);
  cancel_child(reason("child"));
  cancel(reason("parent"));
  source.request_stop();
  EXPECT_EQ(text_of(child.cause()), "child");
  EXPECT_EQ(text_of(foreign.cause()), "parent");
  EXPECT_EQ(text_of(other.cause()), "parent");
}

TEST_F(StopToken, ATokenFollowsItsContext) {
  const auto [ctx, cancel] = goro::with_cancel(goro::background());
  const std::stop_token token = goro::to_stop_token(ctx);
  EXPECT_TRUE(token.stop_possible());
  EXPECT_FALSE(token.stop_requested());
  EXPECT_EQ(goro::to_stop_token(ctx), token);
  int told = 0;
  const std::stop_callback callback(token, [&, ctx = ctx] {
    EXPECT_TRUE(ctx.err());
    ++told;
  });
  const auto [child, cancel_child] = goro::with_cancel(ctx);
  const std::stop_token below = goro::to_stop_token(child);
  const std::stop_callback callback_below(below, [&, child = child] {
    EXPECT_TRUE(child.err());
    ++told;
  });
  cancel();
  EXPECT_EQ(told, 2);  // in the cancelling thread, before cancel() has returned
  EXPECT_TRUE(token.stop_requested());
  EXPECT_TRUE(goro::to_stop_token(ctx).stop_requested());
  const context late = goro::with_cancel(ctx).first;
  EXPECT_TRUE(goro::to_stop_token(late).stop_requested());
}

TEST_F(StopToken, ATokenOfADeadlineIsStoppedInAGoroutine) {
  // A deadline that is over before the call-back is there runs it here, in this plain thread: once more, then.
  std::uint64_t in = 0;
  for (auto limit = 2ms; in == 0 && limit < 2s; limit *= 8) {
    const auto [ctx, cancel] = goro::with_timeout(goro::background(), limit);
    const auto told = goro::make_chan<std::uint64_t>(1);
    const std::stop_callback callback(goro::to_stop_token(ctx), [told] {
      goro::sleep_for(1ms);  // it may wait: it is not on the scheduler's stack
      told.send(goro::goroutine_id());
    });
    in = *told.recv();
  }
  EXPECT_NE(in, 0u);
}

TEST_F(StopToken, ACallBackMayCancelAndLetGo) {
  auto [ctx, cancel] = goro::with_cancel(goro::background());
  std::optional<context> held = std::move(ctx);
  std::optional<goro::cancel_func> function = std::move(cancel);
  const std::stop_token token = goro::to_stop_token(*held);
  const std::stop_callback callback(token, [&] {
    (*function)();
    held.reset();
    function.reset();
  });
  (*function)();
  EXPECT_FALSE(held.has_value());
}

TEST_F(StopToken, ThereAndBackAgain) {
  const auto [ctx, cancel] = goro::with_cancel(goro::background());
  const context back = goro::with_stop_token(goro::background(), goro::to_stop_token(ctx));
  EXPECT_FALSE(back.err());
  cancel();
  EXPECT_EQ(back.err(), goro::errc::canceled);
}

TEST_F(StopToken, NoTokenWhereNothingCanStop) {
  EXPECT_FALSE(goro::to_stop_token(goro::background()).stop_possible());
  EXPECT_FALSE(goro::to_stop_token(context()).stop_possible());
  std::stop_token orphan;
  {
    const auto [ctx, cancel] = goro::with_cancel(goro::background());
    orphan = goro::to_stop_token(ctx);
    EXPECT_TRUE(orphan.stop_possible());
  }
  EXPECT_FALSE(orphan.stop_possible());
}

TEST_F(StopToken, AJthreadEndsWithAContext) {
  const auto [ctx, cancel] = goro::with_cancel(goro::background());
  std::atomic<bool> ended{false};
  std::thread worker([token = goro::to_stop_token(ctx), &ended] {
    while (!token.stop_requested()) std::this_thread::yield();
    ended = true;
  });
  cancel();
  worker.join();
  EXPECT_TRUE(ended);
}

}  // namespace
