// SPDX-License-Identifier: MIT
// Dumps while everything moves: nothing crashes, no wake-up is lost, each goroutine is seen once.
#include <goro/goro.hpp>

#include "support/at_procs.hpp"
#include "support/eventually.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

namespace {

using goro_test::scaled;

class DumpStress : public goro_test::AtProcs {
 protected:
  // Calls `look` from a plain thread until told to stop; at least once.
  template <class F>
  std::thread watcher(F look) {
    return std::thread([this, look] {
      do look();
      while (!stop_.load());
    });
  }
  static std::size_t dump() {
    std::ostringstream out;
    goro::dump_goroutines(out);
    return out.str().size();
  }

  std::atomic<bool> stop_{false};
};
GORO_AT_PROCS(DumpStress);

TEST_P(DumpStress, AThousandThatParkAndRunLoseNoWakeUp) {
  const int pairs = scaled(500);
  const int rounds = 100;
  std::atomic<std::int64_t> received{0};
  std::thread eyes = watcher([] { (void)goro::goroutines(); });
  {
    goro::wait_group all;
    for (int i = 0; i != pairs; ++i) {
      all.add(2);
      const auto c = goro::make_chan<int>();
      goro::go([c, &all] {
        for (int k = 1; k <= rounds; ++k) c.send(k);
        c.close();
        all.done();
      });
      goro::go([c, &all, &received] {
        for (int k : c) received += k;
        all.done();
      });
    }
    all.wait();
  }
  stop_ = true;
  eyes.join();
  EXPECT_EQ(received, std::int64_t{pairs} * rounds * (rounds + 1) / 2);
}

TEST_P(DumpStress, SleepersWakeWhileTheyAreLookedAt) {
  std::thread eyes = watcher([] { (void)dump(); });
  std::atomic<int> woken{0};
  goro::wait_group all;
  const int n = scaled(200);
  for (int i = 0; i != n; ++i) {
    all.add(1);
    goro::go([&, i] {
      for (int k = 0; k != 20; ++k) goro::sleep_for(std::chrono::microseconds(50 + 7 * i));
      ++woken;
      all.done();
    });
  }
  all.wait();
  stop_ = true;
  eyes.join();
  EXPECT_EQ(woken, n);
}

TEST_P(DumpStress, ABroadcastFindsAllOfThem) {
  std::thread eyes = watcher([] { (void)goro::goroutines(); });
  for (int round = 0; round != scaled(20); ++round) {
    const auto gate = goro::make_chan<int>();
    goro::wait_group all;
    all.add(300);
    for (int i = 0; i != 300; ++i)
      goro::go([gate, &all] {
        (void)gate.recv();
        all.done();
      });
    goro::yield();
    gate.close();
    all.wait();
  }
  stop_ = true;
  eyes.join();
}

TEST_P(DumpStress, NamedOnesComeAndGo) {
  std::atomic<int> wrong{0};
  std::thread eyes = watcher([&wrong] {
    std::vector<std::uint64_t> ids;
    for (const auto& info : goro::goroutines()) {
      ids.push_back(info.id);
      if (!info.name.empty() && !info.name.starts_with("short-lived-")) ++wrong;
      if (info.created_at.pc == 0) ++wrong;
    }
    if (std::adjacent_find(ids.begin(), ids.end()) != ids.end()) ++wrong;
  });
  for (int round = 0; round != scaled(200); ++round) {
    goro::wait_group all;
    for (int i = 0; i != 20; ++i) {
      all.add(1);
      goro::go({.name = ("short-lived-" + std::to_string(i)).c_str()}, [&all] {
        goro::yield();
        all.done();
      });
    }
    all.wait();
  }
  stop_ = true;
  eyes.join();
  EXPECT_EQ(wrong, 0);
}

TEST_P(DumpStress, ThoseWhoStayAreInEveryDump) {
  const auto release = goro::make_chan<int>();
  goro::wait_group all;
  constexpr int staying = 50;
  for (int i = 0; i != staying; ++i) {
    all.add(1);
    goro::go({.name = "stays"}, [release, &all] {
      (void)release.recv();
      all.done();
    });
  }
  std::thread others([this] {
    while (!stop_.load()) {
      goro::wait_group some;
      for (int i = 0; i != 50; ++i) {
        some.add(1);
        goro::go([&some] { some.done(); });
      }
      some.wait();
    }
  });
  for (int round = 0; round != scaled(50); ++round) {
    const auto seen = goro::goroutines();
    EXPECT_EQ(std::count_if(seen.begin(), seen.end(), [](const auto& g) { return g.name == "stays"; }),
              staying);
  }
  stop_ = true;
  others.join();
  release.close();
  all.wait();
}

TEST_P(DumpStress, DumpersMayBeGoroutinesAndMany) {
  goro::wait_group all;
  for (int i = 0; i != 8; ++i) {
    all.add(1);
    goro::go([&all] {
      for (int k = 0; k != 1 + scaled(10); ++k) {
        EXPECT_GE(goro::goroutines().size(), 1u);
        goro::yield();
      }
      all.done();
    });
  }
  all.wait();
}

}  // namespace
