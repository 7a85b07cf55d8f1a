// SPDX-License-Identifier: MIT
// What the tests of rw_mutex share: no goroutine is left over, and states to wait for.
#pragma once

#include "sched/introspect.hpp"
#include "support/at_procs.hpp"
#include "support/eventually.hpp"
#include "sync/rw_mutex_peek.hpp"

#include <goro/goro.hpp>

#include <gtest/gtest.h>

#include <cstddef>

namespace goro_test {

class rw_mutex_fixture : public testing::Test {
 protected:
  void SetUp() override { before_ = settled_goroutines(); }
  void TearDown() override {
    EXPECT_TRUE(eventually([&] { return goro::num_goroutine() == before_; })) << goro::num_goroutine();
  }
  static bool readers_wait(std::size_t n) {
    return eventually([&] { return goro::detail::parked_count(goro::detail::wait_reason::rw_mutex_read) == n; });
  }
  static bool writers_wait(std::size_t n) {
    return eventually([&] { return goro::detail::parked_count(goro::detail::wait_reason::rw_mutex_write) == n; });
  }
  // One reader, which leaves again: the lock has slots now.
  static void count_apart(goro::rw_mutex& m) {
    ASSERT_TRUE(eventually([&] {  // other locks' slots may be in use at first
      goro::detail::rw_mutex_peek::make_next_reader_claim(m);
      m.lock_shared();
      m.unlock_shared();
      return goro::detail::rw_mutex_peek::has_slots(m);
    }));
  }

  hang_guard guard_{"RwMutex"};
  std::size_t before_ = 0;
};

}  // namespace goro_test
