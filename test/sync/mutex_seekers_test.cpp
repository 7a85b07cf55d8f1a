// SPDX-License-Identifier: MIT
// A mutex that is freed by a plain store, step by step. The steps of a holder that has looked at the flags before
// somebody queued are played by hand (mutex_peek); together and for real they are in mutex_seekers_stress_test.cpp.
#include "sched/introspect.hpp"
#include "sync/cancel_by_hand.hpp"
#include "sync/mutex_peek.hpp"
#include "support/at_procs.hpp"
#include "support/eventually.hpp"

#include <goro/goro.hpp>

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <atomic>
#include <chrono>
#include <mutex>

namespace {

using namespace std::chrono_literals;
using goro::detail::mutex_peek;
using goro_test::eventually;

bool until_waiting(std::size_t n) {
  return eventually([n] { return goro::detail::parked_count(goro::detail::wait_reason::mutex) == n; });
}

class MutexSeekers : public testing::Test {
 protected:
  // Waits for the lock, and counts when it has had it.
  void go_for(goro::mutex& m) {
    waiting_.go([&m, this] {
      const std::lock_guard hold(m);
      ++had_it_;
    });
  }

  goro_test::hang_guard guard_{"MutexSeekers"};
  goro::wait_group waiting_;
  std::atomic<int> had_it_{0};
};

TEST_F(MutexSeekers, TheFirstThatQueuesSeeksUntilTheUnlock) {
  goro::mutex m;
  m.lock();
  EXPECT_EQ(mutex_peek::flags(m), 0u);
  go_for(m);
  ASSERT_TRUE(until_waiting(1));
  EXPECT_TRUE(mutex_peek::turning(m));
  EXPECT_EQ(mutex_peek::seekers(m), 1u);
  go_for(m);
  ASSERT_TRUE(until_waiting(2));
  EXPECT_EQ(mutex_peek::seekers(m), 1u);
  m.unlock();
  waiting_.wait();
  EXPECT_EQ(mutex_peek::seekers(m), 0u);
  EXPECT_FALSE(mutex_peek::turning(m));
  EXPECT_TRUE(mutex_peek::contended(m));
}

TEST_F(MutexSeekers, AHolderThatFreesItByAStoreLooks) {
  goro::mutex m;
  m.lock();
  go_for(m);
  go_for(m);
  ASSERT_TRUE(until_waiting(2));
  mutex_peek::store_free(m);
  ASSERT_TRUE(until_waiting(2));  // nobody has looked
  mutex_peek::look(&m);
  waiting_.wait();
  EXPECT_EQ(had_it_, 2);
  EXPECT_EQ(mutex_peek::seekers(m), 0u);
}

TEST_F(MutexSeekers, WhoTakesItBeforeTheLookWakesThemToo) {
  goro::mutex m;
  m.lock();
  go_for(m);
  ASSERT_TRUE(until_waiting(1));
  mutex_peek::store_free(m);
  m.lock();
  mutex_peek::look(&m);  // finds it locked, and leaves that to the holder
  EXPECT_EQ(mutex_peek::seekers(m), 1u);
  m.unlock();
  waiting_.wait();
  EXPECT_EQ(mutex_peek::seekers(m), 0u);
}

TEST_F(MutexSeekers, ALookAtWhatIsNotThereTouchesNothing) {
  void* const page = mmap(nullptr, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(page, MAP_FAILED);
  mutex_peek::look(static_cast<goro::mutex*>(page));
  munmap(page, 4096);
}

TEST_F(MutexSeekers, ALookTooManyIsAnUnlocksWake) {
  goro::mutex m;
  m.lock();
  go_for(m);
  ASSERT_TRUE(until_waiting(1));
  mutex_peek::look(&m);  // of a holder of another mutex, which lay here before
  EXPECT_EQ(mutex_peek::seekers(m), 1u);
  ASSERT_TRUE(until_waiting(1));
  m.unlock();
  waiting_.wait();
}

TEST_F(MutexSeekers, WhoGivesUpHandsItsPlaceOn) {
  goro::mutex m;
  goro_test::cancel_by_hand stop;
  m.lock();
  waiting_.go([&] { EXPECT_EQ(goro::detail::lock_unless_cancelled(m, &stop), goro::errc::canceled); });
  ASSERT_TRUE(until_waiting(1));
  go_for(m);
  ASSERT_TRUE(until_waiting(2));
  stop.cancel();
  ASSERT_TRUE(until_waiting(1));
  EXPECT_EQ(mutex_peek::seekers(m), 1u);
  mutex_peek::store_free(m);
  mutex_peek::look(&m);
  waiting_.wait();
  EXPECT_EQ(had_it_, 1);
  EXPECT_EQ(mutex_peek::seekers(m), 0u);
}

TEST_F(MutexSeekers, WhoGivesUpAloneLeavesNobody) {
  goro::mutex m;
  m.lock();
  EXPECT_FALSE(m.try_lock_for(1ms));
  EXPECT_EQ(mutex_peek::seekers(m), 0u);
  go_for(m);
  ASSERT_TRUE(until_waiting(1));
  EXPECT_EQ(mutex_peek::seekers(m), 1u);  // for the same holder
  mutex_peek::store_free(m);
  mutex_peek::look(&m);
  waiting_.wait();
  EXPECT_EQ(mutex_peek::seekers(m), 0u);
}

TEST_F(MutexSeekers, AfterATimeOfCalmItIsFreedByAStoreAgain) {
  goro::mutex m;
  m.lock();
  go_for(m);
  ASSERT_TRUE(until_waiting(1));
  m.unlock();
  waiting_.wait();
  int pairs = 0;
  for (; mutex_peek::contended(m); ++pairs) {
    ASSERT_LT(pairs, 1'000'000);
    m.lock();
    m.unlock();
  }
  EXPECT_GT(pairs, 1'000);
  EXPECT_EQ(mutex_peek::flags(m), 0u);
  m.lock();
  go_for(m);
  ASSERT_TRUE(until_waiting(1));
  EXPECT_EQ(mutex_peek::seekers(m), 1u);
  m.unlock();
  waiting_.wait();
}

}  // namespace
