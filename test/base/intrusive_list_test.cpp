// SPDX-License-Identifier: MIT
#include "base/intrusive_list.hpp"

#include <gtest/gtest.h>

#include <deque>
#include <list>
#include <vector>

#include "base/random.hpp"

using namespace goro::detail;

namespace {

struct item {
  int id = 0;
  item* link = nullptr;
  list_link<item> place = {};
};
using item_queue = queue<item, &item::link>;
using item_list = list<item, &item::place>;

std::vector<int> ids(const item_queue& q) {
  std::vector<int> all;
  for (const item* i = q.front(); i != nullptr; i = item_queue::next(i)) all.push_back(i->id);
  return all;
}

std::vector<int> ids(const item_list& l) {
  std::vector<int> all;
  for (const item* i = l.front(); i != nullptr; i = l.next(i)) all.push_back(i->id);
  return all;
}

}  // namespace

TEST(Queue, IsFirstInFirstOut) {
  item a{1}, b{2}, c{3};
  item_queue q;
  EXPECT_TRUE(q.empty());
  EXPECT_EQ(q.pop_front(), nullptr);
  q.push_back(&a);
  q.push_back(&b);
  q.push_front(&c);
  EXPECT_EQ(ids(q), (std::vector<int>{3, 1, 2}));
  EXPECT_EQ(q.back(), &b);
  EXPECT_EQ(q.pop_front(), &c);
  EXPECT_EQ(q.pop_front(), &a);
  q.push_back(&a);  // an item that was taken may come back
  EXPECT_EQ(q.pop_front(), &b);
  EXPECT_EQ(q.pop_front(), &a);
  EXPECT_TRUE(q.empty());
  EXPECT_EQ(q.back(), nullptr);
}

TEST(Queue, SplicesAWholeQueueBehindItself) {
  item a{1}, b{2}, c{3};
  item_queue q, r;
  q.splice(r);
  EXPECT_TRUE(q.empty());
  r.push_back(&a);
  r.push_back(&b);
  q.splice(r);
  EXPECT_TRUE(r.empty());
  EXPECT_EQ(ids(q), (std::vector<int>{1, 2}));
  r.push_back(&c);
  q.splice(r);
  EXPECT_EQ(ids(q), (std::vector<int>{1, 2, 3}));
  EXPECT_EQ(q.back(), &c);
  item_queue moved(std::move(q));
  EXPECT_EQ(ids(moved), (std::vector<int>{1, 2, 3}));
}

TEST(Queue, AgreesWithADeque) {
  goro::detail::random draw(11);
  std::vector<item> items(32);
  std::vector<item*> spare;
  for (int i = 0; i != 32; ++i) items[static_cast<std::size_t>(i)].id = i;
  for (auto& i : items) spare.push_back(&i);
  item_queue q;
  std::deque<int> model;
  for (int step = 0; step != 20'000; ++step) {
    if (draw.below(2) == 0 && !spare.empty()) {
      item* const i = spare.back();
      spare.pop_back();
      if (draw.below(4) == 0) {
        q.push_front(i);
        model.push_front(i->id);
      } else {
        q.push_back(i);
        model.push_back(i->id);
      }
    } else if (item* const i = q.pop_front()) {
      ASSERT_EQ(i->id, model.front());
      model.pop_front();
      spare.push_back(i);
    }
    ASSERT_EQ(q.empty(), model.empty());
    if (step % 64 == 0) {
      ASSERT_EQ(ids(q), std::vector<int>(model.begin(), model.end()));
    }
  }
}

TEST(List, KnowsWhetherAnItemIsOnIt) {
  item a{1};
  item_list l;
  EXPECT_FALSE(item_list::linked(&a));
  l.push_back(&a);
  EXPECT_TRUE(item_list::linked(&a)) << "also when it is the only one";
  EXPECT_EQ(l.front(), &a);
  EXPECT_EQ(l.back(), &a);
  l.erase(&a);
  EXPECT_FALSE(item_list::linked(&a));
  EXPECT_TRUE(l.empty());
  EXPECT_EQ(l.back(), nullptr);
  EXPECT_EQ(l.pop_front(), nullptr);
}

TEST(List, AgreesWithAStandardList) {
  goro::detail::random draw(12);
  std::vector<item> items(24);
  for (int i = 0; i != 24; ++i) items[static_cast<std::size_t>(i)].id = i;
  item_list l;
  std::list<int> model;
  for (int step = 0; step != 20'000; ++step) {
    item& i = items[draw.below(24)];
    if (item_list::linked(&i)) {
      l.erase(&i);
      model.remove(i.id);
    } else if (draw.below(2) == 0) {
      l.push_back(&i);
      model.push_back(i.id);
    } else {
      l.push_front(&i);
      model.push_front(i.id);
    }
    ASSERT_EQ(ids(l), std::vector<int>(model.begin(), model.end()));
    if (!model.empty()) {
      ASSERT_EQ(l.back()->id, model.back());
    }
  }
}

#ifndef NDEBUG
TEST(ListDeathTest, NoticesAnItemThatIsPutOnTwice) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  item a{1};
  item_queue q;
  q.push_back(&a);
  EXPECT_DEATH(q.push_back(&a), "goro: assertion failed");
  item_list l;
  l.push_back(&a);
  EXPECT_DEATH(l.push_back(&a), "goro: assertion failed");
  l.erase(&a);
  EXPECT_DEATH(l.erase(&a), "goro: assertion failed");
}
#endif
