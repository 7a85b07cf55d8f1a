// SPDX-License-Identifier: MIT
#include "sched/introspect.hpp"
#include "sched/on_goroutine.hpp"
#include "support/at_procs.hpp"
#include "support/eventually.hpp"

#include <goro/concurrent_map.hpp>
#include <goro/goro.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace {

using goro_test::on_goroutine;

class ConcurrentMap : public testing::Test {
 protected:
  goro_test::hang_guard guard_{"ConcurrentMap"};
};

// All keys under one hash, or under few: what is rare otherwise becomes the rule.
struct one_hash {
  std::size_t operator()(int) const { return 5; }
};
struct few_hashes {
  std::size_t operator()(int key) const { return static_cast<std::size_t>(key % 7); }
};

// Counts those alive.
struct counted {
  explicit counted(int n = 0) : number(n) { ++alive; }
  counted(const counted& other) : number(other.number) { ++alive; }
  counted& operator=(const counted&) = default;
  ~counted() { --alive; }
  friend bool operator==(const counted& a, const counted& b) { return a.number == b.number; }

  int number;
  inline static std::atomic<int> alive{0};
};

template <class Map>
int size_of(const Map& m) {
  int n = 0;
  m.range([&n](const auto&, const auto&) {
    ++n;
    return true;
  });
  return n;
}

// The same random operations on a map with a known answer.
template <class Map>
void compare_with_std_map(std::uint64_t seed) {
  Map m;
  std::map<int, int> expected;
  std::mt19937_64 random(seed);
  const auto value_of = [&](int k) {
    const auto at = expected.find(k);
    return at == expected.end() ? std::optional<int>() : std::optional<int>(at->second);
  };
  for (int step = 0; step != 20'000; ++step) {
    const int k = static_cast<int>(random() % 60);
    const int v = static_cast<int>(random() % 4);
    const int w = static_cast<int>(random() % 4);
    const auto before = value_of(k);
    switch (random() % 21) {
      case 0:
      case 1:
      case 2:
        m.store(k, v);
        expected[k] = v;
        break;
      case 3:
      case 4:
      case 5: ASSERT_EQ(m.load(k), before); break;
      case 6:
      case 7: {
        const auto got = m.load_or_store(k, v);
        ASSERT_EQ(got, std::pair(before.value_or(v), before.has_value()));
        expected.try_emplace(k, v);
        break;
      }
      case 8:
      case 9:
        ASSERT_EQ(m.load_and_delete(k), before);
        expected.erase(k);
        break;
      case 10:
      case 11:
      case 12:
        ASSERT_EQ(m.erase(k), before.has_value());
        expected.erase(k);
        break;
      case 13:
      case 14:
        ASSERT_EQ(m.swap(k, v), before);
        expected[k] = v;
        break;
      case 15:
      case 16: {
        const bool fits = before == v;
        ASSERT_EQ(m.compare_and_swap(k, v, w), fits);
        if (fits) expected[k] = w;
        break;
      }
      case 17:
      case 18:
        ASSERT_EQ(m.compare_and_erase(k, v), before == v);
        if (before == v) expected.erase(k);
        break;
      case 19: {
        std::map<int, int> seen;
        m.range([&](int key, int value) {
          EXPECT_TRUE(seen.emplace(key, value).second);
          return true;
        });
        ASSERT_EQ(seen, expected);
        break;
      }
      default:
        if (random() % 50 != 0) break;
        m.clear();
        expected.clear();
    }
  }
}

TEST_F(ConcurrentMap, MP01_AgreesWithAStdMap) {
  compare_with_std_map<goro::concurrent_map<int, int>>(goro_test::seed());
}

TEST_F(ConcurrentMap, MP01_AgreesWithAStdMapWhenHashesCollide) {
  compare_with_std_map<goro::concurrent_map<int, int, few_hashes>>(goro_test::seed());
  compare_with_std_map<goro::concurrent_map<int, int, one_hash>>(goro_test::seed() + 1);
}

TEST_F(ConcurrentMap, MP01_AgreesInsideAGoroutine) {
  on_goroutine([] { compare_with_std_map<goro::concurrent_map<int, int>>(goro_test::seed() + 2); });
}

TEST_F(ConcurrentMap, HoldsManyKeys) {
  goro::concurrent_map<std::string, int> m;
  for (int i = 0; i != 20'000; ++i) m.store("key " + std::to_string(i), i);
  for (int i = 0; i != 20'000; ++i) ASSERT_EQ(m.load("key " + std::to_string(i)), i);
  EXPECT_EQ(m.load("key"), std::nullopt);
  EXPECT_EQ(size_of(m), 20'000);
  for (int i = 0; i != 20'000; i += 2) ASSERT_TRUE(m.erase("key " + std::to_string(i)));
  EXPECT_EQ(size_of(m), 10'000);
  int calls = 0;
  m.range([&calls](const std::string&, int) { return ++calls != 3; });
  EXPECT_EQ(calls, 3);
}

TEST_F(ConcurrentMap, MP03_RangeInsideRangeWithChanges) {
  goro::concurrent_map<int, std::string> m;
  const char* const words[] = {"hello", "world", "goro"};
  for (int i = 0; i != 3; ++i) m.store(i, words[i]);
  m.range([&](int outer, const std::string&) {
    m.range([&](int inner, const std::string& value) {
      EXPECT_NE(inner, 42);
      EXPECT_EQ(m.load(inner), value);
      EXPECT_FALSE(m.load_or_store(42, "dummy").second);
      m.store(42, "other");
      EXPECT_EQ(m.load_and_delete(42), "other");
      return true;
    });
    EXPECT_TRUE(m.erase(outer));
    return true;
  });
  EXPECT_EQ(size_of(m), 0);
}

TEST_F(ConcurrentMap, RangeKeepsWhatItShowsThoughItIsErased) {
  counted::alive = 0;
  goro::concurrent_map<int, counted> m;
  for (int i = 0; i != 100; ++i) m.store(i, counted(i));
  m.range([&](int key, const counted& value) {
    if (key % 2 == 0) m.erase(key);
    if (key % 10 == 1) m.clear();
    if (key % 3 == 0) m.store(key, counted(-1));
    EXPECT_EQ(value.number, key);
    return key % 10 != 1;
  });
  m.clear();
  EXPECT_EQ(counted::alive, 0);
}

TEST_F(ConcurrentMap, MP04_CompareAndSwapOnAMissingKeyFails) {
  goro::concurrent_map<std::string, int> m;
  EXPECT_FALSE(m.compare_and_swap("none", 0, 1));
  EXPECT_FALSE(m.compare_and_erase("none", 0));
  EXPECT_EQ(m.load("none"), std::nullopt);
  m.store("none", 0);
  EXPECT_TRUE(m.erase("none"));
  EXPECT_FALSE(m.compare_and_swap("none", 0, 1));
  EXPECT_EQ(size_of(m), 0);
}

TEST_F(ConcurrentMap, MP05_FreshKeysForEverKeepNothing) {
  counted::alive = 0;
  goro::concurrent_map<int, counted> m;
  for (int i = 0; i != 50'000; ++i) {
    m.store(i, counted(i));
    ASSERT_TRUE(m.erase(i));
    ASSERT_EQ(counted::alive, 0) << "alone in the map: gone when it is erased";
  }
}

TEST_F(ConcurrentMap, MP06_ClearTakesAllAndLaterStoresStay) {
  counted::alive = 0;
  goro::concurrent_map<int, counted> m;
  for (int i = 0; i != 1000; ++i) m.store(i, counted(i));
  m.clear();
  EXPECT_EQ(counted::alive, 0);
  EXPECT_EQ(size_of(m), 0);
  m.store(1, counted(1));
  EXPECT_TRUE(m.load(1));
  m.clear();
  m.clear();
  EXPECT_EQ(counted::alive, 0);
}

TEST_F(ConcurrentMap, EverythingEndsWithTheMap) {
  counted::alive = 0;
  {
    goro::concurrent_map<int, counted> m;
    for (int i = 0; i != 1000; ++i) m.store(i % 300, counted(i));
    EXPECT_EQ(counted::alive, 300);
  }
  EXPECT_EQ(counted::alive, 0);
}

// Throws when told to, at the n-th copy or comparison.
struct brittle {
  explicit brittle(int n) : number(n) { ++alive; }
  brittle(const brittle& other) : number(other.number) {
    step();
    ++alive;
  }
  brittle(brittle&& other) noexcept : number(other.number) { ++alive; }
  ~brittle() { --alive; }
  friend bool operator==(const brittle& a, const brittle& b) {
    step();
    return a.number == b.number;
  }
  static void step() {
    if (left > 0 && --left == 0) throw std::runtime_error("brittle");
  }

  int number;
  inline static int left = 0;
  inline static int alive = 0;
};
struct brittle_hash {
  std::size_t operator()(const brittle& b) const {
    brittle::step();
    return static_cast<std::size_t>(b.number % 2);
  }
};

TEST_F(ConcurrentMap, AnExceptionLeavesItWhole) {
  brittle::alive = 0;
  {
    goro::concurrent_map<brittle, brittle, brittle_hash> m;
    for (int i = 0; i != 6; ++i) m.store(brittle(i), brittle(i * 10));
    const auto content = [&m] {
      std::map<int, int> all;
      m.range([&all](const brittle& k, const brittle& v) { return all.emplace(k.number, v.number).second; });
      return all;
    };
    const std::map<int, int> before = content();
    const auto at_each_step = [&](auto change) {
      const int alive = brittle::alive;
      for (int n = 1;; ++n) {
        brittle::left = n;
        try {
          change();
        } catch (const std::runtime_error&) {
          ASSERT_EQ(content(), before);
          ASSERT_EQ(brittle::alive, alive);
          continue;
        }
        ASSERT_GT(brittle::left, 0);
        ASSERT_GT(n, 2);
        brittle::left = 0;
        break;
      }
      EXPECT_NE(content(), before);
      m.clear();
      for (int i = 0; i != 6; ++i) m.store(brittle(i), brittle(i * 10));
    };
    at_each_step([&] { m.store(brittle(4), brittle(1)); });
    at_each_step([&] { (void)m.swap(brittle(4), brittle(1)); });
    at_each_step([&] { (void)m.load_or_store(brittle(8), brittle(1)); });
    at_each_step([&] { (void)m.load_and_delete(brittle(2)); });
    at_each_step([&] { (void)m.erase(brittle(2)); });
    const brittle two(2);
    const brittle twenty(20);
    at_each_step([&] { (void)m.compare_and_swap(two, brittle(20), brittle(1)); });
    at_each_step([&] { (void)m.compare_and_erase(two, twenty); });
  }
  EXPECT_EQ(brittle::alive, 0);
}

TEST_F(ConcurrentMap, RangePassesOnWhatItsFunctionThrows) {
  counted::alive = 0;
  goro::concurrent_map<int, counted> m;
  m.store(1, counted(1));
  EXPECT_THROW(m.range([](int, const counted&) -> bool { throw std::runtime_error("stop"); }),
               std::runtime_error);
  EXPECT_TRUE(m.erase(1));
  EXPECT_EQ(counted::alive, 0);
}

// A value whose copy waits: the goroutine parks in the middle of load, and goes on elsewhere.
struct slow_copy {
  explicit slow_copy(int n, goro::chan<int> g = {}) : number(n), gate(std::move(g)) { ++alive; }
  slow_copy(const slow_copy& other) : number(other.number), gate(other.gate) {
    if (gate) (void)gate.recv();
    ++alive;
  }
  slow_copy(slow_copy&& other) noexcept : number(other.number), gate(other.gate) { ++alive; }
  ~slow_copy() { --alive; }

  int number;
  goro::chan<int> gate;
  inline static std::atomic<int> alive{0};
};

TEST_F(ConcurrentMap, AReaderThatParksDelaysDestructionAndNothingElse) {
  on_goroutine([] {
    slow_copy::alive = 0;
    goro::concurrent_map<int, slow_copy> m;
    const auto gate = goro::make_chan<int>();
    m.store(1, slow_copy(1, gate));
    auto reader = goro::async([&] { return m.load(1)->number; });
    while (goro::detail::parked_count(goro::detail::wait_reason::chan_receive) == 0) goro::yield();
    EXPECT_TRUE(m.erase(1));
    for (int i = 0; i != 1000; ++i) {
      m.store(1, slow_copy(i));
      ASSERT_TRUE(m.erase(1));
    }
    EXPECT_GT(slow_copy::alive, 0);  // the first one at least: it is being copied
    gate.close();
    EXPECT_EQ(reader.get(), 1);
    // Now nobody is inside: a few changes find that out.
    for (int i = 0; i != 10'000 && slow_copy::alive != 0; ++i) {
      m.store(1, slow_copy(i));
      ASSERT_TRUE(m.erase(1));
    }
    EXPECT_EQ(slow_copy::alive, 0);
  });
}

// One reader is always inside, but none for long: it parks, and another comes before it goes on.
TEST_F(ConcurrentMap, MP05_ReadersWithoutAGapBetweenThemKeepNothing) {
  on_goroutine([] {
    slow_copy::alive = 0;
    goro::concurrent_map<int, slow_copy> m;
    goro::chan<int> gates[2] = {goro::make_chan<int>(), goro::make_chan<int>()};
    m.store(0, slow_copy(0, gates[0]));
    m.store(1, slow_copy(1, gates[1]));
    const auto enter = [&](int i) {
      const auto inside = goro::detail::parked_count(goro::detail::wait_reason::chan_receive);
      goro::go([&m, i] { (void)m.load(i); });
      while (goro::detail::parked_count(goro::detail::wait_reason::chan_receive) == inside) goro::yield();
    };
    const auto goroutines = goro::num_goroutine();
    enter(0);
    int most = 0;
    for (int round = 0; round != 2'000; ++round) {
      m.store(2, slow_copy(round));
      EXPECT_TRUE(m.erase(2));
      if (slow_copy::alive > most) most = slow_copy::alive;
      enter((round + 1) % 2);
      const int before = slow_copy::alive;
      gates[round % 2].send(0);
      while (slow_copy::alive > before || goro::num_goroutine() > goroutines + 1) goro::yield();
    }
    EXPECT_LT(most, 500);
    gates[0].close();
    gates[1].close();
    while (goro::num_goroutine() > goroutines) goro::yield();
  });
}

// The destructor of a value uses the map it was in.
struct back_reference {
  goro::concurrent_map<int, std::shared_ptr<back_reference>>* map;
  int next;
  ~back_reference() {
    if (next >= 0) map->erase(next);
  }
};

TEST_F(ConcurrentMap, DestructorsMayUseTheMap) {
  goro::concurrent_map<int, std::shared_ptr<back_reference>> m;
  for (int i = 0; i != 100; ++i) {
    auto value = std::make_shared<back_reference>();
    value->map = &m;
    value->next = i - 1;
    m.store(i, std::move(value));
  }
  m.erase(99);
  EXPECT_EQ(size_of(m), 0);
}

TEST_F(ConcurrentMap, PlainThreadsAndGoroutinesShareOne) {
  goro::concurrent_map<int, int> m;
  std::thread a([&m] {
    for (int i = 0; i != 1000; ++i) m.store(i, i);
  });
  on_goroutine([&m] {
    for (int i = 1000; i != 2000; ++i) m.store(i, i);
  });
  a.join();
  EXPECT_EQ(size_of(m), 2000);
}

}  // namespace
