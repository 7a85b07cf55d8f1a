// SPDX-License-Identifier: MIT
#include "context/fixture.hpp"

#include "sched/introspect.hpp"

#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace std::chrono_literals;
using goro::context;
using goro_test::code_of;
using goro_test::eventually;
using goro_test::is_closed;
using goro_test::is_open;

class Context : public goro_test::ContextTest {};

const goro::context_key<int> number;
const goro::context_key<int> other_number;
const goro::context_key<std::string> word;

TEST_F(Context, CX01_TheRootsAreNeverDoneAndCarryNothing) {
  for (const context& root : {goro::background(), goro::todo()}) {
    EXPECT_TRUE(static_cast<bool>(root));
    EXPECT_FALSE(root.done());
    EXPECT_FALSE(root.err());
    EXPECT_FALSE(root.cause());
    EXPECT_FALSE(root.deadline().has_value());
    EXPECT_EQ(root.value(number), nullptr);
    EXPECT_EQ(root.children(), 0u);
    root.check();
  }
  EXPECT_EQ(to_string(goro::background()), "background");
  EXPECT_EQ(to_string(goro::todo()), "todo");
  EXPECT_EQ(goro::background(), goro::background());
  EXPECT_NE(goro::background(), goro::todo());
  const auto [ctx, cancel] = goro::with_cancel(with_value(goro::background(), number, 1));
  EXPECT_EQ(to_string(ctx), "background.with_value.with_cancel");
  EXPECT_EQ(to_string(goro::without_cancel(goro::with_timeout(goro::todo(), 1h).first)),
            "todo.with_deadline.without_cancel");
}

TEST_F(Context, CX02_CancelClosesDoneAndSetsTheError) {
  const auto [ctx, cancel] = goro::with_cancel(goro::background());
  const auto done = ctx.done();
  EXPECT_TRUE(done);
  EXPECT_TRUE(is_open(done));
  EXPECT_FALSE(ctx.err());
  EXPECT_FALSE(ctx.cause());
  ctx.check();
  cancel();
  EXPECT_TRUE(is_closed(done));
  EXPECT_EQ(ctx.err(), goro::errc::canceled);
  EXPECT_EQ(ctx.err(), std::errc::operation_canceled);
  EXPECT_EQ(code_of(ctx.cause()), goro::errc::canceled);
  EXPECT_THROW(ctx.check(), std::system_error);
  const std::exception_ptr first = ctx.cause();
  cancel();
  const goro::cancel_func copy = cancel;
  copy();
  EXPECT_EQ(ctx.cause(), first);
  EXPECT_EQ(ctx.done(), done);
  EXPECT_EQ(ctx.err(), goro::errc::canceled);
}

TEST_F(Context, CX02_DoneIsTheSameChannelBeforeAndAfterAndForCopies) {
  const auto [ctx, cancel] = goro::with_cancel(goro::background());
  const context copy = ctx;
  const auto done = ctx.done();
  EXPECT_EQ(copy.done(), done);
  EXPECT_EQ(goro::with_value(ctx, number, 1).done(), done);
  const auto [late, cancel_late] = goro::with_cancel(goro::background());
  cancel_late();
  EXPECT_TRUE(is_closed(late.done()));  // made only after the end
  EXPECT_EQ(late.done(), late.done());
}

TEST_F(Context, CX03_TheParentsEndReachesAllBelow) {
  for (const bool channels_first : {true, false}) {
    const auto [parent, cancel] = goro::with_cancel(goro::background());
    const auto [child, cancel_child] = goro::with_cancel(parent);
    const context value = goro::with_value(parent, number, 7);
    const auto [below_value, cancel_value] = goro::with_cancel(value);
    const auto [timed, cancel_timed] = goro::with_timeout(parent, 1h);
    const std::vector<context> all{parent, child, value, below_value, timed};
    for (const context& c : all) EXPECT_TRUE(!channels_first || is_open(c.done()));
    EXPECT_EQ(parent.children(), 3u);
    cancel();
    for (const context& c : all) {
      EXPECT_EQ(c.err(), goro::errc::canceled) << to_string(c);
      EXPECT_TRUE(is_closed(c.done()));
      EXPECT_EQ(c.children(), 0u);
    }
    const auto [born, cancel_born] = goro::with_cancel(parent);
    EXPECT_EQ(born.err(), goro::errc::canceled);
    EXPECT_TRUE(is_closed(born.done()));
    EXPECT_EQ(goro::with_timeout(value, 1h).first.err(), goro::errc::canceled);
    EXPECT_EQ(parent.children(), 0u);
  }
}

TEST_F(Context, CX04_AChildThatEndsLeavesItsParent) {
  const auto [parent, cancel] = goro::with_cancel(goro::background());
  {
    const auto [a, cancel_a] = goro::with_cancel(parent);
    const auto [b, cancel_b] = goro::with_timeout(goro::with_value(parent, number, 1), 1h);
    const auto [c, cancel_c] = goro::with_timeout(parent, 1ms);
    const auto [d, cancel_d] = goro::with_timeout(parent, 1ms);  // without a channel: the timer's own work
    const auto [grandchild, cancel_grandchild] = goro::with_cancel(a);
    EXPECT_EQ(a.children(), 1u);
    cancel_a();
    EXPECT_EQ(grandchild.err(), goro::errc::canceled);
    cancel_b();
    (void)c.done().recv();
    EXPECT_TRUE(eventually([&, parent = parent] { return parent.children() == 0; }));
    EXPECT_FALSE(parent.err());
  }
  // Not cancelled, only let go: nothing is left in the parent either.
  {
    const auto [a, cancel_a] = goro::with_cancel(parent);
    const context b = goro::with_timeout(parent, 1h).first;
    const context deep = goro::with_value(goro::with_cancel(b).first, number, 3);
    EXPECT_EQ(parent.children(), 2u);
    EXPECT_EQ(b.children(), 1u);
  }
  EXPECT_EQ(parent.children(), 0u);
}

TEST_F(Context, CX05_ADeadlineThatHasPassedEndsItAtOnce) {
  const auto [past, cancel] = goro::with_deadline(goro::background(), goro::clock::now() - 1s);
  EXPECT_EQ(past.err(), goro::errc::deadline_exceeded);
  EXPECT_TRUE(is_closed(past.done()));
  const auto [zero, cancel_zero] = goro::with_timeout(goro::background(), 0s);
  EXPECT_EQ(zero.err(), goro::errc::deadline_exceeded);
  EXPECT_EQ(code_of(zero.cause()), goro::errc::deadline_exceeded);
  cancel_zero();
  EXPECT_EQ(zero.err(), goro::errc::deadline_exceeded);
}

// The clock that deadlines are counted from runs a little ahead, once it has been measured.
TEST_F(Context, CX05_NoTimeAtAllIsOverAtOnceAlsoByTheQuickClock) {
  const auto until = goro::clock::now() + 50ms;
  while (goro::clock::now() < until) {
    const auto [ctx, cancel] = goro::with_timeout(goro::background(), 0s);
    ASSERT_EQ(ctx.err(), goro::errc::deadline_exceeded);
    const auto [one, cancel_one] = goro::with_timeout(goro::background(), 1us);  // measures the clock in passing
  }
}

TEST_F(Context, CX05_TheEarlierDeadlineCounts) {
  const auto start = goro::clock::now();
  const auto [parent, cancel] = goro::with_timeout(goro::background(), 10ms);
  const auto [child, cancel_child] = goro::with_timeout(parent, 1h);
  EXPECT_EQ(child.deadline(), parent.deadline());
  EXPECT_EQ(to_string(child), "background.with_deadline.with_cancel");  // it has no timer of its own
  (void)child.done().recv();
  EXPECT_GE(goro::clock::now() - start, 10ms);
  EXPECT_EQ(child.err(), goro::errc::deadline_exceeded);
  EXPECT_EQ(parent.err(), goro::errc::deadline_exceeded);
  const auto [later, cancel_later] =
      goro::with_deadline(goro::background(), std::chrono::system_clock::now() + 1h);
  const auto [sooner, cancel_sooner] = goro::with_deadline(later, std::chrono::steady_clock::now() + 5ms);
  EXPECT_LT(*sooner.deadline(), *later.deadline());
  (void)sooner.done().recv();
  EXPECT_FALSE(later.err());
}

TEST_F(Context, CX05_TimersEndWhateverHangsFromThem) {
  // A little work, which the timer does itself, and work for a goroutine: a channel, children, many waits.
  for (const int shape : {0, 1, 2, 3}) {
    const auto [ctx, cancel] = goro::with_timeout(goro::background(), 5ms);
    std::vector<context> children;
    goro::wait_group waiting;
    std::atomic<int> late{0};
    EXPECT_TRUE(shape != 1 || ctx.done());
    if (shape == 2)
      for (int i = 0; i != 100; ++i) children.push_back(goro::with_cancel(ctx).first);
    for (int i = 0; i != (shape == 3 ? 100 : 3); ++i)
      waiting.go([&, ctx = ctx] {
        if (goro::sleep_for(1h, ctx) == goro::errc::deadline_exceeded) ++late;
      });
    waiting.wait();
    EXPECT_EQ(late, shape == 3 ? 100 : 3);
    EXPECT_EQ(ctx.err(), goro::errc::deadline_exceeded);
    for (const context& c : children)
      EXPECT_TRUE(eventually([&] { return c.err() == goro::errc::deadline_exceeded; }));
    EXPECT_TRUE(shape != 1 || !ctx.done().recv().has_value());
  }
}

TEST_F(Context, CX05_ADeadlineBeyondTheClockIsNone) {
  const auto [ctx, cancel] = goro::with_timeout(goro::background(), std::chrono::hours::max());
  EXPECT_FALSE(ctx.deadline().has_value());
  EXPECT_FALSE(ctx.err());
  cancel();
  EXPECT_EQ(ctx.err(), goro::errc::canceled);
}

TEST_F(Context, CX06_CancelBeforeTheDeadlineIsCanceled) {
  const auto [ctx, cancel] = goro::with_timeout(goro::background(), 20ms);
  cancel();
  EXPECT_EQ(ctx.err(), goro::errc::canceled);
  goro::sleep_for(30ms);
  EXPECT_EQ(ctx.err(), goro::errc::canceled);
}

TEST_F(Context, CX07_TheNearestValueWinsAndKeysDoNotMeet) {
  const context one = goro::with_value(goro::background(), number, 1);
  EXPECT_EQ(*one.value(number), 1);
  EXPECT_EQ(one.value(other_number), nullptr);
  EXPECT_EQ(one.value(word), nullptr);
  const auto [middle, cancel] = goro::with_cancel(one);
  const context two = goro::with_value(goro::with_value(middle, word, "two"), number, 2);
  EXPECT_EQ(*two.value(number), 2);
  EXPECT_EQ(*two.value(word), "two");
  EXPECT_EQ(*one.value(number), 1);
  EXPECT_EQ(*middle.value(number), 1);
  const goro::context_key<int> same = number;  // a copy is the same key
  EXPECT_EQ(*two.value(same), 2);
  EXPECT_EQ(two.done(), middle.done());
  cancel();
  EXPECT_EQ(*two.value(number), 2);
}

struct alignas(64) wide {
  int n;
};

TEST_F(Context, CX07_ValuesOfAnyKindAreDestroyedWithTheLastHandle) {
  static const goro::context_key<std::shared_ptr<int>> shared;
  static const goro::context_key<std::unique_ptr<int>> unique;
  static const goro::context_key<wide> aligned;
  auto owned = std::make_shared<int>(5);
  const std::weak_ptr<int> watch = owned;
  {
    context ctx = goro::with_value(goro::background(), shared, std::move(owned));
    ctx = goro::with_value(ctx, unique, std::make_unique<int>(6));
    ctx = goro::with_value(ctx, aligned, wide{7});
    EXPECT_EQ(**ctx.value(shared), 5);
    EXPECT_EQ(**ctx.value(unique), 6);
    EXPECT_EQ(ctx.value(aligned)->n, 7);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(ctx.value(aligned)) % 64, 0u);
    EXPECT_FALSE(watch.expired());
  }
  EXPECT_TRUE(watch.expired());
}

struct moves_badly {
  moves_badly() = default;
  moves_badly(moves_badly&&) { throw std::runtime_error("move"); }
};

TEST_F(Context, CX07_AMoveThatThrowsLeavesNothing) {
  static const goro::context_key<moves_badly> bad;
  const auto [parent, cancel] = goro::with_cancel(goro::background());
  EXPECT_THROW(goro::with_value(parent, bad, moves_badly{}), std::runtime_error);
}

TEST_F(Context, CX11_AnEmptyContextCanBeAskedAndNotDerivedFrom) {
  const context empty;
  EXPECT_FALSE(static_cast<bool>(empty));
  EXPECT_FALSE(empty.done());
  EXPECT_FALSE(empty.err());
  EXPECT_FALSE(empty.cause());
  EXPECT_FALSE(empty.deadline().has_value());
  EXPECT_EQ(empty.value(number), nullptr);
  EXPECT_EQ(empty.children(), 0u);
  EXPECT_EQ(to_string(empty), "empty");
  empty.check();
  EXPECT_THROW(goro::with_cancel(empty), std::logic_error);
  EXPECT_THROW(goro::with_cancel_cause(empty), std::logic_error);
  EXPECT_THROW(goro::with_timeout(empty, 1s), std::logic_error);
  EXPECT_THROW(goro::with_deadline(empty, goro::clock::now()), std::logic_error);
  EXPECT_THROW(goro::with_value(empty, number, 1), std::logic_error);
  EXPECT_THROW(goro::without_cancel(empty), std::logic_error);
  EXPECT_THROW(goro::after_func(empty, [] {}), std::logic_error);
  EXPECT_THROW(goro::with_stop_token(empty, {}), std::logic_error);
  try {
    (void)goro::with_cancel(empty);
  } catch (const std::logic_error& e) {
    EXPECT_NE(std::string(e.what()).find("with_cancel"), std::string::npos) << e.what();
    EXPECT_NE(std::string(e.what()).find("background"), std::string::npos) << e.what();
  }
  goro::cancel_func{}();
  goro::cancel_cause_func{}(nullptr);
  EXPECT_FALSE(goro::stop_func{}());
  EXPECT_FALSE(goro::sleep_for(0s, empty));
}

TEST_F(Context, CX11_AKeyBeforeItsInitialisationThrows) {
  goro::context_key<int> early;
  early.id = 0;  // as static storage has it before
  EXPECT_THROW(goro::with_value(goro::background(), early, 1), std::logic_error);
}

TEST_F(Context, CX13_ChildrenCostNoGoroutineAndNoTimer) {
  const auto [parent, cancel] = goro::with_timeout(goro::background(), 1h);
  std::vector<std::pair<context, goro::cancel_func>> made;
  const std::size_t before = goro::num_goroutine();
  for (int i = 0; i != 1000; ++i) {
    made.push_back(goro::with_cancel(parent));
    made.push_back(goro::with_timeout(parent, 2h));
    EXPECT_TRUE(is_open(made.back().first.done()));
  }
  EXPECT_EQ(goro::num_goroutine(), before);
  EXPECT_EQ(parent.children(), 2000u);
  for (const auto& m : made) EXPECT_NE(to_string(m.first).find("with_cancel"), std::string::npos);
  cancel();
  EXPECT_EQ(goro::num_goroutine(), before);
}

TEST_F(Context, CX14_DeadlineExceededIsATimeOut) {
  const auto [ctx, cancel] = goro::with_timeout(goro::background(), 0s);
  EXPECT_EQ(ctx.err(), std::errc::timed_out);
  EXPECT_NE(ctx.err(), std::errc::operation_canceled);
  try {
    ctx.check();
    ADD_FAILURE();
  } catch (const std::system_error& e) {
    EXPECT_EQ(e.code(), std::errc::timed_out);
  }
}

TEST_F(Context, CX17_WithoutCancelKeepsTheValuesOnly) {
  const auto [parent, cancel] = goro::with_timeout(goro::with_value(goro::background(), number, 9), 1h);
  const context ctx = goro::without_cancel(parent);
  const auto [child, cancel_child] = goro::with_cancel(ctx);
  cancel();
  for (const context& c : {ctx, child}) {
    EXPECT_FALSE(c.err());
    EXPECT_FALSE(c.cause());
    EXPECT_FALSE(c.deadline().has_value());
    EXPECT_EQ(*c.value(number), 9);
  }
  EXPECT_FALSE(ctx.done());
  EXPECT_TRUE(is_open(child.done()));
  EXPECT_EQ(parent.children(), 0u);
  cancel_child();
  EXPECT_EQ(child.err(), goro::errc::canceled);
}

TEST_F(Context, AMillionChildrenAndAHundredThousandGenerations) {
  const int children = goro_test::scaled(1'000'000);
  const auto [parent, cancel] = goro::with_cancel(goro::background());
  {
    std::vector<context> wide;
    for (int i = 0; i != children; ++i) wide.push_back(goro::with_cancel(parent).first);
    EXPECT_EQ(parent.children(), static_cast<std::size_t>(children));
    cancel();
    for (const context& c : wide) ASSERT_EQ(c.err(), goro::errc::canceled);
  }
  const auto [top, cancel_top] = goro::with_cancel(goro::background());
  for (const bool cancelled : {true, false}) {
    context deep = top;
    for (int i = 0; i != 100'000; ++i)
      deep = i % 2 == 0 ? goro::with_cancel(deep).first : goro::with_value(deep, number, i);
    if (cancelled) {
      const auto [again, cancel_again] = goro::with_cancel(top);
      EXPECT_EQ(top.children(), 2u);
    } else {
      cancel_top();
      EXPECT_EQ(deep.err(), goro::errc::canceled);
    }
  }
  EXPECT_EQ(top.children(), 0u);
}

TEST_F(Context, ItWorksFromPlainThreadsAndWhoeverIsWokenMayDestroyTheFunction) {
  for (int i = 0; i != 200; ++i) {
    auto [ctx, cancel] = goro::with_cancel(goro::background());
    auto held = std::make_unique<goro::cancel_func>(std::move(cancel));
    goro::wait_group ended;
    ended.go([&held, ctx = ctx] {
      (void)ctx.done().recv();
      held.reset();
    });
    std::thread([f = held.get()] { (*f)(); }).join();
    ended.wait();
    ASSERT_EQ(held, nullptr);
  }
}

}  // namespace
