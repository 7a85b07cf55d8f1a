// SPDX-License-Identifier: MIT
#include "sync/map_core.hpp"

#include "support/at_procs.hpp"

#include <goro/concurrent_map.hpp>
#include <goro/goro.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace {
// What this thread has allocated, for "allocates nothing": read where nothing parks in between.
thread_local std::uint64_t allocations = 0;
}  // namespace

// Never inline: GCC would see a free of what came from a new, and warn.
[[gnu::noinline]] void* operator new(std::size_t size) {
  ++allocations;
  if (void* const p = std::malloc(size)) return p;
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* p) noexcept { std::free(p); }
[[gnu::noinline]] void operator delete(void* p, std::size_t) noexcept { std::free(p); }

namespace {

class ConcurrentMapStress : public goro_test::AtProcs {};
GORO_AT_PROCS(ConcurrentMapStress);

// Counts those alive, and knows whether it still is.
struct living {
  explicit living(int n) : number(n) { ++alive; }
  living(const living& other) : number(other.number) {
    if (other.mark.load(std::memory_order_relaxed) != alive_mark) ++dead_seen;
    ++alive;
  }
  ~living() {
    mark.store(0, std::memory_order_relaxed);
    --alive;
  }
  friend bool operator==(const living& a, const living& b) { return a.number == b.number; }

  static constexpr std::uint64_t alive_mark = 0x7bad'5eed'0f11'fe00;
  int number;
  std::atomic<std::uint64_t> mark{alive_mark};
  inline static std::atomic<int> alive{0};
  inline static std::atomic<int> dead_seen{0};
};

struct few_hashes {
  std::size_t operator()(int key) const { return static_cast<std::size_t>(key % 5); }
};

// Keys stay, and their values are multiples of their key, as in Go's test.
TEST_P(ConcurrentMapStress, MP02_RangeSeesEveryKeyThatStaysOnce) {
  constexpr int keys = 1 << 9;
  const int rounds = goro_test::scaled(50);
  goro::concurrent_map<std::int64_t, std::int64_t> m;
  for (std::int64_t n = 1; n <= keys; ++n) m.store(n, n);
  std::atomic<bool> stop{false};
  goro::async([&] {
    goro::wait_group writers;
    for (int w = 0; w != 4; ++w)
      writers.go([&, w] {
        for (std::int64_t round = 1; !stop; ++round) {
          for (std::int64_t n = 1; n <= keys; ++n) {
            if (n % 4 == w) m.store(n, n * round);
            // Others come and go between them, and split and empty nodes.
            const std::int64_t other = 2 * keys + w + 4 * (n * round % 1000);
            m.store(other, other);
            m.erase(other - 16);
          }
          goro::yield();
        }
      });
    for (int round = 0; round != rounds; ++round) {
      std::vector<int> seen(keys + 1);
      m.range([&](std::int64_t k, std::int64_t v) {
        EXPECT_EQ(v % k, 0);
        if (k <= keys) ++seen[static_cast<std::size_t>(k)];
        return true;
      });
      for (int n = 1; n <= keys; ++n) EXPECT_EQ(seen[static_cast<std::size_t>(n)], 1) << n;
      goro::yield();
    }
    stop = true;
    writers.wait();
  }).get();
}

template <class Map>
void add_up(int rounds) {
  constexpr int keys = 20;
  living::alive = 0;
  living::dead_seen = 0;
  {
    Map m;
    std::atomic<int> added{0};
    const auto work = [&] {
      for (int i = 0; i != rounds; ++i) {
        const int key = i % keys;
        for (;;) {  // one more, or 1
          const auto now = m.load(key);
          if (now) {
            if (m.compare_and_swap(key, *now, living(now->number + 1))) break;
          } else if (!m.load_or_store(key, living(1)).second) {
            break;
          }
        }
        ++added;
        if (i % 7 == 0) {
          if (const auto had = m.load_and_delete(key)) added -= had->number;
        }
        if (i % 100 == 0) goro::yield();
      }
    };
    goro::async([&] {
      goro::wait_group workers;
      for (int w = 0; w != 8; ++w) workers.go(work);
      std::thread plain(work);
      workers.wait();
      goro::blocking([&] { plain.join(); });
    }).get();
    int left = 0;
    m.range([&left](int, const living& v) {
      left += v.number;
      return true;
    });
    EXPECT_EQ(left, added);
    m.clear();
    EXPECT_LE(living::alive, 64 * 64);
  }
  EXPECT_EQ(living::alive, 0);
  EXPECT_EQ(living::dead_seen, 0);
}

TEST_P(ConcurrentMapStress, MP01_ChangesOfOneKeyAreNeverLost) {
  add_up<goro::concurrent_map<int, living>>(goro_test::scaled(8'000));
}

TEST_P(ConcurrentMapStress, MP01_ChangesOfCollidingKeysAreNeverLost) {
  add_up<goro::concurrent_map<int, living, few_hashes>>(goro_test::scaled(3'000));
}

// Others read all the time. How much waits to be destroyed meanwhile depends on whether one of them loses its core
// inside; that it is little once they have gone does not.
TEST_P(ConcurrentMapStress, MP05_FreshKeysForEverDoNotKeepMemory) {
  const int rounds = goro_test::scaled(50'000);
  living::alive = 0;
  living::dead_seen = 0;
  {
    goro::concurrent_map<int, living> m;
    std::atomic<bool> stop{false};
    goro::async([&] {
      goro::wait_group readers;
      for (int r = 0; r != 3; ++r)
        readers.go([&, r] {
          for (int i = r; !stop; ++i) {
            (void)m.load(i % rounds);
            if (i % 50 == 0) m.range([](int, const living&) { return true; });
            if (i % 20 == 0) goro::yield();
          }
        });
      goro::wait_group writers;
      for (int w = 0; w != 2; ++w)
        writers.go([&, w] {
          for (int i = w; i < rounds; i += 2) {
            m.store(i, living(i));
            EXPECT_TRUE(m.erase(i));
            if (i % 64 == w) goro::yield();
          }
        });
      writers.wait();
      stop = true;
      readers.wait();
      for (int i = 0; i != 1'000; ++i) {  // two tries, on a stripe, are enough for all of them
        m.store(i, living(i));
        EXPECT_TRUE(m.erase(i));
      }
    }).get();
    EXPECT_EQ(living::alive, 0);
  }
  EXPECT_EQ(living::alive, 0);
  EXPECT_EQ(living::dead_seen, 0);
}

// The nodes of the trie go too: after all is erased there is nothing below the root.
TEST_P(ConcurrentMapStress, MP05_EmptyNodesAreTakenOut) {
  const int rounds = goro_test::scaled(20);
  goro::detail::map_core* const core =
      goro::detail::make_map_core([](goro::detail::map_leaf* leaf) noexcept { delete leaf; });
  goro::async([&] {
    for (int round = 0; round != rounds; ++round) {
      goro::wait_group writers;
      for (std::uint64_t w = 0; w != 6; ++w)
        writers.go([&, w] {
          const auto set = [&](std::uint64_t hash, bool there) {
            std::unique_ptr<goro::detail::map_leaf> mine(there ? new goro::detail::map_leaf(hash) : nullptr);
            for (;;) {
              goro::detail::map_section here(core);
              if (here.replace(hash, here.find(hash), mine.get())) break;
            }
            (void)mine.release();
          };
          for (std::uint64_t i = 0; i != 200; ++i) {
            // Long common beginnings: chains of nodes that come and go under the others' feet.
            const std::uint64_t hash = (i % 3 << 60) + ((i * 6 + w) << (i % 4 * 8));
            set(hash, true);
            if (i % 5 == 0) goro::yield();
            set(hash, false);
          }
        });
      writers.wait();
      const goro::detail::map_node* const root = core->root.load();
      ASSERT_EQ(root->count.load(), 1u);
      for (const auto& slot : root->slots) ASSERT_EQ(slot.load(), nullptr);
    }
  }).get();
  goro::detail::end_map_core(core);
}

TEST_P(ConcurrentMapStress, MP06_ClearBesideLoadsAndStores) {
  const int rounds = goro_test::scaled(3'000);
  living::alive = 0;
  living::dead_seen = 0;
  {
    goro::concurrent_map<int, living> m;
    std::atomic<bool> stop{false};
    goro::async([&] {
      goro::wait_group others;
      for (int w = 0; w != 3; ++w)
        others.go([&, w] {
          for (int i = 0; !stop; ++i) {
            m.store(i % 100 * 3 + w, living(i));
            (void)m.load(i % 300);
            (void)m.swap(i % 50, living(i));
            (void)m.load_and_delete(i % 200);
            if (i % 10 == 0) goro::yield();
          }
        });
      for (int i = 0; i != rounds; ++i) {
        m.clear();
        m.store(1'000'000 + i, living(i));  // begun after: stays
        EXPECT_EQ(m.load(1'000'000 + i), living(i));
        EXPECT_EQ(m.load(1'000'000 + i - 1), std::nullopt);  // done before: gone
        if (i % 16 == 0) goro::yield();
      }
      stop = true;
      others.wait();
    }).get();
  }
  EXPECT_EQ(living::alive, 0);
  EXPECT_EQ(living::dead_seen, 0);
}

// Values that wait while they are copied: sections that move between threads.
TEST_P(ConcurrentMapStress, ReadersThatParkAreNotHarmed) {
  struct yielding : living {
    using living::living;
    yielding(const yielding& other) : living(other) { goro::yield(); }
  };
  const int rounds = goro_test::scaled(3'000);
  living::alive = 0;
  living::dead_seen = 0;
  {
    goro::concurrent_map<int, yielding> m;
    goro::async([&] {
      goro::wait_group workers;
      for (int w = 0; w != 10; ++w)
        workers.go([&, w] {
          for (int i = 0; i != rounds / 10 + 1; ++i) {
            const int key = (i + w) % 4;
            m.store(key, yielding(i));
            (void)m.load(key);
            if (i % 3 == 0) (void)m.load_and_delete(key);
          }
        });
      workers.wait();
    }).get();
  }
  EXPECT_EQ(living::alive, 0);
  EXPECT_EQ(living::dead_seen, 0);
}

TEST_P(ConcurrentMapStress, MP07_RangeAllocatesNothing) {
  goro::concurrent_map<int, int> m;
  for (int i = 0; i != 1000; ++i) m.store(i, i);
  std::uint64_t allocated = 1;
  std::uint64_t counted = 0;
  goro::async([&] {
    const std::uint64_t before = allocations;
    int n = 0;
    for (int i = 0; i != 10; ++i)
      m.range([&n](int, int) {
        ++n;
        return true;
      });
    allocated = allocations - before;
    const std::unique_ptr<int> one(new int(n));
    counted = allocations - before - allocated;
    EXPECT_EQ(*one, 10'000);
  }).get();
  EXPECT_EQ(allocated, 0u);
  EXPECT_EQ(counted, 1u);  // the count counts
}

}  // namespace
