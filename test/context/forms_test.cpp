// SPDX-License-Identifier: MIT
// Each wait that takes a context: done already it fails at once, although the thing is there; done meanwhile it ends
// with the context's reason; and in both cases it has taken nothing. (sleep_for: waits_test.cpp.)
#include "context/forms.hpp"
#include "context/fixture.hpp"

#include <chrono>
#include <functional>
#include <thread>

namespace {

using namespace std::chrono_literals;
using goro::errc;
using goro_test::all_forms;
using goro_test::form;
using goro_test::form_of;

class Forms : public goro_test::ContextTest {
 protected:
  // All who live wait: those of the test, then, have begun to.
  void all_wait() { (void)goro_test::settled_goroutines(); }
};

// From a goroutine and from a plain thread.
void from_both(const std::function<void()>& body) {
  goro_test::on_goroutine(body);
  std::thread(body).join();
}

void expect_it_is_there(const form& f, const char* name) {
  EXPECT_TRUE(goro_test::eventually([&] { return f.is_there(); })) << name << ": it was taken by who gave up";
}

TEST_F(Forms, ADoneContextFailsAtOnceAlthoughItIsThere) {
  for (const form_of& each : all_forms()) {
    const auto f = each.make();
    f->grant();
    expect_it_is_there(*f, each.name);
    const auto [ctx, cancel] = goro::with_cancel(goro::background());
    cancel();
    const auto [late, no_need] = goro::with_timeout(goro::background(), -1s);
    from_both([&, ctx = ctx, late = late] {
      EXPECT_EQ(f->take(ctx), errc::canceled) << each.name;
      EXPECT_EQ(f->take(late), errc::deadline_exceeded) << each.name;
    });
    expect_it_is_there(*f, each.name);
    EXPECT_FALSE(f->take(goro::background())) << each.name;
  }
}

TEST_F(Forms, ADoneContextFailsAtOnceWhereItWouldWait) {
  for (const form_of& each : all_forms()) {
    const auto f = each.make();
    const auto [ctx, cancel] = goro::with_cancel(goro::background());
    cancel();
    const auto [late, no_need] = goro::with_timeout(goro::background(), -1s);
    from_both([&, ctx = ctx, late = late] {
      EXPECT_EQ(f->take(ctx), errc::canceled) << each.name;
      EXPECT_EQ(f->take(late), errc::deadline_exceeded) << each.name;
    });
    f->grant();
    expect_it_is_there(*f, each.name);
  }
}

TEST_F(Forms, CancelledMeanwhileItSaysCanceled) {
  for (const form_of& each : all_forms()) {
    const auto f = each.make();
    const auto [ctx, cancel] = goro::with_cancel_cause(goro::background());
    const goro::context below = goro::with_value(ctx, goro::context_key<int>(), 1);
    goro::wait_group both;
    both.go([&] { EXPECT_EQ(f->take(below), errc::canceled) << each.name; });
    std::thread beside([&, ctx = ctx] { EXPECT_EQ(f->take(ctx), errc::canceled) << each.name; });
    all_wait();
    cancel(goro_test::reason("enough"));
    both.wait();
    beside.join();
    EXPECT_FALSE(!f->is_kept() && f->is_there()) << each.name;
    f->grant();
    expect_it_is_there(*f, each.name);
    EXPECT_FALSE(f->take(goro::background())) << each.name;
  }
}

TEST_F(Forms, ADeadlineMeanwhileSaysSo) {
  for (const form_of& each : all_forms()) {
    const auto f = each.make();
    from_both([&] {
      const auto [ctx, cancel] = goro::with_timeout(goro::background(), 2ms);
      const auto [below, cancel_below] = goro::with_cancel(ctx);
      EXPECT_EQ(f->take(below), errc::deadline_exceeded) << each.name;
    });
    f->grant();
    expect_it_is_there(*f, each.name);
    EXPECT_FALSE(f->take(goro::background())) << each.name;
  }
}

TEST_F(Forms, GrantedUnderALiveContextItEndsWithoutAnError) {
  for (const form_of& each : all_forms()) {
    const auto f = each.make();
    const auto [ctx, cancel] = goro::with_timeout(goro::background(), 1h);
    goro::wait_group taker;
    taker.go([&, ctx = ctx] { EXPECT_FALSE(f->take(ctx)) << each.name; });
    all_wait();
    f->grant();
    taker.wait();
    cancel();  // nothing of the wait is left in it
  }
}

}  // namespace
