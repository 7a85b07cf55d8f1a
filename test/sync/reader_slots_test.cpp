// SPDX-License-Identifier: MIT
#include "sync/reader_slots.hpp"

#include "support/cpus.hpp"

#include <gtest/gtest.h>

#include <cstdint>
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
