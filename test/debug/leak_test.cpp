// SPDX-License-Identifier: MIT
// leak::find, verify_none, families, old and growth.
#include <goro/goro.hpp>

#include "sched/family.hpp"
#include "support/at_procs.hpp"
#include "support/eventually.hpp"
#include "support/waiting_kinds.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace {

using namespace std::chrono_literals;
using goro_test::eventually;
using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
namespace leak = goro::leak;

const leak::options at_once{.timeout = goro::duration::zero()};

GORO_TEST_FRAME void wait_here(const goro::chan<int>& until) {
  (void)until.recv();
  asm volatile("" ::: "memory");
}

class Leak : public testing::Test {
 protected:
  // Goroutines that stay until the test ends.
  void stay(const char* name, bool daemon = false) {
    left_.fetch_add(1);
    goro::go({.name = name, .daemon = daemon}, [this] {
      wait_here(until_);
      left_.fetch_sub(1);
    });
  }
  // Until they are where they stay.
  [[nodiscard]] bool all_stay(std::size_t n) {
    return eventually([&] {
      const auto all = goro::goroutines();
      return std::count_if(all.begin(), all.end(), [](const goro::goroutine_info& g) {
               return g.state == "chan receive";
             }) >= static_cast<std::ptrdiff_t>(n);
    });
  }
  void TearDown() override {
    until_.close();
    EXPECT_TRUE(eventually([this] { return left_.load() == 0; }));
    EXPECT_THAT(leak::find({.timeout = 30s}), IsEmpty());
  }

  goro_test::hang_guard guard_{"Leak"};
  goro::chan<int> until_ = goro::make_chan<int>();
  std::atomic<int> left_{0};
};

TEST_F(Leak, NothingIsFoundWhereNothingIs) {
  EXPECT_THAT(leak::find(at_once), IsEmpty());
  EXPECT_NO_THROW(leak::verify_none());
}

TEST_F(Leak, OneThatStaysIsFoundWithAllThatIsKnown) {
  stay("stayer");
  const auto found = leak::find({.timeout = 50ms});
  ASSERT_THAT(found, SizeIs(1));
  EXPECT_EQ(found[0].name, "stayer");
  EXPECT_EQ(found[0].state, "chan receive");
  EXPECT_EQ(found[0].created_by, 0u);
  EXPECT_THAT(found[0].created_at.file, HasSubstr("leak_test.cpp"));
  EXPECT_THAT(found[0].created_at.function, HasSubstr("stay"));
  EXPECT_TRUE(std::any_of(found[0].stack.begin(), found[0].stack.end(), [](const goro::stack_frame& f) {
    return f.function.find("wait_here") != std::string::npos;
  }));
}

TEST_F(Leak, OnesThatEndInTimeAreNone) {
  const auto leave = goro::make_chan<int>();
  for (int i = 0; i != 200; ++i)
    goro::go([leave] {
      (void)leave.recv();
      goro::sleep_for(20ms);
    });
  ASSERT_FALSE(leak::find(at_once).empty());
  leave.close();
  EXPECT_THAT(leak::find({.timeout = 30s}), IsEmpty());
}

TEST_F(Leak, OneOnItsWayOutIsNone) {
  for (int i = 0; i != 500; ++i) {
    const auto said = goro::make_chan<int>();
    goro::go([said] { said.close(); });
    (void)said.recv();  // it has done all that it does, but may still be there
    ASSERT_THAT(leak::find({.timeout = 30s}), IsEmpty());
  }
}

TEST_F(Leak, OneThatRunsIsFoundWithoutAStack) {
  std::atomic<bool> runs{false};
  std::atomic<bool> stop{false};
  left_ = 1;
  goro::go({.name = "runner"}, [&] {
    runs = true;
    while (!stop) std::this_thread::yield();
    left_ = 0;
  });
  ASSERT_TRUE(eventually([&] { return runs.load(); }));
  const auto found = leak::find({.timeout = 20ms});
  stop = true;
  ASSERT_TRUE(eventually([this] { return left_.load() == 0; }));
  ASSERT_THAT(found, SizeIs(1));
  EXPECT_EQ(found[0].name, "runner");
  EXPECT_EQ(found[0].state, "running");
  EXPECT_THAT(found[0].stack, IsEmpty());
}

TEST_F(Leak, NeitherTheCallerNorDaemonsAreFound) {
  stay("a daemon", true);
  ASSERT_TRUE(all_stay(1));
  EXPECT_THAT(goro::async([] { return leak::find({.timeout = 20ms}); }).get(), IsEmpty());
  EXPECT_THAT(leak::find({.timeout = 30s}), IsEmpty());
}

TEST_F(Leak, IgnoresFunctionsOfTheStack) {
  stay("stayer");
  ASSERT_TRUE(all_stay(1));
  EXPECT_THAT(leak::find(leak::options{.timeout = 30s}.ignore_function("wait_he")), IsEmpty());
  EXPECT_THAT(leak::find(leak::options{.timeout = 10ms}.ignore_function("wait_there")), SizeIs(1));
}

// Not in the name of what it starts, as it would be of a lambda of its own.
template <class F>
[[gnu::noinline]] void start_elsewhere(F f) {
  goro::go(std::move(f));
  asm volatile("");
}

TEST_F(Leak, IgnoresFunctionsThatStartedThem) {
  const auto stays = [this] {
    (void)until_.recv();
    left_.fetch_sub(1);
  };
  left_.fetch_add(2);
  start_elsewhere(stays);
  goro::go([stays] { start_elsewhere(stays); });
  ASSERT_TRUE(all_stay(2));
  for (const auto& g : leak::find(at_once))
    for (const auto& f : g.stack)
      ASSERT_EQ(f.function.find("start_elsewhere"), std::string::npos) << f.function;
  EXPECT_THAT(leak::find(leak::options{.timeout = 30s}.ignore_function("start_elsewhere")), IsEmpty());
}

TEST_F(Leak, IgnoresSomeAndFindsTheRest) {
  stay("stayer");
  left_.fetch_add(1);
  goro::go({.name = "other"}, [this] {
    (void)until_.recv();
    left_.fetch_sub(1);
  });
  ASSERT_TRUE(all_stay(2));
  try {
    leak::verify_none(leak::options{.timeout = 10ms}.ignore_function("no such").ignore_function("wait_here"));
    FAIL();
  } catch (const leak::error& e) {
    ASSERT_THAT(e.leaked(), SizeIs(1));
    EXPECT_EQ(e.leaked()[0].name, "other");
    EXPECT_THAT(e.what(), AllOf(HasSubstr("\"other\""), HasSubstr("1 goroutine is still there")));
    EXPECT_EQ(std::string(e.what()).find("stayer"), std::string::npos) << e.what();
  }
}

TEST_F(Leak, IgnoresIds) {
  stay("stayer");
  ASSERT_TRUE(all_stay(1));
  const auto id = leak::find(at_once).at(0).id;
  EXPECT_THAT(leak::find({.timeout = 30s, .ignore_ids = {id}}), IsEmpty());
  EXPECT_THAT(leak::find({.timeout = 10ms, .ignore_ids = {id + 1000}}), SizeIs(1));
}

TEST_F(Leak, IgnoresThoseThatWereThereBefore) {
  for (int i = 0; i != 100; ++i) stay("before");
  leak::options how{.timeout = 30s};
  how.ignore_current();
  EXPECT_THAT(leak::find(how), IsEmpty());
  stay("after");
  how.timeout = 10ms;
  const auto found = leak::find(how);
  ASSERT_THAT(found, SizeIs(1));
  EXPECT_EQ(found[0].name, "after");
}

TEST_F(Leak, TheErrorIsAReport) {
  for (int i = 0; i != 3; ++i) stay("alike");
  ASSERT_TRUE(all_stay(3));
  goro::sleep_for(20ms);
  try {
    leak::verify_none({.timeout = 20ms});
    FAIL();
  } catch (const std::runtime_error& e) {
    EXPECT_THAT(e.what(),
                testing::StartsWith("goro: leak::verify_none: 3 goroutines are still there after 20 "
                                    "ms; let them come to an end, or ignore them"));
    for (const char* words : {"3 goroutines like this:", "\"alike\" [chan receive", " on channel 0x",
                              "wait_here", "leak_test.cpp:", "created by a plain thread at "})
      EXPECT_THAT(e.what(), HasSubstr(words));
    EXPECT_THAT(dynamic_cast<const leak::error&>(e).leaked(), SizeIs(3));
  }
}

TEST_F(Leak, CanBeMadeByOthers) {
  const leak::error made("a report", {goro::goroutine_info{}});
  const leak::error copy = made;
  EXPECT_STREQ(copy.what(), "a report");
  EXPECT_THAT(copy.leaked(), SizeIs(1));
}

TEST_F(Leak, AFamilyIsDescendantsThoughTheirCreatorsAreGone) {
  stay("stranger");
  {
    const leak::family mine;
    goro::go([this] { goro::go([this] { stay("great-grandchild"); }); });
    ASSERT_TRUE(all_stay(2));
    EXPECT_THAT(leak::find({.timeout = 20ms}), SizeIs(2)) << "its parents have ended";
    const auto found = mine.find({.timeout = 10ms});
    ASSERT_THAT(found, SizeIs(1));
    EXPECT_EQ(found[0].name, "great-grandchild");
    EXPECT_THROW(mine.verify_none({.timeout = 10ms}), leak::error);
    stay("later");
    EXPECT_THAT(mine.find(at_once), SizeIs(2));
  }
  const leak::family next;
  EXPECT_THAT(next.find(at_once), IsEmpty()) << "what was left before is not its";
  stay("of the next");
  EXPECT_THAT(next.find(at_once), SizeIs(1));
}

TEST_F(Leak, TestsThatRunAtTheSameTimeDoNotSeeEachOther) {
  constexpr int tests = 8;
  std::atomic<int> ready{0};
  std::vector<std::size_t> found(tests);
  const auto test = [&](int i) {
    const leak::family mine;
    for (int n = 0; n != i; ++n) goro::go([this] { stay("left over"); });
    ready.fetch_add(1);
    ASSERT_TRUE(eventually([&] { return ready.load() == tests; }));
    ASSERT_TRUE(all_stay(tests * (tests - 1) / 2));
    EXPECT_TRUE(eventually([&] { return mine.find(at_once).size() == static_cast<std::size_t>(i); }));
    found[static_cast<std::size_t>(i)] = mine.find({.timeout = 5ms}).size();
  };
  std::vector<std::thread> threads;
  goro::wait_group all;
  for (int i = 0; i != tests; ++i) {  // half of them on threads, half of them goroutines
    if (i % 2 == 0) {
      threads.emplace_back(test, i);
    } else {
      all.add(1);
      goro::go([&, i] {
        test(i);
        all.done();
      });
    }
  }
  for (std::thread& t : threads) t.join();
  all.wait();
  for (int i = 0; i != tests; ++i) EXPECT_EQ(found[static_cast<std::size_t>(i)], static_cast<std::size_t>(i));
}

TEST_F(Leak, FamiliesNest) {
  const leak::family outer;
  stay("of the outer");
  {
    const leak::family inner;
    stay("of the inner");
    EXPECT_THAT(inner.find(at_once), SizeIs(1));
    EXPECT_THAT(outer.find(at_once), SizeIs(2));
    const leak::family innermost;
    stay("of the innermost");
    EXPECT_THAT(innermost.find(at_once), SizeIs(1));
    EXPECT_THAT(inner.find(at_once), SizeIs(2));
    EXPECT_THAT(outer.find(at_once), SizeIs(3));
  }
  stay("of the outer again");
  EXPECT_THAT(outer.find(at_once), SizeIs(4));
}

TEST_F(Leak, WhoeverMadeTheFamilyIsNotInIt) {
  goro::async([this] {
    const leak::family mine;
    stay("child");
    std::vector<goro::goroutine_info> found;
    std::thread([&] { found = mine.find({.timeout = 10ms}); }).join();
    ASSERT_THAT(found, SizeIs(1));
    EXPECT_EQ(found[0].name, "child");
  }).get();
}

TEST_F(Leak, AfterFuncsGoroutineIsOfTheFamilyThatCalledForIt) {
  const leak::family mine;
  const auto later = goro::after_func(1ms, [this] { stay("by a timer"); });
  ASSERT_TRUE(all_stay(1));
  EXPECT_TRUE(eventually([&] { return mine.find(at_once).size() == 1; }));
  EXPECT_EQ(goro::detail::current_family() != 0, true);
}

TEST_F(Leak, ThreadsInheritNothing) {
  const leak::family mine;
  std::thread([this] { stay("of a thread"); }).join();
  ASSERT_TRUE(all_stay(1));
  EXPECT_THAT(mine.find({.timeout = 5ms}), IsEmpty());
  EXPECT_THAT(leak::find(at_once), SizeIs(1));
}

TEST_F(Leak, AFamilyWithMembersKeepsItsNumber) {
  using namespace goro::detail;
  family_id kept = 0;
  {
    const leak::family mine;
    kept = current_family();
    stay("member");
  }
  const family_id above = open_family(0);
  const family_id open = open_family(above);  // nobody in it, but open
  close_family(above);
  for (int i = 0; i != 66'000; ++i) {
    const family_id f = open_family(0);
    ASSERT_NE(f, 0u) << i;
    ASSERT_NE(f, kept) << i;
    ASSERT_NE(f, above) << i;
    ASSERT_NE(f, open) << i;
    close_family(f);
  }
  EXPECT_TRUE(descends_from(open, above));
  EXPECT_FALSE(descends_from(above, open));
  close_family(open);
}

TEST_F(Leak, OldOnesTheLongestFirst) {
  stay("first");
  ASSERT_TRUE(eventually([] { return leak::old(100ms).size() == 1; }));
  stay("second");
  stay("a daemon", true);
  ASSERT_TRUE(eventually([] { return leak::old(50ms).size() == 2; }));
  const auto both = leak::old(50ms);
  EXPECT_EQ(both[0].name, "first");
  EXPECT_EQ(both[1].name, "second");
  EXPECT_GE(both[0].waiting, both[1].waiting);
  EXPECT_FALSE(both[0].stack.empty());
  EXPECT_THAT(leak::old(1h), IsEmpty());
}

TEST_F(Leak, GrowthIsSinceTheLastCall) {
  (void)leak::growth();
  const auto more = [this](int n) {
    for (int i = 0; i != n; ++i) stay("grows");
  };
  const auto of_stay = [](const std::vector<leak::site>& all) {
    return std::find_if(all.begin(), all.end(), [](const leak::site& s) {
      return s.created_at.function.find("stay") != std::string::npos;
    });
  };
  more(3);
  auto grown = leak::growth();
  ASSERT_NE(of_stay(grown), grown.end());
  EXPECT_EQ(of_stay(grown)->grown, 3u);
  EXPECT_EQ(of_stay(grown)->count, 3u);
  EXPECT_THAT(of_stay(grown)->created_at.file, HasSubstr("leak_test.cpp"));
  EXPECT_GT(of_stay(grown)->created_at.line, 0);
  EXPECT_THAT(leak::growth(), IsEmpty());
  more(2);
  stay("a daemon", true);
  grown = leak::growth();
  ASSERT_THAT(grown, SizeIs(1));
  EXPECT_EQ(grown[0].grown, 2u);
  EXPECT_EQ(grown[0].count, 5u);
}

}  // namespace
