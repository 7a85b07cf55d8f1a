// SPDX-License-Identifier: MIT
// CX15: Go's table of causes, a row a test case.
#include "context/fixture.hpp"

#include <chrono>
#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

using namespace std::chrono_literals;
using goro::context;
using goro::errc;
using goro_test::code_of;
using goro_test::reason;
using goro_test::text_of;

class Cause : public goro_test::ContextTest {};

struct outcome {
  std::error_code err;
  std::string cause;  // "" for none, "canceled" and "deadline" for the two that come without a reason
};

outcome of(const context& ctx) {
  const std::error_code code = code_of(ctx.cause());
  if (code == errc::canceled) return {ctx.err(), "canceled"};
  if (code == errc::deadline_exceeded) return {ctx.err(), "deadline"};
  return {ctx.err(), text_of(ctx.cause())};
}

constexpr auto late = errc::deadline_exceeded;
const std::error_code live;

context timed_out(const context& parent, std::exception_ptr cause) {
  const auto [ctx, cancel] = goro::with_timeout_cause(parent, 1ms, std::move(cause));
  (void)ctx.done().recv();
  return ctx;
}

struct row {
  const char* name;
  std::function<context()> make;
  std::error_code err;
  const char* cause;
};

const std::vector<row> table{
    {"background", [] { return goro::background(); }, live, ""},
    {"todo", [] { return goro::todo(); }, live, ""},
    {"with_cancel, live", [] { return goro::with_cancel(goro::background()).first; }, live, ""},
    {"with_cancel",
     [] {
       const auto [ctx, cancel] = goro::with_cancel(goro::background());
       cancel();
       return ctx;
     },
     errc::canceled, "canceled"},
    {"with_cancel_cause, live", [] { return goro::with_cancel_cause(goro::background()).first; }, live, ""},
    {"with_cancel_cause",
     [] {
       const auto [ctx, cancel] = goro::with_cancel_cause(goro::background());
       cancel(reason("parent"));
       return ctx;
     },
     errc::canceled, "parent"},
    {"with_cancel_cause, null",
     [] {
       const auto [ctx, cancel] = goro::with_cancel_cause(goro::background());
       cancel(nullptr);
       return ctx;
     },
     errc::canceled, "canceled"},
    {"the first cause wins",
     [] {
       const auto [ctx, cancel] = goro::with_cancel_cause(goro::background());
       cancel(reason("first"));
       cancel(reason("second"));
       cancel(nullptr);
       return ctx;
     },
     errc::canceled, "first"},
    {"child of a parent with a cause",
     [] {
       const auto [parent, cancel] = goro::with_cancel_cause(goro::background());
       const context child = goro::with_cancel_cause(parent).first;
       cancel(reason("parent"));
       return child;
     },
     errc::canceled, "parent"},
    {"plain child of a parent with a cause",
     [] {
       const auto [parent, cancel] = goro::with_cancel_cause(goro::background());
       const context child = goro::with_cancel(parent).first;
       cancel(reason("parent"));
       return child;
     },
     errc::canceled, "parent"},
    {"a parent first, then the child: the parent's",
     [] {
       const auto [parent, cancel] = goro::with_cancel_cause(goro::background());
       const auto [child, cancel_child] = goro::with_cancel_cause(parent);
       cancel(reason("parent"));
       cancel_child(reason("child"));
       return child;
     },
     errc::canceled, "parent"},
    {"a child first, then the parent: the child's own",
     [] {
       const auto [parent, cancel] = goro::with_cancel_cause(goro::background());
       const auto [child, cancel_child] = goro::with_cancel_cause(parent);
       cancel_child(reason("child"));
       cancel(reason("parent"));
       return child;
     },
     errc::canceled, "child"},
    {"… and the parent keeps its own",
     [] {
       const auto [parent, cancel] = goro::with_cancel_cause(goro::background());
       const auto [child, cancel_child] = goro::with_cancel_cause(parent);
       cancel_child(reason("child"));
       cancel(reason("parent"));
       return parent;
     },
     errc::canceled, "parent"},
    {"the child's end does not touch the parent",
     [] {
       const auto [parent, cancel] = goro::with_cancel_cause(goro::background());
       const auto [child, cancel_child] = goro::with_cancel_cause(parent);
       cancel_child(reason("child"));
       return parent;
     },
     live, ""},
    {"value over a cause",
     [] {
       static const goro::context_key<int> key;
       const auto [parent, cancel] = goro::with_cancel_cause(goro::background());
       const context child = goro::with_value(parent, key, 1);
       cancel(reason("parent"));
       return child;
     },
     errc::canceled, "parent"},
    {"born under a cause",
     [] {
       const auto [parent, cancel] = goro::with_cancel_cause(goro::background());
       cancel(reason("parent"));
       return goro::with_timeout_cause(parent, 1h, reason("child")).first;
     },
     errc::canceled, "parent"},
    {"with_timeout, live", [] { return goro::with_timeout(goro::background(), 1h).first; }, live, ""},
    {"with_timeout", [] { return timed_out(goro::background(), nullptr); }, late, "deadline"},
    {"with_timeout_cause", [] { return timed_out(goro::background(), reason("slow")); }, late, "slow"},
    {"with_timeout_cause, at once",
     [] { return goro::with_timeout_cause(goro::background(), -1s, reason("slow")).first; }, late, "slow"},
    {"with_deadline_cause",
     [] {
       const auto [ctx, cancel] =
           goro::with_deadline_cause(goro::background(), goro::clock::now() + 1ms, reason("slow"));
       (void)ctx.done().recv();
       return ctx;
     },
     late, "slow"},
    {"with_timeout_cause, cancelled",
     [] {
       const auto [ctx, cancel] = goro::with_timeout_cause(goro::background(), 1h, reason("slow"));
       cancel();
       return ctx;
     },
     errc::canceled, "canceled"},
    {"with_timeout_cause over one that is cancelled with a cause",
     [] {
       const auto [parent, cancel] = goro::with_cancel_cause(goro::background());
       const context child = goro::with_timeout_cause(parent, 1h, reason("slow")).first;
       cancel(reason("parent"));
       return child;
     },
     errc::canceled, "parent"},
    {"below one that was late",
     [] { return goro::with_cancel(timed_out(goro::background(), reason("slow"))).first; }, late, "slow"},
    {"a later deadline's cause does not count",
     [] {
       const auto [parent, cancel] = goro::with_timeout_cause(goro::background(), 1ms, reason("parent"));
       const context child = goro::with_timeout_cause(parent, 1h, reason("child")).first;
       (void)child.done().recv();
       return child;
     },
     late, "parent"},
    {"without_cancel",
     [] {
       const auto [parent, cancel] = goro::with_cancel_cause(goro::background());
       const context child = goro::without_cancel(parent);
       cancel(reason("parent"));
       return child;
     },
     live, ""},
    {"without_cancel, then cancelled",
     [] {
       const auto [parent, cancel] = goro::with_cancel_cause(goro::background());
       const auto [child, cancel_child] = goro::with_cancel_cause(goro::without_cancel(parent));
       cancel(reason("parent"));
       cancel_child(reason("child"));
       return child;
     },
     errc::canceled, "child"},
    {"without_cancel, then late",
     [] {
       const auto [parent, cancel] = goro::with_cancel_cause(goro::background());
       cancel(reason("parent"));
       return timed_out(goro::without_cancel(parent), reason("slow"));
     },
     late, "slow"},
};

TEST_F(Cause, CX15_Table) {
  for (const row& r : table) {
    const outcome o = of(r.make());
    EXPECT_EQ(o.err, r.err) << r.name;
    EXPECT_EQ(o.cause, r.cause) << r.name;
  }
}

TEST_F(Cause, CX15_WithoutAReasonItIsAlwaysTheSameObject) {
  const auto [a, cancel_a] = goro::with_cancel(goro::background());
  const auto [b, cancel_b] = goro::with_cancel(goro::background());
  cancel_a();
  cancel_b();
  EXPECT_EQ(a.cause(), b.cause());
}

}  // namespace
