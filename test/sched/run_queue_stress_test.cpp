// SPDX-License-Identifier: MIT
// The ring under fire: one owner, one to three thieves, every item counted exactly once.
#include "sched/run_queue.hpp"

#include "support/at_procs.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

namespace {

using goro::detail::goroutine;
using goro::detail::run_queue;

goroutine* item(std::size_t n) { return reinterpret_cast<goroutine*>((n + 1) * 64); }
std::size_t number(goroutine* g) { return reinterpret_cast<std::uintptr_t>(g) / 64 - 1; }

template <std::uint32_t Capacity>
void each_item_exactly_once(int thieves) {
  const std::size_t items = static_cast<std::size_t>(goro_test::scaled(100'000));
  const goro_test::hang_guard guard("RunQueueStress");
  const auto owner = std::make_unique<run_queue<Capacity>>();
  std::vector<std::atomic<std::uint8_t>> seen(items);
  std::atomic<std::size_t> taken{0};
  const auto count = [&](goroutine* g) {
    ASSERT_LT(number(g), items);
    seen[number(g)].fetch_add(1, std::memory_order_relaxed);
    taken.fetch_add(1, std::memory_order_relaxed);
  };

  std::vector<std::thread> threads;
  for (int t = 0; t != thieves; ++t) {
    threads.emplace_back([&] {
      const auto mine = std::make_unique<run_queue<Capacity>>();
      while (taken.load(std::memory_order_relaxed) < items) {
        if (goroutine* g = owner->steal_half_into(*mine)) {
          count(g);
          while (goroutine* more = mine->pop()) count(more);
        } else {
          std::this_thread::yield();
        }
      }
    });
  }

  std::size_t next = 0;
  while (taken.load(std::memory_order_relaxed) < items) {
    // Bursts of a few more than the small ring holds, so that full, empty and wrapped all come up.
    for (int burst = 0; burst != 6 && next != items; ++burst) {
      if (!owner->push(item(next))) break;
      ++next;
    }
    if (next % 3 != 0 || next == items)
      if (goroutine* g = owner->pop()) count(g);
    if (next % 1024 == 0) std::this_thread::yield();
  }
  for (std::thread& t : threads) t.join();
  for (std::size_t i = 0; i != items; ++i) ASSERT_EQ(seen[i].load(), 1) << "item " << i;
}

class RunQueueStress : public testing::TestWithParam<int> {};

TEST_P(RunQueueStress, SC12_EachItemExactlyOnceInARingOf4) { each_item_exactly_once<4>(GetParam()); }
TEST_P(RunQueueStress, SC12_EachItemExactlyOnceInARingOf256) { each_item_exactly_once<256>(GetParam()); }

INSTANTIATE_TEST_SUITE_P(Thieves, RunQueueStress, testing::Values(1, 2, 3));

}  // namespace
