// SPDX-License-Identifier: MIT
// The waits of all rooms that take a context: each says which of the two ended it, and a context that is done
// ends it at once, even if the thing is free.
#include "context/fixture.hpp"

#include "sched/introspect.hpp"

#include <atomic>
#include <chrono>
#include <functional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace std::chrono_literals;
using goro::context;
using goro::errc;
using goro::op_status;
using goro::detail::parked_count;
using goro::detail::wait_reason;
using goro_test::eventually;

class Waits : public goro_test::ContextTest {};

// From a goroutine and from a plain thread.
void from_both(const std::function<void()>& body) {
  goro_test::on_goroutine(body);
  std::thread(body).join();
}

// A way to wait: `free` makes what it waits for come, `wait` says what ended it.
struct way {
  const char* name;
  wait_reason why;
  std::function<std::error_code(const context&)> wait;
  std::function<void()> free;
};

std::error_code code(op_status status, const context& ctx) {
  EXPECT_TRUE(status == op_status::ok || status == op_status::canceled);
  return status == op_status::canceled ? ctx.err() : std::error_code();
}

std::vector<way> ways() {
  std::vector<way> all;
  {
    const auto ch = goro::make_chan<std::string>();
    all.push_back({"recv", wait_reason::chan_receive,
                   [ch](const context& ctx) { return code(ch.recv(ctx).status, ctx); },
                   [ch] { ch.send("v"); }});
    all.push_back(
        {"recv, half", wait_reason::chan_receive,
         [ch](const context& ctx) { return code(goro::recv_chan<std::string>(ch).recv(ctx).status, ctx); },
         [ch] { ch.send("v"); }});
  }
  {
    const auto ch = goro::make_chan<std::string>();
    all.push_back({"send", wait_reason::chan_send,
                   [ch](const context& ctx) {
                     std::string v = "a value that is too long for a small string";
                     const op_status status = ch.send(v, ctx);
                     EXPECT_EQ(v.empty(), status == op_status::ok);
                     return code(status, ctx);
                   },
                   [ch] { (void)ch.recv(); }});
    all.push_back(
        {"send, half", wait_reason::chan_send,
         [ch](const context& ctx) { return code(goro::send_chan<std::string>(ch).send("v", ctx), ctx); },
         [ch] { (void)ch.recv(); }});
  }
  {
    const auto ch = goro::make_chan<int>();
    all.push_back({"select", wait_reason::select,
                   [ch](const context& ctx) {
                     const std::size_t n =
                         goro::select(goro::in_order, goro::recv(ctx.done()), goro::recv(ch));
                     return n == 0 ? ctx.err() : std::error_code();
                   },
                   [ch] { ch.send(1); }});
  }
  {
    auto promised = std::make_shared<goro::promise<int>>();
    auto result = std::make_shared<goro::future<int>>(promised->get_future());
    all.push_back({"future", wait_reason::future, [result](const context& ctx) { return result->wait(ctx); },
                   [promised] { promised->set_value(1); }});
  }
  {
    auto group = std::make_shared<goro::wait_group>();
    group->add();
    all.push_back({"wait_group", wait_reason::wait_group,
                   [group](const context& ctx) { return group->wait(ctx); }, [group] { group->done(); }});
  }
  return all;
}

TEST_F(Waits, EachEndsWhenTheContextIsCancelled) {
  for (const way& w : ways()) {
    const auto [ctx, cancel] = goro::with_cancel(goro::background());
    const auto answer = goro::make_chan<std::error_code>(2);
    const int before = static_cast<int>(parked_count(w.why));
    goro::go([&, ctx = ctx] { answer.send(w.wait(ctx)); });
    ASSERT_TRUE(eventually([&] { return static_cast<int>(parked_count(w.why)) == before + 1; })) << w.name;
    std::thread beside([&, ctx = ctx] { answer.send(w.wait(ctx)); });
    cancel();
    EXPECT_EQ(*answer.recv(), errc::canceled) << w.name;
    EXPECT_EQ(*answer.recv(), errc::canceled) << w.name;
    beside.join();
  }
}

TEST_F(Waits, EachEndsWhenADeadlinePassesAndSaysSo) {
  for (const way& w : ways()) {
    from_both([&] {
      const auto [ctx, cancel] = goro::with_timeout(goro::background(), 2ms);
      EXPECT_EQ(w.wait(ctx), errc::deadline_exceeded) << w.name;
      const auto [parent, cancel_parent] = goro::with_timeout(goro::background(), 2ms);
      const context below = goro::with_cancel(parent).first;
      EXPECT_EQ(w.wait(below), errc::deadline_exceeded) << w.name;
    });
  }
}

TEST_F(Waits, EachEndsByItsOwnEventUnderALiveContext) {
  for (const bool never_done : {false, true}) {
    for (const way& w : ways()) {
      const auto [live, cancel] = goro::with_timeout(goro::background(), 1h);
      const context ctx = never_done ? goro::without_cancel(live) : live;
      if (never_done && w.why == wait_reason::select) continue;  // the same with a nil channel
      const auto answer = goro::make_chan<std::error_code>(1);
      const int before = static_cast<int>(parked_count(w.why));
      goro::go([&] { answer.send(w.wait(ctx)); });
      ASSERT_TRUE(eventually([&] { return static_cast<int>(parked_count(w.why)) == before + 1; })) << w.name;
      w.free();
      EXPECT_FALSE(*answer.recv()) << w.name;
      cancel();  // nothing of the wait is left in it
    }
  }
}

TEST_F(Waits, ADoneContextEndsEachAtOnceThoughTheThingIsFree) {
  for (const way& w : ways()) {
    const auto [ctx, cancel] = goro::with_cancel(goro::background());
    cancel();
    const bool takes_a_partner =
        w.why == wait_reason::chan_receive || w.why == wait_reason::chan_send || w.why == wait_reason::select;
    if (takes_a_partner) {
      goro::go(w.free);  // it is there, and stays
    } else {
      w.free();
    }
    for (int i = 0; i != 3; ++i)
      from_both([&, ctx = ctx] { EXPECT_EQ(w.wait(ctx), errc::canceled) << w.name; });
    if (takes_a_partner) {
      EXPECT_FALSE(w.wait(goro::with_cancel(goro::background()).first)) << w.name;
    }
  }
}

TEST_F(Waits, ABufferedChannelIsLeftAloneByADoneContext) {
  const auto [ctx, cancel] = goro::with_cancel(goro::background());
  const auto ch = goro::make_chan<int>(2);
  ch.send(1);
  cancel();
  EXPECT_EQ(ch.recv(ctx).status, op_status::canceled);
  EXPECT_EQ(ch.send(2, ctx), op_status::canceled);
  EXPECT_EQ(ch.len(), 1u);
}

TEST_F(Waits, AClosedChannelSaysClosedUnderALiveContext) {
  const auto [ctx, cancel] = goro::with_cancel(goro::background());
  const auto ch = goro::make_chan<int>();
  ch.close();
  EXPECT_EQ(ch.recv(ctx).status, op_status::closed);
  EXPECT_THROW((void)ch.send(1, ctx), goro::channel_error);
  const goro::chan<int> nil;
  const auto [late, cancel_late] = goro::with_timeout(ctx, 1ms);
  EXPECT_EQ(nil.recv(late).status, op_status::canceled);
  EXPECT_EQ(nil.send(1, goro::with_timeout(ctx, 1ms).first), op_status::canceled);
}

TEST_F(Waits, SleepSaysWhichOfTheTwoEndedIt) {
  from_both([] {
    const auto [ctx, cancel] = goro::with_cancel(goro::background());
    const auto start = goro::clock::now();
    EXPECT_FALSE(goro::sleep_for(2ms, ctx));
    EXPECT_GE(goro::clock::now() - start, 2ms);
    EXPECT_FALSE(goro::sleep_for(0s, ctx));
    goro::go([cancel = cancel] {
      goro::sleep_for(2ms);
      cancel();
    });
    EXPECT_EQ(goro::sleep_for(1h, ctx), errc::canceled);
    EXPECT_EQ(goro::sleep_for(1h, ctx), errc::canceled);
    EXPECT_EQ(goro::sleep_for(0s, ctx), errc::canceled);
    EXPECT_EQ(goro::sleep_for(1h, goro::with_timeout(goro::background(), 1ms).first),
              errc::deadline_exceeded);
    EXPECT_FALSE(goro::sleep_for(1ms, goro::background()));
  });
}

TEST_F(Waits, AContextMadeByNobodyIsNeverDone) {
  const auto ch = goro::make_chan<int>(1);
  ch.send(1);
  EXPECT_TRUE(ch.recv(context()));
  EXPECT_EQ(ch.send(2, context()), op_status::ok);
}

TEST_F(Waits, SelectHandlersRunWhenTheContextIsDone) {
  const auto [ctx, cancel] = goro::with_cancel(goro::background());
  const auto ch = goro::make_chan<int>();
  std::string what;
  const auto look = [&, ctx = ctx] {
    goro::select(goro::recv(ch, [&](std::optional<int>) { what = "value"; }),
                 goro::recv(ctx.done(), [&] { what = "done"; }), goro::otherwise([&] { what = "neither"; }));
  };
  look();
  EXPECT_EQ(what, "neither");
  cancel();
  look();
  EXPECT_EQ(what, "done");
}

TEST_F(Waits, AOnceCallsNothingForADoneContext) {
  goro::once o;
  const auto [ctx, cancel] = goro::with_cancel(goro::background());
  cancel();
  int calls = 0;
  EXPECT_EQ(o.call(ctx, [&] { ++calls; }), errc::canceled);
  EXPECT_EQ(calls, 0);
  EXPECT_FALSE(o.call(goro::background(), [&] { ++calls; }));
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(o.call(ctx, [&] { ++calls; }), errc::canceled) << "although it is done";
  EXPECT_THROW((void)o.call(goro::background(), std::function<void()>()), std::invalid_argument);
}

}  // namespace
