// SPDX-License-Identifier: MIT
#include "support/at_procs.hpp"

#include <goro/goro.hpp>
#include <goro/singleflight.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <random>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

namespace {

class SingleflightStress : public goro_test::AtProcs {};
GORO_AT_PROCS(SingleflightStress);

// Hashes that meet, wholly or in their last bits.
struct poor_hash {
  std::size_t operator()(int key) const { return static_cast<std::size_t>(key % 3) << 62; }
};

// Calls of both forms, forgets, throws and goexits, all at once. For each key no two are in the air at a time
// unless it is forgotten; each run reaches whom it should, and in the end every run has landed.
template <class Hash>
void mix(bool with_forget) {
  constexpr int keys = 16;
  constexpr int callers = 16;
  const int rounds = goro_test::scaled(1'000);
  goro::singleflight<int, std::shared_ptr<int>, Hash> flights;
  std::atomic<int> in_the_air[keys]{};
  std::atomic<int> started{0};
  std::atomic<int> returned{0};
  std::atomic<int> thrown{0};
  std::atomic<int> exited{0};
  std::atomic<int> faults{0};
  const auto work = [&](unsigned id) {
    std::minstd_rand random(static_cast<unsigned>(goro_test::seed()) + id);
    for (int i = 0; i != rounds; ++i) {
      const int key = static_cast<int>(random() % keys);
      const unsigned how = static_cast<unsigned>(random() % 16);
      const auto fly = [&, key, how] {
        ++started;
        struct in_air {
          std::atomic<int>& count;
          ~in_air() { --count; }
        } const here{in_the_air[key]};
        if (here.count.fetch_add(1) != 0 && !with_forget) ++faults;
        if (how % 2 == 0) goro::yield();
        if (how == 1) throw std::runtime_error("as asked");
        return std::make_shared<int>(key);
      };
      try {
        auto r = how == 3 ? flights.do_async(key, fly).get() : flights.do_call(key, fly);
        if (*r.value != key) ++faults;
        if (!r.shared && r.value.use_count() != 1) ++faults;  // the only one, of the only caller
        ++returned;
      } catch (const std::runtime_error&) {
        ++thrown;
      } catch (const std::logic_error&) {
        ++exited;
      }
      if (how == 4)
        goro::async([&] {
          (void)flights.do_call(key, [&]() -> std::shared_ptr<int> { goro::goexit(); });
        }).wait();
      if (with_forget && how == 5) flights.forget(key);
    }
  };
  goro::wait_group ended;
  std::thread thread([&] { work(99); });
  for (unsigned i = 0; i != callers; ++i) ended.go([&work, i] { work(i); });
  ended.wait();
  thread.join();
  EXPECT_EQ(faults, 0);
  EXPECT_EQ(returned + thrown + exited, (callers + 1) * rounds);
  EXPECT_LE(started, (callers + 1) * rounds);
  for (int key = 0; key != keys; ++key) {
    const auto r = flights.do_call(key, [&] { return std::make_shared<int>(-key); });
    EXPECT_EQ(*r.value, -key) << "something was left in the air";
    EXPECT_FALSE(r.shared);
  }
}

TEST_P(SingleflightStress, SF01_SF03_SF04_NeverTwoOfAKeyAtATime) { mix<std::hash<int>>(false); }
TEST_P(SingleflightStress, SF01_KeysWhoseHashesMeet) { mix<poor_hash>(false); }
TEST_P(SingleflightStress, SF02_ForgetAmongThem) { mix<poor_hash>(true); }

// Every caller is counted in exactly one flight: the copies handed out by each run say how many had it.
TEST_P(SingleflightStress, SF01_SharedIsTheSameForAllWhoGotIt) {
  constexpr int callers = 8;
  const int rounds = goro_test::scaled(1'000);
  goro::singleflight<int, int> flights;
  for (int round = 0; round != rounds; ++round) {
    std::atomic<int> runs{0};
    std::atomic<int> got[callers]{};     // by run
    std::atomic<int> shared[callers]{};  // by run
    goro::wait_group ended;
    for (int i = 0; i != callers; ++i)
      ended.go([&, i] {
        const auto r = flights.do_call(round, [&] {
          const int run = runs++;
          if (i % 2 == 0) goro::yield();
          return run;
        });
        ++got[r.value];
        shared[r.value] += r.shared;
      });
    ended.wait();
    int all = 0;
    for (int run = 0; run != callers; ++run) {
      all += got[run];
      ASSERT_EQ(shared[run], got[run] > 1 ? got[run].load() : 0) << "run " << run;
      ASSERT_EQ(got[run] > 0, run < runs);
    }
    ASSERT_EQ(all, callers);
  }
}

}  // namespace
