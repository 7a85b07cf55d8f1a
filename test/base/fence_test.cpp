// SPDX-License-Identifier: MIT
#include "base/fence.hpp"

#include <gtest/gtest.h>

#include <cerrno>
#include <cstdlib>

#include "base/fault.hpp"

using namespace goro::detail;

TEST(Fence, WorksBeforeAndAfterInitialisation) {
  light_fence();
  heavy_fence();
  init_fences();
  init_fences();
  light_fence();
  heavy_fence();
}

TEST(Fence, LeavesErrnoAlone) {
  errno = 1234;
  init_fences();
  heavy_fence();
  EXPECT_EQ(errno, 1234);
}

TEST(Fence, OfSectionsIsThereOrIsNotOnceAndForAll) {
  const bool there = has_section_fence();
  errno = 1234;
  for (int i = 0; i != 3; ++i) {
    EXPECT_EQ(has_section_fence(), there);
    if (there) section_fence();
  }
  EXPECT_EQ(errno, 1234);
}

#if defined(GORO_FAULTS) && !defined(GORO_FENCE_BY_RMW)
// In a process of its own, since the decision is made once.
TEST(FenceDeathTest, FallsBackWhereTheKernelHasNoMembarrier) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      {
        fail_nth("membarrier", 1, ENOSYS);
        init_fences();
        light_fence();
        heavy_fence();
        std::_Exit(fence_registered.load() ? 1 : 0);
      },
      testing::ExitedWithCode(0), "");
}
#endif
