// SPDX-License-Identifier: MIT
// Readers that are counted apart, by CPU (sync/reader_slots.hpp), as the lock's users see them.
#include "support/cpus.hpp"
#include "support/eventually.hpp"
#include "sync/reader_slots.hpp"
#include "sync/rw_mutex_fixture.hpp"

#include <goro/goro.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

namespace {

using namespace std::chrono_literals;
using goro_test::eventually;
using peek = goro::detail::rw_mutex_peek;

class RwMutexSlots : public goro_test::rw_mutex_fixture {};

TEST_F(RwMutexSlots, ReadersOfSeveralThreadsAreCountedApartUntilAWriterComes) {
  goro::rw_mutex m;
  const auto read = [&](int n) {
    for (int i = 0; i != n; ++i) {
      m.lock_shared();
      m.unlock_shared();
    }
  };
  const std::vector<int> cpus = goro_test::allowed_cpus();
  if (cpus.size() < 2) GTEST_SKIP() << "needs two CPUs";
  const auto read_on = [&](int cpu) {
    std::thread([&] {
      goro_test::stay_on(cpu);
      read(5'000);
    }).join();
  };
  for (int i = 0; i != 4; ++i) read_on(cpus[0]);
  EXPECT_FALSE(peek::has_slots(m)) << "too few reads of one thread alone";
  read_on(cpus[1]);
  for (int i = 0; i != 4; ++i) read_on(cpus[0]);
  EXPECT_TRUE(!peek::has_slots(m) || goro::detail::slots_are_cheap()) << "it was only moved for a while";
  ASSERT_TRUE(eventually([&] {
    for (const int cpu : {cpus[0], cpus[1]}) read_on(cpu);
    return peek::has_slots(m);
  }));
  m.lock_shared();
  EXPECT_EQ(peek::counted(m), 0u);
  std::thread([&] { m.unlock_shared(); }).join();  // elsewhere than it was locked
  EXPECT_TRUE(m.try_lock());
  m.unlock();
  EXPECT_FALSE(peek::has_slots(m));
  read(10'000);
  EXPECT_FALSE(peek::has_slots(m));
}

// Where one entered and where one left need not agree: the lock is free if the two counts together are 0.
TEST_F(RwMutexSlots, ALockThatWasLeftByTheWordAndEnteredBySlotsIsFree) {
  goro::rw_mutex m;
  peek::make_next_reader_claim(m);
  m.lock_shared();
  m.unlock_shared();
  ASSERT_TRUE(peek::has_slots(m));
  m.lock_shared();
  EXPECT_FALSE(m.try_lock());
  peek::add_readers(m, ~std::uint64_t{0});  // one less: as if that one had left while the slots were moving
  EXPECT_TRUE(m.try_lock());
  m.unlock();
  EXPECT_TRUE(peek::is_free(m));
}

TEST_F(RwMutexSlots, OneReaderAloneHasThemIfTheyAreCheapAndThenLaterAfterEachWrite) {
  goro::rw_mutex m;
  const auto looks = [&](int n) {
    for (int i = 0; i != n * 4'096; ++i) {
      m.lock_shared();
      m.unlock_shared();
    }
  };
  std::thread([&] {
    goro_test::stay_on(goro_test::allowed_cpus().front());
    for (int needed : {16, 32, 64, 128, 128}) {
      looks(needed - 1);
      EXPECT_FALSE(peek::has_slots(m)) << needed;
      looks(2);
      EXPECT_EQ(peek::has_slots(m), goro::detail::slots_are_cheap()) << needed;
      m.lock();
      EXPECT_FALSE(peek::has_slots(m));
      m.unlock();
    }
  }).join();
}

TEST_F(RwMutexSlots, ALockThatIsWrittenNowAndThenHasNone) {
  goro::rw_mutex m;
  for (int i = 0; i != 200'000; ++i) {
    if (i % 1'000 == 0) {
      m.lock();
      m.unlock();
    }
    m.lock_shared();
    ASSERT_FALSE(peek::has_slots(m));
    m.unlock_shared();
  }
}

TEST_F(RwMutexSlots, HoldsFromBeforeAndAfterTheClaimCountTogether) {
  goro::rw_mutex m;
  m.lock_shared();
  count_apart(m);
  ASSERT_TRUE(peek::has_slots(m));
  m.lock_shared();  // this one in a slot
  std::atomic<int> done{0};
  goro::wait_group writer;
  writer.go([&] {
    ASSERT_TRUE(m.try_lock_for(1h));  // a limit, so that it is no deadlock to come, which would be reported
    done = 1;
    m.unlock();
  });
  ASSERT_TRUE(writers_wait(1));
  EXPECT_EQ(peek::counted(m), 2u);
  m.unlock_shared();
  EXPECT_EQ(done, 0);
  EXPECT_TRUE(writers_wait(1));
  m.unlock_shared();
  writer.wait();
  EXPECT_EQ(done, 1);
}

TEST_F(RwMutexSlots, ALockLivesOnWhenItsSlotsAreTaken) {
  goro::rw_mutex m;
  count_apart(m);
  m.lock_shared();
  m.lock_shared();
  for (int i = 0; i != 600; ++i) {  // more than there are columns, and each dies with its slots
    goro::rw_mutex other;
    peek::make_next_reader_claim(other);
    other.lock_shared();
    other.unlock_shared();
  }
  m.unlock_shared();
  EXPECT_FALSE(m.try_lock());
  m.unlock_shared();
  EXPECT_TRUE(m.try_lock());
  m.unlock();
}

}  // namespace
