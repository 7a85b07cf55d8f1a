// SPDX-License-Identifier: MIT
#include "base/heap.hpp"

#include <gtest/gtest.h>

#include <set>
#include <vector>

#include "base/random.hpp"

using namespace goro::detail;

namespace {

struct item {
  std::int64_t when = 0;
  std::uint32_t heap_index = heap_none;
};

}  // namespace

TEST(Heap, GivesTheEarliestFirst) {
  item items[5];
  heap<item> h;
  const std::int64_t whens[] = {30, INT64_MIN, 20, INT64_MAX, 20};
  for (int i = 0; i != 5; ++i) h.push(whens[i], &items[i]);
  EXPECT_EQ(h.size(), 5u);
  EXPECT_EQ(h.top().when, INT64_MIN);
  EXPECT_EQ(h.top().item, &items[1]);
  EXPECT_EQ(h.pop_min(), &items[1]);
  EXPECT_EQ(items[1].heap_index, heap_none);
  EXPECT_EQ(h.top().when, 20);
  (void)h.pop_min();
  (void)h.pop_min();
  EXPECT_EQ(h.pop_min(), &items[0]);
  EXPECT_EQ(h.pop_min(), &items[3]);
  EXPECT_EQ(h.pop_min(), nullptr);
  EXPECT_TRUE(h.empty());
}

TEST(Heap, AgreesWithAModel) {
  for (std::uint64_t seed = 1; seed != 6; ++seed) {
    goro::detail::random draw(seed);
    const std::uint32_t range = seed % 2 == 0 ? 20 : 1'000'000;  // many equal deadlines, and few
    std::vector<item> items(300);
    heap<item> h;
    std::multiset<std::int64_t> model;
    for (int step = 0; step != 20'000; ++step) {
      item& i = items[draw.below(300)];
      const std::int64_t when = draw.below(range);
      if (i.heap_index == heap_none) {
        i.when = when;
        h.push(when, &i);
        model.insert(when);
      } else if (draw.below(3) == 0) {
        model.erase(model.find(i.when));
        model.insert(when);
        i.when = when;
        h.update(&i, when);
      } else if (draw.below(2) == 0) {
        model.erase(model.find(i.when));
        h.erase(&i);
        ASSERT_EQ(i.heap_index, heap_none);
      } else {
        item* const least = h.pop_min();
        ASSERT_EQ(least->when, *model.begin());
        model.erase(model.begin());
      }
      ASSERT_EQ(h.size(), model.size());
      if (!h.empty()) {
        ASSERT_EQ(h.top().when, *model.begin());
        ASSERT_EQ(h.top().item->when, h.top().when);
      }
      if (step % 50 == 0) {
        ASSERT_TRUE(h.valid());
      }
    }
    while (item* const least = h.pop_min()) {
      ASSERT_EQ(least->when, *model.begin());
      model.erase(model.begin());
    }
    EXPECT_TRUE(model.empty());
  }
}

TEST(Heap, GivesStorageBack) {
  std::vector<item> items(10'000);
  heap<item> h;
  EXPECT_EQ(h.capacity(), 0u);
  for (auto& i : items) h.push(1, &i);
  EXPECT_EQ(h.capacity(), 16'384u);
  for (auto& i : items) h.erase(&i);
  EXPECT_EQ(h.capacity(), 16u);
}

TEST(Heap, WaveringSizeDoesNotReallocate) {
  std::vector<item> items(33);
  heap<item> h;
  for (auto& i : items) h.push(1, &i);
  const std::size_t capacity = h.capacity();
  for (int i = 0; i != 10; ++i) {
    h.erase(&items[0]);
    EXPECT_EQ(h.capacity(), capacity);
    h.push(2, &items[0]);
    EXPECT_EQ(h.capacity(), capacity);
  }
}

TEST(Heap, CanBeWalked) {
  item items[10];
  heap<item> h;
  for (auto& i : items) h.push(3, &i);
  std::set<const item*> seen;
  for (std::size_t i = 0; i != h.size(); ++i) seen.insert(h.at(i).item);
  EXPECT_EQ(seen.size(), 10u);
}

#ifdef GORO_FAULTS
TEST(Heap, OutOfMemoryChangesNothing) {
  std::vector<item> items(17);
  heap<item> h;
  for (int i = 0; i != 16; ++i) h.push(i, &items[static_cast<std::size_t>(i)]);
  fail_nth("realloc", 1, 12);
  EXPECT_THROW(h.push(-1, &items[16]), std::bad_alloc);
  EXPECT_STREQ(fault_fired(), "realloc");
  EXPECT_EQ(h.size(), 16u);
  EXPECT_EQ(items[16].heap_index, heap_none);
  EXPECT_EQ(h.top().when, 0);
  EXPECT_TRUE(h.valid());
  h.push(-1, &items[16]);
  EXPECT_EQ(h.top().item, &items[16]);
}
#endif
