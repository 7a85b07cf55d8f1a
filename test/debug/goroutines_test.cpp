// SPDX-License-Identifier: MIT
// goroutines(): who is in it, and what a record says of each kind of wait.
#include <goro/goro.hpp>

#include "sched/introspect.hpp"
#include "support/at_procs.hpp"
#include "support/eventually.hpp"
#include "support/waiting_kinds.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace std::chrono_literals;
using goro_test::eventually;
using goro_test::waiting_kinds;

std::optional<goro::goroutine_info> named(const std::string& name) {
  for (goro::goroutine_info& info : goro::goroutines())
    if (info.name == name) return std::move(info);
  return std::nullopt;
}

bool in_state(const std::string& name, const std::string& state) {
  const auto info = named(name);
  return info.has_value() && info->state == state;
}

bool has_function(const goro::goroutine_info& info, const std::string& part) {
  return std::any_of(info.stack.begin(), info.stack.end(),
                     [&](const goro::stack_frame& f) { return f.function.find(part) != std::string::npos; });
}

class Goroutines : public testing::Test {
 protected:
  goro_test::hang_guard guard_{"Goroutines"};
};

TEST_F(Goroutines, EachKindOfWaitHasItsWordNameAndStack) {
  waiting_kinds kinds;
  ASSERT_TRUE(kinds.all_parked());
  for (const auto& [name, state, function] : kinds.expected()) {
    const auto info = named(name);
    ASSERT_TRUE(info.has_value()) << name;
    EXPECT_EQ(info->state, state) << name;
    EXPECT_TRUE(has_function(*info, function)) << name << ": no " << function << " among "
                                               << testing::PrintToString(info->stack.size()) << " frames";
    EXPECT_NE(info->created_at.pc, 0u) << name;
    EXPECT_NE(info->created_at.file.find("waiting_kinds.hpp"), std::string::npos) << info->created_at.file;
    EXPECT_GT(info->created_at.line, 0);
    EXPECT_EQ(info->created_by, 0u) << name;
    for (const goro::stack_frame& f : info->stack) {
      EXPECT_NE(f.pc, 0u);
      EXPECT_EQ(f.function.find("goro::detail::park"), std::string::npos) << "an inner function is shown";
    }
    if (function == "wait_in_receive") {
      const auto frame = std::find_if(info->stack.begin(), info->stack.end(), [](const goro::stack_frame& f) {
        return f.function.find("wait_in_receive") != std::string::npos;
      });
      EXPECT_NE(frame->file.find("waiting_kinds.hpp"), std::string::npos) << frame->file;
      EXPECT_GT(frame->line, 0);
    }
  }
}

TEST_F(Goroutines, SaysWhatIsWaitedFor) {
  waiting_kinds kinds;
  ASSERT_TRUE(kinds.all_parked());
  EXPECT_EQ(named("group-waiter")->waits_on, &kinds.group());
  EXPECT_NE(named("receiver")->waits_on, nullptr);
  EXPECT_EQ(named("receiver")->waits_on, named("receiver-2")->waits_on);
  EXPECT_NE(named("receiver")->waits_on, named("sender")->waits_on);
  EXPECT_EQ(named("nil-receiver")->waits_on, nullptr);
}

TEST_F(Goroutines, AreThoseThatNumGoroutineCounts) {
  waiting_kinds kinds;
  ASSERT_TRUE(kinds.all_parked());
  EXPECT_EQ(goro::goroutines().size(), goro::num_goroutine());
  goro::async([] {
    EXPECT_EQ(goro::goroutines().size(), goro::num_goroutine()) << "the caller counts";
  }).get();
  std::vector<std::uint64_t> ids;
  for (const auto& info : goro::goroutines()) ids.push_back(info.id);
  EXPECT_TRUE(std::is_sorted(ids.begin(), ids.end()));
  EXPECT_EQ(std::adjacent_find(ids.begin(), ids.end()), ids.end());
}

TEST_F(Goroutines, DaemonsAreIncluded) {
  const auto stop = goro::make_chan<int>();
  const auto gone = goro::make_chan<int>();
  goro::go({.name = "a-daemon", .daemon = true}, [stop, gone] {
    (void)stop.recv();
    gone.close();
  });
  EXPECT_TRUE(eventually([] { return in_state("a-daemon", "chan receive"); }));
  stop.close();
  (void)gone.recv();
}

[[gnu::noinline]] void look_at_oneself(std::optional<goro::goroutine_info>& out) {
  out = named("self");
  asm volatile("" ::: "memory");
}

TEST_F(Goroutines, TheCallersOwnIsRunningAndHasItsStack) {
  std::optional<goro::goroutine_info> seen;
  std::uint64_t id = 0;
  const auto done = goro::make_chan<int>();
  goro::go({.name = "self"}, [&] {
    id = goro::goroutine_id();
    look_at_oneself(seen);
    done.close();
  });
  (void)done.recv();
  ASSERT_TRUE(seen.has_value());
  EXPECT_EQ(seen->id, id);
  EXPECT_EQ(seen->state, "running");
  EXPECT_TRUE(has_function(*seen, "look_at_oneself"));
  EXPECT_EQ(seen->waiting, goro::duration::zero());
}

TEST_F(Goroutines, ARunningOneIsSeenWithoutAStack) {
  std::atomic<bool> stop{false};
  std::atomic<bool> runs{false};
  const auto done = goro::async([&] {
    runs = true;
    while (!stop) std::this_thread::yield();
  });
  ASSERT_TRUE(eventually([&] { return runs.load(); }));
  const auto all = goro::goroutines();
  const auto runner = std::find_if(all.begin(), all.end(),
                                   [](const goro::goroutine_info& g) { return g.state == "running"; });
  ASSERT_NE(runner, all.end());
  EXPECT_TRUE(runner->stack.empty());
  EXPECT_NE(runner->created_at.file.find("goroutines_test.cpp"), std::string::npos)
      << runner->created_at.file;
  stop = true;
  done.wait();
}

TEST_F(Goroutines, OneThatBlocksIsBlockingUntilItComesBack) {
  std::atomic<bool> stop{false};
  std::atomic<bool> back{false};
  const auto go_on = goro::make_chan<int>();
  const auto gone = goro::make_chan<int>();
  goro::go({.name = "blocker"}, [&, go_on, gone] {
    goro::blocking([&] {
      while (!stop) std::this_thread::sleep_for(1ms);
    });
    back = true;
    (void)go_on.recv();
    gone.close();
  });
  EXPECT_TRUE(eventually([] { return in_state("blocker", "blocking"); }));
  stop = true;
  EXPECT_TRUE(eventually([&] { return back && in_state("blocker", "chan receive"); }));
  go_on.close();
  (void)gone.recv();
}

TEST_F(Goroutines, ARunnableOneIsSeen) {
  const int before = goro::set_max_procs(1);
  std::optional<goro::goroutine_info> info;
  std::uint64_t parent = 0;
  // One P, and it is ours, unless looking takes so long that the monitor gives it to another thread: then again.
  const auto seen = [&] {
    goro::async([&] {
      const auto done = goro::make_chan<int>();
      goro::go({.name = "not-yet"}, [done] { done.close(); });
      info = named("not-yet");
      parent = goro::goroutine_id();
      (void)done.recv();
    }).get();
    return info.has_value() && info->state == "runnable";
  };
  EXPECT_TRUE(eventually(seen));
  goro::set_max_procs(before);
  ASSERT_TRUE(info.has_value());
  EXPECT_EQ(info->state, "runnable");
  EXPECT_EQ(info->created_by, parent);
}

TEST_F(Goroutines, SaysForHowLong) {
  const auto release = goro::make_chan<int>();
  const auto gone = goro::make_chan<int>();
  goro::go({.name = "patient"}, [release, gone] {
    (void)release.recv();
    gone.close();
  });
  ASSERT_TRUE(eventually([] { return in_state("patient", "chan receive"); }));
  // A state again: that it has waited for 50 ms.
  EXPECT_TRUE(eventually([] { return named("patient")->waiting >= 50ms; }));
  EXPECT_LT(named("patient")->waiting, 1h);
  release.close();
  (void)gone.recv();
}

TEST_F(Goroutines, AFreshParkAfterALongSilenceIsNotTakenForALongOne) {
  // All Ps idle, the monitor asleep: then the stamp comes from the M that wakes up. One that is kept from the CPU may
  // bring an old one: then again.
  const auto request = goro::make_chan<int>();
  const auto gone = goro::make_chan<int>();
  goro::go({.name = "server"}, [request, gone] {
    while (request.recv()) {
    }
    gone.close();
  });
  EXPECT_TRUE(eventually([&] {
    const bool idle_for_long = eventually([] {
      const auto info = named("server");
      return info.has_value() && info->waiting >= 400ms;
    });
    std::this_thread::sleep_for(300ms);  // nobody asks meanwhile
    const auto before = std::chrono::steady_clock::now();
    request.send(1);
    if (!idle_for_long || !eventually([] { return in_state("server", "chan receive"); })) return false;
    return named("server")->waiting < std::chrono::steady_clock::now() - before + 200ms;
  }));
  request.close();
  (void)gone.recv();
}

[[gnu::noinline]] void dive(int depth, const goro::chan<int>& until) {
  volatile char frame[64];
  frame[0] = static_cast<char>(depth);
  if (depth == 0)
    (void)until.recv();
  else
    dive(depth - 1, until);
  asm volatile("" : : "r"(frame) : "memory");
}

TEST_F(Goroutines, ADeepStackIsCut) {
  const auto until = goro::make_chan<int>();
  const auto gone = goro::make_chan<int>();
  goro::go({.name = "diver"}, [&, until, gone] {
    dive(200, until);
    gone.close();
  });
  ASSERT_TRUE(eventually([] { return in_state("diver", "chan receive"); }));
  const auto info = named("diver");
  EXPECT_TRUE(has_function(*info, "dive"));
  EXPECT_GT(info->stack.size(), 32u);
  EXPECT_LE(info->stack.size(), 200u);
  until.close();
  (void)gone.recv();
}

TEST_F(Goroutines, ANameMayBeLong) {
  const std::string name(1000, 'n');
  const auto until = goro::make_chan<int>();
  const auto gone = goro::make_chan<int>();
  goro::go({.name = name.c_str()}, [until, gone] {
    (void)until.recv();
    gone.close();
  });
  ASSERT_TRUE(
      eventually([] { return goro::detail::parked_count(goro::detail::wait_reason::chan_receive) > 0; }));
  const auto all = goro::goroutines();
  EXPECT_TRUE(std::any_of(all.begin(), all.end(), [&](const goro::goroutine_info& g) {
    return g.name.size() >= 200 && name.starts_with(g.name);
  }));
  until.close();
  (void)gone.recv();
}

}  // namespace
