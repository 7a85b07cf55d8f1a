// SPDX-License-Identifier: MIT
// The contract of detail/canceller.hpp, from inside.
#include "context/core.hpp"
#include "context/fixture.hpp"

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

namespace {

using goro::detail::cancel_node;
using goro::detail::canceller_of;
using goro_test::eventually;

class Canceller : public goro_test::ContextTest {};

struct told : cancel_node {
  told() {
    cancelled = [](cancel_node& node) noexcept {
      auto& self = static_cast<told&>(node);
      ++self.count;
      while (self.hold) std::this_thread::yield();
      self.left = true;
    };
  }
  std::atomic<int> count{0};
  std::atomic<bool> hold{false};
  std::atomic<bool> left{false};
};

TEST_F(Canceller, EachNodeIsToldOnceAndARemovedOneNever) {
  const auto [ctx, cancel] = goro::with_cancel(goro::background());
  goro::detail::canceller* const by = canceller_of(ctx);
  ASSERT_NE(by, nullptr);
  EXPECT_EQ(canceller_of(goro::background()), nullptr);
  EXPECT_EQ(canceller_of(goro::without_cancel(ctx)), nullptr);
  EXPECT_EQ(canceller_of(goro::context()), nullptr);
  std::vector<told> nodes(10);
  for (told& n : nodes) EXPECT_TRUE(by->add(n));
  for (const std::size_t i : {0u, 4u, 9u}) by->remove(nodes[i]);
  cancel();
  cancel();
  for (std::size_t i = 0; i != nodes.size(); ++i)
    EXPECT_EQ(nodes[i].count, i == 0 || i == 4 || i == 9 ? 0 : 1) << i;
  for (told& n : nodes) by->remove(n);
  told late;
  EXPECT_FALSE(by->add(late));
  EXPECT_EQ(late.count, 0);
  EXPECT_EQ(by->reason(), goro::errc::canceled);
}

TEST_F(Canceller, RemoveWaitsForACallThatIsUnderWay) {
  const auto [ctx, cancel] = goro::with_cancel(goro::background());
  goro::detail::canceller* const by = canceller_of(ctx);
  told slow;
  told other;
  slow.hold = true;
  by->add(slow);
  by->add(other);
  std::thread canceling([cancel = cancel] { cancel(); });
  ASSERT_TRUE(eventually([&] { return slow.count == 1; }));
  by->remove(other);  // not the one under way: at once
  EXPECT_EQ(other.count, 0);
  std::atomic<bool> removed{false};
  std::thread removing([&] {
    by->remove(slow);
    EXPECT_TRUE(slow.left);
    removed = true;
  });
  for (int i = 0; i != 100; ++i) std::this_thread::yield();
  EXPECT_FALSE(removed);
  slow.hold = false;
  removing.join();
  canceling.join();
}

}  // namespace
