// SPDX-License-Identifier: MIT
#include "sync/reader_slots.hpp"

#include "base/fault.hpp"
#include "support/cpus.hpp"

#include <gtest/gtest.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <set>
#include <thread>
#include <vector>

namespace {

using namespace goro::detail;

slot_ticket claim() {
  for (int i = 0; i != 100; ++i)  // a column that was in use gets a second chance
    if (const slot_ticket t = claim_slots()) return t;
  ADD_FAILURE() << "all columns are in use";
  return 0;
}

// As rw_mutex does.
bool enter(slot_ticket t) { return enter_section(t) || enter_slot(t); }
bool leave(slot_ticket t) { return leave_section(t) || leave_slot(t); }

// A thread that a signal or the scheduler interrupts in a section is refused, as it should be.
bool surely(bool section(slot_ticket), slot_ticket t) {
  for (int i = 0; i != 100; ++i)
    if (section(t)) return true;
  return false;
}
bool enters(slot_ticket t) { return enter_section(t); }
bool leaves(slot_ticket t) { return leave_section(t); }

void on_cpu(int cpu, auto body) {
  std::thread([&] {
    ASSERT_TRUE(goro_test::stay_on(cpu));
    body();
  }).join();
}

TEST(ReaderSlots, CountsWhoEntersAndLeavesAnywhere) {
  const slot_ticket t = claim();
  EXPECT_FALSE(leave_slot(t));
  EXPECT_TRUE(enter_slot(t));
  for (int i = 0; i != 20; ++i) std::thread([&] { EXPECT_TRUE(enter_slot(t)); }).join();
  EXPECT_EQ(readers_in_slots(t), 21u);
  for (int i = 0; i != 18; ++i) EXPECT_TRUE(leave_slot(t));
  EXPECT_EQ(close_slots(t), 3u);
  EXPECT_EQ(readers_in_slots(t), 0u);
}

TEST(ReaderSlots, AClosedTicketOpensNothing) {
  const slot_ticket t = claim();
  ASSERT_TRUE(enter_slot(t));
  EXPECT_EQ(close_slots(t), 1u);
  EXPECT_FALSE(enter_slot(t));
  EXPECT_FALSE(leave_slot(t));
  EXPECT_EQ(close_slots(t), 0u);
}

TEST(ReaderSlots, SectionsAndSwapsCountInTheSameCells) {
  const slot_ticket t = claim();
  for (int i = 0; i != 30; ++i)
    std::thread([&, i] { EXPECT_TRUE(i % 3 == 0 ? enter_slot(t) : enter(t)); }).join();
  EXPECT_EQ(readers_in_slots(t), 30u);
  for (int i = 0; i != 25; ++i)
    std::thread([&, i] { EXPECT_TRUE(i % 3 == 0 ? leave_slot(t) : leave(t)); }).join();
  EXPECT_EQ(readers_in_slots(t), 5u);
  EXPECT_EQ(close_slots(t), 5u);
  EXPECT_FALSE(enter(t));
  EXPECT_FALSE(leave(t));
}

TEST(ReaderSlots, OneTooManyIsFoundOnWhicheverCpuReadersLeave) {
  const std::vector<int> cpus = goro_test::allowed_cpus();
  const slot_ticket t = claim();
  for (int round = 0; round != 8; ++round) {  // in by the one, out by the other
    on_cpu(cpus.front(), [&] { EXPECT_TRUE(enter(t)); });
    on_cpu(cpus.back(), [&] { EXPECT_TRUE(leave(t)); });
    EXPECT_EQ(readers_in_slots(t), 0u);
    on_cpu(cpus.front(), [&] { EXPECT_FALSE(leave(t)); });
    on_cpu(cpus.back(), [&] { EXPECT_FALSE(leave(t)); });
  }
  EXPECT_EQ(close_slots(t), 0u);
}

TEST(ReaderSlots, ASectionCountsInTheCellOfItsCpu) {
  if (!slots_are_cheap()) GTEST_SKIP() << "no restartable sequences here";
  const int cpu = goro_test::allowed_cpus().front();
  if (cpu >= 64) GTEST_SKIP() << "needs one of the first CPUs";
  on_cpu(cpu, [] {
    const slot_ticket t = claim();
    EXPECT_FALSE(leave_section(t));
    for (int i = 0; i != 3; ++i) EXPECT_TRUE(surely(enters, t));
    EXPECT_EQ(readers_in_slots(t), 3u);
    for (int i = 0; i != 3; ++i) EXPECT_TRUE(surely(leaves, t));
    EXPECT_FALSE(surely(leaves, t));
    std::uint64_t readers = 0;
    while (surely(enters, t)) ++readers;  // until the cell is full
    EXPECT_GE(readers, std::uint64_t{most_slot_readers});
    EXPECT_TRUE(enter_slot(t));
    EXPECT_EQ(close_slots(t), readers + 1);
    EXPECT_FALSE(surely(enters, t));
    EXPECT_FALSE(surely(leaves, t));
  });
}

TEST(ReaderSlots, ReadersInSectionsKeepTheirColumn) {
  const slot_ticket used = claim();
  ASSERT_TRUE(enter(used));
  const slot_ticket busy = claim();
  for (int i = 0; i != 1'000; ++i) {
    const slot_ticket t = claim_slots();  // once: it looks at a few columns only
    ASSERT_TRUE(t == 0 || enter(t));
    ASSERT_TRUE(t == 0 || leave(t));
    ASSERT_TRUE(enter(busy)) << "a column in use was taken";
    ASSERT_TRUE(leave(busy));
  }
  EXPECT_EQ(close_slots(used), 1u);
  EXPECT_EQ(close_slots(busy), 0u);
}

TEST(ReaderSlots, AColumnIsTakenOnlyWhileNobodyIsIn) {
  const slot_ticket t = claim();
  const std::size_t column = t & 0x7f;
  for (const bool by_swap : {false, true}) {
    ASSERT_TRUE(by_swap ? enter_slot(t) : enter(t));
    EXPECT_EQ(claim_column(t, column), 0u);
    EXPECT_EQ(readers_in_slots(t), 1u);
    EXPECT_TRUE(enter(t)) << "it should be open again";
    EXPECT_TRUE(leave(t));
    EXPECT_TRUE(leave(t));
  }
  EXPECT_EQ(close_slots(t), 0u);
  const slot_ticket next = claim_column(t, column);
  EXPECT_NE(next, 0u);
  const slot_ticket thief = claim_column(next, column);
  EXPECT_NE(thief, 0u);
  EXPECT_FALSE(enter(next));
  EXPECT_EQ(close_slots(next), 0u);
  EXPECT_TRUE(enter(thief));
  EXPECT_EQ(close_slots(thief), 1u);
}

#if defined(GORO_FAULTS) && defined(GORO_READER_SECTIONS)
// In a process of its own, since the decision is made once.
TEST(ReaderSlotsDeathTest, CountBySwapWhereTheKernelCannotEndSections) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      {
        fail_nth("membarrier for sections", 1, EPERM);
        const slot_ticket t = claim_slots();
        const bool right = !slots_are_cheap() && (t & by_section) == 0 && !enter_section(t) && enter(t) &&
                           enter(t) && leave(t) && close_slots(t) == 1 && !enter(t);
        std::_Exit(right ? 0 : 1);
      },
      testing::ExitedWithCode(0), "");
}
#endif

TEST(ReaderSlots, AFullCellRefuses) {
  std::thread([] {
    ASSERT_TRUE(goro_test::stay_on(goro_test::allowed_cpus().front()));  // the CPU's cell
    const slot_ticket t = claim();
    for (std::uint32_t i = 0; i != most_slot_readers; ++i) ASSERT_TRUE(enter_slot(t));
    EXPECT_FALSE(enter_slot(t));
    EXPECT_TRUE(leave_slot(t));
    EXPECT_TRUE(enter_slot(t));
    EXPECT_EQ(close_slots(t), std::uint64_t{most_slot_readers});
  }).join();
}

TEST(ReaderSlots, ReadersOnTwoCpusAreInTwoRows) {
  const std::vector<int> cpus = goro_test::allowed_cpus();
  if (cpus.size() < 2 || cpus[1] >= 16) GTEST_SKIP() << "needs two of the first CPUs";
  const slot_ticket t = claim();
  std::uint32_t places[2] = {};
  for (int i = 0; i != 2; ++i)
    std::thread([&, i] {
      ASSERT_TRUE(goro_test::stay_on(cpus[static_cast<std::size_t>(i)]));
      places[i] = reader_place();
      for (std::uint32_t n = 0; n != most_slot_readers; ++n) ASSERT_TRUE(enter_slot(t));
      EXPECT_FALSE(enter_slot(t));
    }).join();
  EXPECT_NE(places[0], places[1]);
  EXPECT_EQ(close_slots(t), 2 * std::uint64_t{most_slot_readers});
}

TEST(ReaderSlots, ColumnsLeftBehindAreTakenAndThoseWithReadersAreNot) {
  const slot_ticket used = claim();
  ASSERT_TRUE(enter_slot(used));
  const slot_ticket idle = claim();
  std::set<slot_ticket> seen{used, idle};
  for (int i = 0; i != 1'000; ++i) {
    const slot_ticket t = claim();
    ASSERT_TRUE(seen.insert(t).second) << "a ticket was given twice";
    ASSERT_TRUE(enter_slot(t));
    ASSERT_TRUE(leave_slot(t));
  }
  EXPECT_FALSE(enter_slot(idle)) << "its column should have another owner";
  EXPECT_EQ(readers_in_slots(used), 1u);
  EXPECT_EQ(close_slots(used), 1u);
  EXPECT_EQ(close_slots(idle), 0u);
}

}  // namespace
