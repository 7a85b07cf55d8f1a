// SPDX-License-Identifier: MIT
// The graphs behind GORO_DEBUG=deadlock, without locks: which orders are a deadlock to come and which are not,
// which waits are a circle, and which lock is which.
#include "debug/lock_order.hpp"
#include "debug/lock_graph.hpp"
#include "debug/lock_ids.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace {

using goro::detail::lock_graph;
using goro::detail::lock_hold;
using goro::detail::lock_ids;
using goro::detail::lock_inversion;
using goro::detail::lock_kind;
using goro::detail::lock_name;
using goro::detail::lock_order;
using goro::detail::lock_wish;
using goro::detail::name_of;
using goro::detail::party;
using goro::detail::wish_kind;

constexpr auto reads = lock_kind::shared;
constexpr auto writes = lock_kind::exclusive;

// Locks are numbers, and so are goroutines. Each line of a program is a place of its own.
class LockOrder : public testing::Test {
 protected:
  static lock_hold mutex(std::uint32_t id, std::uintptr_t place = 0) {
    return {lock_name{id}, id, writes, "mutex", {id, place}};
  }
  static lock_hold rw(std::uint32_t id, lock_kind how, std::uintptr_t place = 0) {
    lock_hold h = mutex(id, place);
    h.how = how;
    h.state = how == reads ? "rw_mutex read" : "rw_mutex write";
    return h;
  }
  // `who` holds all of `held` and takes `taken`: how many circles that closes.
  std::size_t step(party who, const std::vector<lock_hold>& held, const lock_hold& taken) {
    const std::size_t before = found.size();
    order.takes({who, "g" + std::to_string(who), 0}, held, taken, found);
    return found.size() - before;
  }

  lock_order order;
  std::vector<lock_inversion> found;
};

TEST_F(LockOrder, OppositeOrdersAreFoundOnceWithBothSides) {
  EXPECT_EQ(step(1, {mutex(1, 11)}, mutex(2, 12)), 0u);
  ASSERT_EQ(step(2, {mutex(2, 21)}, mutex(1, 22)), 1u);
  EXPECT_EQ(step(2, {mutex(2, 21)}, mutex(1, 22)), 0u);
  EXPECT_EQ(step(3, {mutex(2, 31)}, mutex(1, 32)), 0u) << "the same two locks";
  const lock_inversion& i = found.front();
  ASSERT_EQ(i.steps.size(), 2u);
  EXPECT_TRUE(i.writers.empty());
  EXPECT_EQ(i.steps[0].who.id, 2u);
  EXPECT_EQ(i.steps[0].held.stack, (std::vector<std::uintptr_t>{2, 21}));
  EXPECT_EQ(i.steps[0].taken.stack, (std::vector<std::uintptr_t>{1, 22}));
  EXPECT_EQ(i.steps[1].who.id, 1u);
  EXPECT_EQ(i.steps[1].held.stack, (std::vector<std::uintptr_t>{1, 11}));
  EXPECT_EQ(i.steps[1].taken.stack, (std::vector<std::uintptr_t>{2, 12}));
}

TEST_F(LockOrder, TheSamePlacesWithOtherLocksAreFoundOnce) {
  const auto at = [](std::uint32_t id, std::uintptr_t place) {
    lock_hold h = mutex(id);
    h.stack = {place};
    return h;
  };
  for (std::uint32_t n = 0; n != 20; n += 2) {
    step(1, {at(n + 1, 11)}, at(n + 2, 12));
    step(2, {at(n + 2, 21)}, at(n + 1, 22));
  }
  EXPECT_EQ(found.size(), 1u);
}

TEST_F(LockOrder, OneOrderIsNone) {
  for (party p = 1; p != 50; ++p) {
    step(p, {mutex(1)}, mutex(2));
    step(p, {mutex(1), mutex(2)}, mutex(3));
    step(p, {mutex(2)}, mutex(3));
  }
  EXPECT_TRUE(found.empty());
}

TEST_F(LockOrder, BothOrdersByOneGoroutineAreNone) {
  step(1, {mutex(1)}, mutex(2));
  step(1, {mutex(2)}, mutex(1));
  EXPECT_TRUE(found.empty());
  EXPECT_EQ(step(2, {mutex(1)}, mutex(2)), 1u) << "but the second one makes it a circle";
}

TEST_F(LockOrder, UnderAGateTheyCannotMeet) {
  step(1, {mutex(9), mutex(1)}, mutex(2));
  step(2, {mutex(9), mutex(2)}, mutex(1));
  EXPECT_TRUE(found.empty());
  EXPECT_EQ(step(3, {mutex(2)}, mutex(1)), 1u) << "without the gate they do";
}

TEST_F(LockOrder, AGateThatBothReadIsNone) {
  step(1, {rw(9, reads), mutex(1)}, mutex(2));
  EXPECT_EQ(step(2, {rw(9, reads), mutex(2)}, mutex(1)), 1u);
}

TEST_F(LockOrder, AGateThatOneWritesIsOne) {
  step(1, {rw(9, reads), mutex(1)}, mutex(2));
  EXPECT_EQ(step(2, {rw(9, writes), mutex(2)}, mutex(1)), 0u);
}

TEST_F(LockOrder, CirclesOfThree) {
  step(1, {mutex(1)}, mutex(2));
  step(2, {mutex(2)}, mutex(3));
  ASSERT_EQ(step(3, {mutex(3)}, mutex(1)), 1u);
  EXPECT_EQ(found.front().steps.size(), 3u);
}

TEST_F(LockOrder, CirclesOfThreeNeedThree) {
  step(1, {mutex(1)}, mutex(2));
  step(2, {mutex(2)}, mutex(3));
  EXPECT_EQ(step(1, {mutex(3)}, mutex(1)), 0u) << "two goroutines";
  EXPECT_EQ(step(3, {mutex(2)}, mutex(3)), 0u) << "still only one does two of the steps";
  EXPECT_EQ(step(3, {mutex(1)}, mutex(2)), 1u) << "now each step can be another one's";
}

TEST_F(LockOrder, ACircleWithOneLockInTwoStepsCannotStand) {
  step(1, {mutex(1)}, mutex(2));
  step(2, {mutex(2), mutex(4)}, mutex(3));
  step(3, {mutex(3), mutex(4)}, mutex(1));
  EXPECT_TRUE(found.empty());
}

TEST_F(LockOrder, LongerThanTheLongestIsNotLookedFor) {
  const auto longest = static_cast<std::uint32_t>(lock_order::longest);
  for (std::uint32_t i = 1; i != longest; ++i) step(i, {mutex(i)}, mutex(i + 1));
  EXPECT_EQ(step(longest, {mutex(longest)}, mutex(1)), 1u);
  for (std::uint32_t i = 101; i != 101 + longest; ++i) step(i, {mutex(i)}, mutex(i + 1));
  EXPECT_EQ(step(1, {mutex(101 + longest)}, mutex(101)), 0u);
}

// ---- readers

TEST_F(LockOrder, ReadersAloneDoNotWaitForEachOther) {
  step(1, {rw(1, reads)}, rw(2, reads));
  step(2, {rw(2, reads)}, rw(1, reads));
  EXPECT_TRUE(found.empty());
}

TEST_F(LockOrder, ReadersWithAWriterAtEachLock) {
  step(1, {rw(1, reads)}, rw(2, reads));
  step(2, {rw(2, reads)}, rw(1, reads));
  EXPECT_EQ(step(3, {}, rw(1, writes)), 0u) << "the other lock has no writer";
  EXPECT_EQ(step(3, {}, rw(2, writes)), 0u) << "one writer waits for one lock at a time";
  ASSERT_EQ(step(4, {}, rw(2, writes)), 1u);
  EXPECT_EQ(found.front().writers.size(), 2u);
}

TEST_F(LockOrder, AReaderAndAWriterMeet) {
  step(1, {rw(1, reads)}, mutex(2));
  EXPECT_EQ(step(2, {mutex(2)}, rw(1, writes)), 1u);
}

TEST_F(LockOrder, AReaderBehindAReaderNeedsAWriter) {
  step(1, {rw(1, reads)}, mutex(2));
  EXPECT_EQ(step(2, {mutex(2)}, rw(1, reads)), 0u);
  EXPECT_EQ(step(2, {}, rw(1, writes)), 0u) << "that one is in the circle itself";
  ASSERT_EQ(step(3, {}, rw(1, writes)), 1u);
  ASSERT_EQ(found.front().writers.size(), 1u);
  EXPECT_EQ(found.front().writers[0].who.id, 3u);
}

TEST_F(LockOrder, AReadLockTakenAgainNeedsAWriter) {
  EXPECT_EQ(step(1, {rw(1, reads)}, rw(1, reads)), 0u);
  EXPECT_EQ(step(1, {}, rw(1, writes)), 0u) << "the same goroutine";
  ASSERT_EQ(step(2, {}, rw(1, writes)), 1u);
  EXPECT_EQ(found.front().steps.size(), 1u);
  EXPECT_EQ(step(1, {rw(1, reads)}, rw(1, reads)), 0u) << "once";
}

TEST_F(LockOrder, AReadLockTakenAgainAfterAWriterWasSeen) {
  step(2, {}, rw(1, writes));
  EXPECT_EQ(step(1, {rw(1, reads)}, rw(1, reads)), 1u);
}

TEST_F(LockOrder, AWriterThatAGateKeepsOutDoesNotCount) {
  step(1, {mutex(9), rw(1, reads)}, rw(1, reads));
  EXPECT_EQ(step(2, {mutex(9)}, rw(1, writes)), 0u);
  EXPECT_EQ(step(3, {}, rw(1, writes)), 1u);
}

// ---- forgetting

TEST_F(LockOrder, ALockThatIsGoneHasNoOrder) {
  step(1, {mutex(1)}, mutex(2));
  order.forget(1);
  EXPECT_EQ(order.ways(), 0u);
  step(2, {mutex(2)}, mutex(1));
  order.forget(1);
  step(1, {mutex(1)}, mutex(2));
  EXPECT_TRUE(found.empty());
}

TEST_F(LockOrder, ALockThatIsHandedAroundHasNoOrder) {
  step(1, {mutex(1)}, mutex(2));
  order.distrust(1);
  step(2, {mutex(2)}, mutex(1));
  step(1, {mutex(1)}, mutex(2));
  EXPECT_TRUE(found.empty());
}

TEST_F(LockOrder, MemoryIsBounded) {
  for (std::uint32_t i = 1; i != 200'000; ++i) step(i % 3, {mutex(i)}, mutex(i + 1));
  EXPECT_LE(order.ways(), lock_order::most_ways + 1);
  for (party p = 1; p != 10'000; ++p) step(p, {mutex(1)}, mutex(2));
  EXPECT_LE(order.ways(), lock_order::most_ways + 2);
}

// Many locks, each under each: the search must come back.
TEST_F(LockOrder, TheSearchIsBounded) {
  for (std::uint32_t a = 1; a != 120; ++a)
    for (std::uint32_t b = a + 1; b != 120; ++b)
      for (party p = 1; p != 3; ++p) step(p, {mutex(a)}, mutex(b));
  EXPECT_TRUE(found.empty());
}

// ---- waits

class LockGraph : public testing::Test {
 protected:
  static lock_name lock(int n) { return lock_name(n); }
  void holds(party p, int n, lock_kind how = writes) { graph.got(p, {lock(n), 0, how, "", {}}); }
  void wants(party p, int n, wish_kind how = wish_kind::exclusive, bool limited = false) {
    graph.wants(p, {lock(n), how, "", limited, 0, {}});
  }
  using circle = std::vector<party>;
  lock_graph graph;
};

TEST_F(LockGraph, WhoIsCountedAndWantsWhatTheWaiterHolds) {
  holds(1, 1);
  graph.counted(2, lock(7));
  graph.counted(3, lock(7));
  wants(1, 7, wish_kind::counted);
  EXPECT_EQ(graph.circle_through(1), circle{});
  wants(3, 1);
  EXPECT_EQ(graph.circle_through(3), (circle{3, 1}));
  graph.uncounted(3, lock(7));
  EXPECT_EQ(graph.circle_through(3), circle{});
}

TEST_F(LockGraph, WhoWaitsForAGroupThatCountsItself) {
  graph.counted(1, lock(7));
  wants(1, 7, wish_kind::counted);
  EXPECT_EQ(graph.circle_through(1), circle{1});
}

TEST_F(LockGraph, AWaitWithALimitIsNoPartOfACircle) {
  holds(1, 1);
  holds(2, 2);
  wants(1, 2, wish_kind::exclusive, true);
  wants(2, 1);
  EXPECT_EQ(graph.circle_through(2), circle{});
  EXPECT_EQ(graph.circle_through(1), circle{});
  wants(1, 2);
  EXPECT_EQ(graph.circle_through(1), (circle{1, 2}));
}

TEST_F(LockGraph, ALockThatIsHandedAroundHasNoHolderToWaitFor) {
  holds(1, 1);
  EXPECT_FALSE(graph.released(2, lock(1), writes));
  holds(1, 1);
  wants(1, 1);
  EXPECT_EQ(graph.circle_through(1), circle{});
  graph.gave_up(1);
  graph.forget(lock(1));
  holds(1, 1);
  wants(1, 1);
  EXPECT_EQ(graph.circle_through(1), circle{1}) << "another lock is there now";
}

TEST_F(LockGraph, HoldersInOrder) {
  holds(3, 1, reads);
  holds(2, 1, reads);
  EXPECT_EQ(graph.holders_of(lock(1)), (circle{3, 2}));
  EXPECT_TRUE(graph.released(3, lock(1), reads));
  EXPECT_EQ(graph.holders_of(lock(1)), circle{2});
  graph.forget(lock(1));
  EXPECT_EQ(graph.holders_of(lock(1)), circle{});
}

// ---- which lock is which

TEST(LockIds, ATagLastsAsLongAsTheLock) {
  using seen = lock_ids::seen;
  lock_ids ids;
  std::uint32_t tag = 0b1010;  // its lower bits are the lock's
  EXPECT_EQ(ids.at(name_of(&tag), &tag).how, seen::fresh);
  const auto first = ids.number(name_of(&tag), &tag);
  EXPECT_EQ(first.how, seen::fresh);
  EXPECT_EQ(first.gone, 0u);
  EXPECT_EQ(tag & 15, 0b1010u);
  EXPECT_EQ(ids.number(name_of(&tag), &tag).id, first.id);
  tag = 0;  // constructed anew
  const auto second = ids.number(name_of(&tag), &tag);
  EXPECT_EQ(second.how, seen::fresh);
  EXPECT_EQ(second.gone, first.id);
  EXPECT_NE(second.id, first.id);

  std::uint32_t copy = tag;
  EXPECT_EQ(ids.at(name_of(&copy), &copy).how, seen::wrong);
  std::uint32_t garbage = 0xdeadbeef;
  EXPECT_EQ(ids.number(name_of(&garbage), &garbage).how, seen::wrong);
  EXPECT_EQ(garbage, 0xdeadbeefu);
}

TEST(LockIds, TheOldestAreGivenUp) {
  lock_ids ids;
  std::vector<std::uint32_t> tags(10, 0);
  for (std::uint32_t& t : tags) ids.number(name_of(&t), &t);
  for (std::size_t i = 0; i != 4; ++i) EXPECT_EQ(ids.forget_oldest(6).lock, name_of(&tags[i]));
  EXPECT_EQ(ids.forget_oldest(6).id, 0u);
  const auto again = ids.number(name_of(&tags[0]), &tags[0]);
  EXPECT_EQ(again.how, lock_ids::seen::renewed);
  EXPECT_NE(again.id, 0u);
  EXPECT_EQ(ids.number(name_of(&tags[9]), &tags[9]).how, lock_ids::seen::before);
}

}  // namespace
