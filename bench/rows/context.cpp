// SPDX-License-Identifier: MIT
// Contexts: context, which prints context_cancel and context_child.
#include "rows.hpp"

#include <algorithm>
#include <utility>

#include <goro/context.hpp>
#include <goro/time.hpp>

namespace bench {
namespace {

// 100,000 children, each watched by a goroutine; then the parent is cancelled. After that children that are
// cancelled as soon as they are made.
void contexts() {
  constexpr int children = 100'000;
  auto best = nanoseconds::max();
  for (int r = 0; r < 3; ++r) {
    const auto [ctx, cancel] = goro::with_cancel(goro::background());
    goro::wait_group ended;
    goro::wait_group ready;
    ended.add(children);
    ready.add(children);
    for (int i = 0; i < children; ++i) {
      auto [child, cancel_child] = goro::with_cancel(ctx);
      goro::go([child = std::move(child), &ready, &ended] {
        ready.done();
        (void)child.done().recv();
        ended.done();
      });
    }
    ready.wait();
    goro::sleep_for(std::chrono::milliseconds(20));
    const auto start = clock::now();
    cancel();
    ended.wait();
    best = std::min(best, nanoseconds(clock::now() - start));
  }
  per_op("context_cancel", best, children);

  constexpr number count = 1'000'000;
  const auto [ctx, cancel] = goro::with_cancel(goro::background());
  const auto start = clock::now();
  for (number i = 0; i < count; ++i) goro::with_cancel(ctx).second();
  per_op("context_child", clock::now() - start, count);
  cancel();
}

const row entries[] = {{"context", contexts}};

}  // namespace
}  // namespace bench
