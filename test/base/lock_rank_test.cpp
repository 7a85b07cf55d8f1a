// SPDX-License-Identifier: MIT
#include "base/lock_rank.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <thread>

using namespace goro::detail;

namespace {

using hchan_lock = ranked_spin_lock<lock_rank::hchan>;
using timers_lock = ranked_spin_lock<lock_rank::timers>;
using slab_lock = ranked_spin_lock<lock_rank::slab>;
using sched_lock = ranked_spin_lock<lock_rank::sched>;
using leaf_lock = ranked_spin_lock<lock_rank::leaf>;

static_assert(sizeof(hchan_lock) == sizeof(spin_lock));

}  // namespace

TEST(LockRank, DeclaredOrderPasses) {
  hchan_lock channels[2];
  timers_lock timers;
  sched_lock sched;  // after hchan by way of timers only
  leaf_lock leaf;
  channels[0].lock();
  channels[1].lock();
  timers.lock();
  sched.lock();
  leaf.lock();
#ifndef NDEBUG
  EXPECT_EQ(held_locks(), 5);
#endif
  channels[0].unlock();  // in any order
  leaf.unlock();
  sched.unlock();
  timers.unlock();
  channels[1].unlock();
  EXPECT_EQ(held_locks(), 0);
}

TEST(LockRank, IsKeptPerThread) {
  timers_lock timers;
  hchan_lock channel;
  const spin_guard guard(timers);
  std::thread([&] {
    EXPECT_EQ(held_locks(), 0);
    const spin_guard other(channel);
  }).join();
}

TEST(LockRank, ManyChannelsAtOnce) {
  constexpr int n = 300;
  const auto channels = std::make_unique<hchan_lock[]>(n);
  for (int i = 0; i != n; ++i) channels[static_cast<std::size_t>(i)].lock();
  for (int i = 0; i != n; ++i) channels[static_cast<std::size_t>(i)].unlock();
  EXPECT_EQ(held_locks(), 0);
}

#ifndef NDEBUG

TEST(LockRankDeathTest, NamesBothRanksOfAWrongOrder) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  timers_lock timers;
  hchan_lock channel;
  const spin_guard guard(timers);
  EXPECT_DEATH(channel.lock(), "goro: lock: rank hchan .* while this thread holds rank timers");
  EXPECT_TRUE(channel.try_lock()) << "which cannot wait, and so may";
  channel.unlock();
}

TEST(LockRankDeathTest, RefusesUnrelatedRanks) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  slab_lock slab;
  sched_lock sched;
  const spin_guard guard(slab);
  EXPECT_DEATH(sched.lock(), "rank sched .* holds rank slab");
}

TEST(LockRankDeathTest, TakesLocksOfOneRankByAddressAndChannelsOnly) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  hchan_lock channels[2];
  timers_lock timers[2];
  {
    const spin_guard guard(channels[1]);
    EXPECT_DEATH(channels[0].lock(), "rank hchan .* holds rank hchan");
    EXPECT_DEATH(channels[1].lock(), "rank hchan .* holds rank hchan") << "itself: a self-deadlock";
  }
  const spin_guard guard(timers[0]);
  EXPECT_DEATH(timers[1].lock(), "rank timers .* holds rank timers");
}

TEST(LockRankDeathTest, RefusesToUnlockWhatIsNotHeld) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  timers_lock timers;
  EXPECT_DEATH(timers.unlock(), "goro: unlock: this thread does not hold that lock");
}

#endif
