// SPDX-License-Identifier: MIT
// Element types: what a T may be, and that no T is lost, doubled or left behind.
#include "chan/parked.hpp"
#include "chan/probe.hpp"
#include "support/at_procs.hpp"

#include <goro/goro.hpp>
#include <goro/wait_group.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

using namespace goro_test;
using goro::make_chan;
using goro::op_status;

namespace {

class ChanElements : public AtProcs {
 protected:
  void SetUp() override {
    AtProcs::SetUp();
    alive_ = tracked::alive();
    tokens_ = tracked::tokens();
  }
  void TearDown() override {
    AtProcs::TearDown();  // first, for a goroutine that is about to end still has its locals
    EXPECT_EQ(tracked::alive(), alive_) << "objects left behind, or destroyed twice";
    EXPECT_EQ(tracked::tokens(), tokens_) << "values left behind, or destroyed twice";
    fragile::disarm();
  }
  long tokens() const { return tracked::tokens() - tokens_; }

 private:
  long alive_ = 0;
  long tokens_ = 0;
};
GORO_AT_PROCS(ChanElements);

template <class T>
void exchange_empties() {
  for (const std::size_t capacity : {0u, 1u}) {
    const auto ch = make_chan<T>(capacity);
    goro::wait_group done;
    done.go([ch] {
      for (int i = 0; i != 100; ++i) ch.send(T{});
      ch.close();
    });
    int count = 0;
    while (ch.recv()) ++count;
    EXPECT_EQ(count, 100);
    done.wait();
  }
}

TEST_P(ChanElements, CH24_EmptyTypes) {
  exchange_empties<empty>();
  exchange_empties<std::monostate>();
  exchange_empties<std::array<int, 0>>();
}

TEST_P(ChanElements, CH24_AMillionEmptiesTakeNoElementMemory) {
  if (under_sanitizer) GTEST_SKIP() << "a sanitizer's own memory hides the figure";
  const std::size_t heap_before = heap_in_use();
  const std::size_t resident_before = resident_bytes();
  const auto ch = make_chan<empty>(1'000'000);
  for (int i = 0; i != 1'000'000; ++i) ch.send({});
  EXPECT_EQ(ch.len(), 1'000'000u);
  EXPECT_LT(heap_in_use(), heap_before + 64 * 1024);
  EXPECT_LT(resident_bytes(), resident_before + 512 * 1024);
  for (int i = 0; i != 1'000'000; ++i) ASSERT_TRUE(ch.recv().has_value());
  EXPECT_EQ(ch.try_recv().status, op_status::would_block);
}

// To and from goroutines and the test's own thread, buffered and not, by the plain and the trying forms.
template <class T, class Check>
void exchange(Check right) {
  for (const std::size_t capacity : {0u, 1u, 3u}) {
    const auto ch = make_chan<T>(capacity);
    const auto back = make_chan<T>(capacity);
    const auto ended = make_chan<bool>(1);
    goro::go_options roomy;
    roomy.stack_size = std::size_t{2} << 20;  // for elements of 64 KiB, of which a call has several
    goro::go(roomy, [=] {
      while (auto got = ch.recv()) back.send(std::move(*got));
      ended.send(true);
    });
    for (int i = 0; i != 20; ++i) {
      ch.send(T(i));
      auto got = back.recv_for(std::chrono::hours(1));
      ASSERT_EQ(got.status, op_status::ok);
      EXPECT_TRUE(right(*got, i));
    }
    ch.close();
    EXPECT_EQ(ended.recv(), true);
  }
}

struct large {
  explicit large(int v) { words.fill(v); }
  std::array<int, 16 * 1024> words;
};
static_assert(sizeof(large) == 64 * 1024);

TEST_P(ChanElements, MoveOnlyWithoutDefaultConstructor) {
  exchange<only_movable>([](const only_movable& v, int i) { return *v.value == i; });
}

TEST_P(ChanElements, LargeElements) {
  exchange<large>([](const large& v, int i) { return v.words.front() == i && v.words.back() == i; });
}

TEST_P(ChanElements, OverAlignedElements) {
  exchange<aligned<64>>([](const aligned<64>& v, int i) { return v.value == i; });
  exchange<aligned<4096>>([](const aligned<4096>& v, int i) { return v.value == i; });
  EXPECT_EQ(aligned<64>::misplaced, 0);
  EXPECT_EQ(aligned<4096>::misplaced, 0);
}

TEST_P(ChanElements, OverAlignedElementsInAnUnboundedChannelAndInSelect) {
  const auto ch = make_chan<aligned<64>>(goro::unbounded);
  for (int i = 0; i != 1000; ++i) ch.send(aligned<64>(i));
  for (int i = 0; i != 1000; ++i) {
    int seen = -1;
    goro::select(goro::recv(ch, [&](std::optional<aligned<64>> v) { seen = v->value; }));
    EXPECT_EQ(seen, i);
  }
  EXPECT_EQ(aligned<64>::misplaced, 0);
}

TEST_P(ChanElements, ValuesInsideDieWithTheChannel) {
  for (const bool closed : {false, true}) {
    auto bounded = make_chan<tracked>(10);
    auto endless = make_chan<tracked>(goro::unbounded);
    for (int i = 0; i != 7; ++i) bounded.send(tracked(i));
    for (int i = 0; i != 700; ++i) endless.send(tracked(i));
    EXPECT_EQ(bounded.recv()->id(), 0);
    EXPECT_EQ(endless.recv()->id(), 0);
    bounded.send(tracked(7));
    if (closed) {
      bounded.close();
      endless.close();
    }
    EXPECT_EQ(tokens(), 7 + 699);
    bounded = {};
    EXPECT_EQ(tokens(), 699);
    endless = {};
    EXPECT_EQ(tokens(), 0);
  }
}

TEST_P(ChanElements, TheLastHandleOfAnyKindKeepsTheValues) {
  auto ch = make_chan<tracked>(1);
  ch.send(tracked(3));
  goro::recv_chan<tracked> in = ch;
  ch = {};
  EXPECT_EQ(tokens(), 1);
  EXPECT_EQ(in.recv()->id(), 3);
  EXPECT_EQ(tokens(), 0);
}

TEST_P(ChanElements, NoneLostAndNoneDoubledOnAnyPath) {
  for (const std::size_t capacity : {0u, 1u, 10u}) {
    const auto ch = make_chan<tracked>(capacity);
    std::atomic<int> sum = 0;
    goro::wait_group done;
    for (int r = 0; r != 3; ++r)
      done.go([&] {
        while (auto got = ch.recv()) {
          EXPECT_TRUE(got->has_token());
          sum += got->id();
        }
      });
    goro::wait_group sent;
    for (int s = 0; s != 3; ++s)
      sent.go([&] {
        for (int i = 1; i <= 100; ++i) {
          tracked value(i);
          if (i % 3 == 0) {
            while (!ch.try_send(value)) {
              EXPECT_TRUE(value.has_token()) << "moved from though not sent";
              goro::yield();
            }
          } else if (i % 3 == 1) {
            EXPECT_EQ(ch.send_for(value, std::chrono::hours(1)), op_status::ok);
          } else {
            ch.send(std::move(value));
          }
          EXPECT_FALSE(value.has_token());
        }
      });
    sent.wait();
    ch.close();
    done.wait();
    EXPECT_EQ(sum, 3 * 5050);
    EXPECT_EQ(tokens(), 0);
  }
}

TEST_P(ChanElements, ASelectThatLosesKeepsItsValue) {
  const auto full = make_chan<tracked>(1);
  const auto ready = make_chan<int>(1);
  full.send(tracked(0));
  tracked mine(1);
  ready.send(1);
  EXPECT_EQ(goro::select(goro::send(full, std::move(mine)), goro::recv(ready)), 1u);
  EXPECT_TRUE(mine.has_token());

  goro::wait_group done;
  done.go([&] {  // the same while parked
    tracked parked(2);
    EXPECT_EQ(goro::select(goro::send(full, std::move(parked)), goro::recv(ready)), 1u);
    EXPECT_TRUE(parked.has_token());
  });
  ASSERT_TRUE(until_parked(1, wait_reason::select));
  ready.send(2);
  done.wait();
  EXPECT_EQ(full.recv()->id(), 0);
  EXPECT_EQ(full.try_recv().status, op_status::would_block);
  EXPECT_EQ(tokens(), 1);  // mine

  EXPECT_EQ(goro::select(goro::send(full, std::move(mine)), goro::recv(ready)), 0u);
  EXPECT_FALSE(mine.has_token());
  EXPECT_EQ(full.recv()->id(), 1);
}

TEST_P(ChanElements, AReceiverThatTimesOutLeavesNothingBehind) {
  const auto ch = make_chan<tracked>();
  for (int i = 0; i != 50; ++i)
    EXPECT_EQ(ch.recv_for(std::chrono::microseconds(i)).status, op_status::timed_out);
  tracked value(1);
  for (int i = 0; i != 50; ++i)
    EXPECT_EQ(ch.send_for(value, std::chrono::microseconds(i)), op_status::timed_out);
  EXPECT_TRUE(value.has_token());
  EXPECT_EQ(ch.try_recv().status, op_status::would_block);
}

// The n-th move throws, for n = 0, 1, 2 … until a whole run has fewer moves than that.
TEST_P(ChanElements, AThrowingMoveLosesNothingElseFromABuffer) {
  bool went_off = true;
  for (int n = 0; went_off; ++n) {
    ASSERT_LT(n, 100);
    SCOPED_TRACE(n);
    const auto ch = make_chan<fragile>(4);
    fragile::arm(n);
    std::vector<int> sent;
    std::vector<int> got;
    for (int i = 0; i != 4; ++i) {
      try {
        ch.send(fragile(i));
        sent.push_back(i);
      } catch (const boom&) {
      }
    }
    EXPECT_EQ(ch.len(), sent.size());
    int lost_in_receive = 0;
    for (std::size_t i = 0; i != 5 && ch.len() != 0; ++i) {
      try {
        got.push_back(ch.recv()->id());
      } catch (const boom&) {
        ++lost_in_receive;  // the value is still in the channel, or is the one that is lost
      }
    }
    went_off = fragile::went_off();
    fragile::disarm();
    EXPECT_GE(sent.size(), 3u);
    EXPECT_GE(got.size() + static_cast<std::size_t>(lost_in_receive), sent.size());
    for (std::size_t i = 1; i < got.size(); ++i) EXPECT_LT(got[i - 1], got[i]);
    EXPECT_EQ(ch.len(), 0u);
    ch.send(fragile(9));  // and the channel goes on
    EXPECT_EQ(ch.recv()->id(), 9);
    ch.close();
    EXPECT_FALSE(ch.recv().has_value());
  }
}

TEST_P(ChanElements, AThrowingMoveLosesNothingElseInAHandOver) {
  bool went_off = true;
  for (int n = 0; went_off; ++n) {
    ASSERT_LT(n, 100);
    SCOPED_TRACE(n);
    const auto ch = make_chan<fragile>();
    std::vector<int> got;
    int threw = 0;
    goro::wait_group done;
    done.go([&] {
      for (;;) {
        try {
          const auto value = ch.recv();
          if (!value) return;
          got.push_back(value->id());
        } catch (const boom&) {
          ++threw;
        }
      }
    });
    ASSERT_TRUE(until_parked(1, wait_reason::chan_receive));
    fragile::arm(n);
    int refused = 0;
    for (int i = 0; i != 4; ++i) {
      try {
        ch.send(fragile(i));
      } catch (const boom&) {
        ++refused;
      }
    }
    ch.close();
    done.wait();
    went_off = fragile::went_off();
    fragile::disarm();
    EXPECT_LE(refused + threw, 1);
    EXPECT_GE(got.size(), 3u) << "more than the one value whose move threw is gone";
    for (std::size_t i = 1; i < got.size(); ++i) EXPECT_LT(got[i - 1], got[i]);
    if (!went_off) {
      EXPECT_EQ(got.size(), 4u);
    }
  }
}

}  // namespace
