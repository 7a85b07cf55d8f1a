// SPDX-License-Identifier: MIT
// What waits for long gives back what it has no use for: of a connection that has been served, one page of stack
// stays. And who is given back his pages, or goes on in that moment, misses nothing.
#include "net/served.hpp"

#include "sched/hold.hpp"
#include "sched/on_goroutine.hpp"
#include "sched/park.hpp"
#include "sched/stack_sweep.hpp"
#include "support/at_procs.hpp"

#include <goro/leak.hpp>

namespace {

using namespace goro_test;
using namespace goro::detail;

class IdleConnections : public testing::Test {
 protected:
  void TearDown() override { EXPECT_NO_THROW(family_.verify_none()); }

 private:
  hang_guard guard_{"IdleConnections", 90};
  goro::leak::family family_;
};

// A sanitizer's frames are several times as large, so the wait alone may take two pages there.
constexpr std::size_t pages_of_a_wait = under_sanitizer ? 3 : 1;

TEST_F(IdleConnections, AnIdleProcessKeepsOnePageOfStackEach) {
  served all(200);
  EXPECT_GE(all.least_used(), 5u);
  EXPECT_TRUE(eventually([&] { return all.most_pages() <= pages_of_a_wait; })) << all.most_pages();
  all.ask_all();  // they go on where they were
  EXPECT_GE(all.least_used(), 5u);
  EXPECT_TRUE(eventually([&] { return all.most_pages() <= pages_of_a_wait; })) << all.most_pages();
}

TEST_F(IdleConnections, ABusyProcessToo) {
  const procs_for_now procs(2);
  std::atomic<bool> done{false};
  goro::scope busy;
  busy.go([&] {
    while (!done) goro::yield();
  });
  {
    served all(200);
    EXPECT_TRUE(eventually([&] { return all.most_pages() <= pages_of_a_wait; })) << all.most_pages();
    EXPECT_GE(all.least_used(), 5u);
    all.ask_all();
  }
  done = true;
  busy.wait();
}

// One goroutine that waits, step by step; the test plays its waker. The monitor may look as well, so what is written
// of it is what must hold whoever has looked.
class Sweep : public testing::Test {
 protected:
  void SetUp() override {
    goro::go({.name = "waits"}, [this] {
      const task self = task::current();
      g_ = self.as_goroutine();
      use_much_stack('x');
      parking_ = true;
      park(self, wait_reason::io_wait, this);
      woken_ = true;
    });
    ASSERT_TRUE(eventually([this] { return parking_.load() && note() != 0; }));
  }
  void TearDown() override {
    ready(task(g_));
    EXPECT_TRUE(eventually([this] { return woken_.load(); }));
  }
  static void sweep() {
    sweep_stacks_while([]() noexcept { return true; });
  }
  static void lap() {
    static stack_sweep laps;
    laps.begin_lap();
    laps.go_on();
  }
  int note() const { return g_->off_stack.load(std::memory_order_acquire); }
  std::size_t pages() const { return resident_pages(reinterpret_cast<std::uintptr_t>(g_->stack->bottom)); }

  hang_guard guard_{"Sweep"};
  goroutine* g_ = nullptr;
  std::atomic<bool> parking_{false};
  std::atomic<bool> woken_{false};
};

TEST_F(Sweep, WhoIsBeingWokenIsLeftAlone) {
  {
    const spin_guard hold(walk_lock);
    g_->off_stack.store(1);
    g_->waking.store(1);
  }
  for (int i = 0; i != 3; ++i) {
    sweep();
    lap();
    EXPECT_NE(note(), 2) << "it is not let go";
    EXPECT_NE(note(), 3);
  }
  g_->waking.store(0);
}

TEST_F(Sweep, WhoIsRunningIsLeftAlone) {
  {
    const spin_guard hold(walk_lock);
    g_->off_stack.store(0);  // as a waker does
  }
  for (int i = 0; i != 3; ++i) {
    sweep();
    lap();
    EXPECT_EQ(note(), 0);
  }
  g_->off_stack.store(1);
}

TEST_F(Sweep, IsDoneOnceInAWaitAndADumpMayLookAfterwards) {
  ASSERT_TRUE(eventually([this] { return sweep(), note() == 3; }));
  EXPECT_LE(pages(), pages_of_a_wait);
  const spin_guard hold(walk_lock);
  EXPECT_TRUE(begin_hold(g_));
  end_hold(g_);
  EXPECT_EQ(note(), 1);
}

TEST_F(Sweep, ALapNotesAndTheNextOneSweeps) {
  ASSERT_TRUE(eventually([this] { return lap(), note() == 3; }));
  EXPECT_LE(pages(), pages_of_a_wait);
}

TEST_F(Sweep, WhoeverWalksIsNotWaitedFor) {
  const spin_guard hold(walk_lock);
  g_->off_stack.store(1);
  sweep();  // comes back, or this hangs
  lap();
  EXPECT_EQ(note(), 1);
}

}  // namespace
