// SPDX-License-Identifier: MIT
// send_for and recv_for: every kind of limit, from goroutines and plain threads.
// A limit is only ever checked from below, or against a bound that is generous: counts, not clocks.
#include "chan/parked.hpp"
#include "chan/probe.hpp"
#include "support/at_procs.hpp"

#include <goro/goro.hpp>
#include <goro/wait_group.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <memory>
#include <random>
#include <thread>
#include <vector>

using namespace goro_test;
using namespace std::chrono_literals;
using goro::make_chan;
using goro::op_status;

namespace {

class ChanTimed : public AtProcs {};
GORO_AT_PROCS(ChanTimed);

// The same body from the test's thread and from a goroutine.
template <class F>
void from_both(F body) {
  body();
  in_goroutine(body);
}

TEST_P(ChanTimed, ZeroAndNegativeLimitsTakeWhatIsReadyAndWaitForNothing) {
  from_both([] {
    for (const auto limit : {0ns, -1ns, std::chrono::nanoseconds(-1h), goro::duration::min()}) {
      const auto ch = make_chan<std::unique_ptr<int>>(1);
      auto value = std::make_unique<int>(1);
      EXPECT_EQ(ch.recv_for(limit).status, op_status::timed_out);
      EXPECT_EQ(ch.send_for(value, limit), op_status::ok);
      EXPECT_TRUE(value == nullptr);
      value = std::make_unique<int>(2);
      EXPECT_EQ(ch.send_for(value, limit), op_status::timed_out);
      EXPECT_TRUE(value != nullptr && *value == 2);
      auto got = ch.recv_for(limit);
      EXPECT_EQ(got.status, op_status::ok);
      EXPECT_EQ(**got, 1);
      ch.close();
      EXPECT_EQ(ch.recv_for(limit).status, op_status::closed);
      EXPECT_THROW((void)ch.send_for(value, limit), goro::channel_error);
    }
  });
}

TEST_P(ChanTimed, ALimitIsWaitedOutAndNotMuchMore) {
  from_both([] {
    const auto empty_one = make_chan<int>();
    const auto full = make_chan<int>(1);
    full.send(1);
    int value = 2;
    for (const auto limit : {1ms, 5ms, 20ms}) {
      const auto start = std::chrono::steady_clock::now();
      EXPECT_EQ(empty_one.recv_for(limit).status, op_status::timed_out);
      const auto between = std::chrono::steady_clock::now();
      EXPECT_EQ(full.send_for(value, limit), op_status::timed_out);
      EXPECT_GE(between - start, limit);
      EXPECT_GE(std::chrono::steady_clock::now() - between, limit);
      EXPECT_LT(std::chrono::steady_clock::now() - start, 2 * limit + 10s);
    }
    EXPECT_EQ(value, 2);
    EXPECT_EQ(full.len(), 1u);
  });
}

TEST_P(ChanTimed, AHugeLimitIsNoLimitAndDoesNotWrapRound) {
  const auto ch = make_chan<int>();
  goro::wait_group done;
  const std::array<goro::duration, 3> limits = {goro::duration::max(), goro::duration::max() - 1ns,
                                                24h * 365 * 250};
  for (const auto limit : limits)
    done.go([=] {
      const auto got = ch.recv_for(limit);
      EXPECT_EQ(got.status, op_status::ok);
    });
  std::thread thread([=] { EXPECT_EQ(ch.recv_for(goro::duration::max()).status, op_status::ok); });
  ASSERT_TRUE(until_parked(3, wait_reason::chan_receive));
  for (int i = 0; i != 4; ++i) ch.send(i);
  done.wait();
  thread.join();

  done.go([=] {
    int value = 8;
    EXPECT_EQ(ch.send_for(value, goro::duration::max()), op_status::ok);
  });
  ASSERT_TRUE(until_parked(1, wait_reason::chan_send));
  EXPECT_EQ(ch.recv(), 8);
  done.wait();
}

TEST_P(ChanTimed, AnyChronoDurationAndRvaluesAreTaken) {
  const auto ch = make_chan<std::string>(1);
  EXPECT_EQ(ch.send_for("one", 1s), op_status::ok);
  EXPECT_EQ(ch.send_for(std::string("two"), std::chrono::duration<double, std::milli>(0.5)),
            op_status::timed_out);
  std::string kept = "a value long enough to live on the heap";
  EXPECT_EQ(ch.send_for(std::move(kept), 1us), op_status::timed_out);
  EXPECT_EQ(kept, "a value long enough to live on the heap");
  EXPECT_EQ(*ch.recv_for(std::chrono::minutes(1)), "one");
  const auto nothing = ch.recv_for(std::chrono::duration<float>(0.001F));
  EXPECT_EQ(nothing.status, op_status::timed_out);
  EXPECT_FALSE(static_cast<bool>(nothing));
}

TEST_P(ChanTimed, AWaiterWhoTimedOutIsOutOfTheQueue) {
  const auto ch = make_chan<int>();
  goro::wait_group first;
  goro::wait_group second;
  std::atomic<int> got = 0;
  for (int i = 0; i != 5; ++i) first.go([&] { EXPECT_EQ(ch.recv_for(3ms).status, op_status::timed_out); });
  second.go([&] { got = ch.recv().value_or(-1); });  // may well be queued between them
  first.wait();
  ch.send(7);
  second.wait();
  EXPECT_EQ(got, 7);
  EXPECT_FALSE(ch.try_send(8));
}

TEST_P(ChanTimed, AValueThatComesInTimeEndsTheWait) {
  const auto ch = make_chan<int>();
  goro::wait_group done;
  done.go([&] {
    const auto start = std::chrono::steady_clock::now();
    EXPECT_EQ(*ch.recv_for(1h), 5);
    EXPECT_LT(std::chrono::steady_clock::now() - start, 10min);
  });
  ASSERT_TRUE(until_parked(1, wait_reason::chan_receive));
  EXPECT_TRUE(ch.try_send(5));
  done.wait();
}

class ChanTimedStress : public AtProcs {};
GORO_AT_PROCS(ChanTimedStress);

// Both sides give up after a few microseconds, so that limit and hand-over meet in every way. What was sent
// with "ok" was received with "ok", in the same order; and nothing else.
void race(std::size_t capacity, int rounds, std::uint64_t with_seed) {
  const auto ch = make_chan<int>(capacity);
  std::vector<int> sent;
  std::vector<int> got;
  std::atomic<bool> sender_done = false;
  goro::wait_group done;
  done.go([&] {
    std::mt19937_64 random(with_seed);
    for (int i = 0; i != rounds; ++i) {
      int value = i;
      if (ch.send_for(value, std::chrono::nanoseconds(random() % 4000)) == op_status::ok) sent.push_back(i);
    }
    sender_done = true;
  });
  done.go([&] {
    std::mt19937_64 random(with_seed + 1);
    while (!sender_done) {
      const auto value = ch.recv_for(std::chrono::nanoseconds(random() % 4000));
      if (value) got.push_back(*value);
    }
  });
  done.wait();
  for (auto rest = ch.try_recv(); rest; rest = ch.try_recv()) got.push_back(*rest);
  EXPECT_EQ(sent.size(), got.size());
  EXPECT_TRUE(sent == got) << "a value was lost, doubled or out of order";
  EXPECT_EQ(ch.len(), 0u);
}

TEST_P(ChanTimedStress, ALimitThatRacesWithAValueNeitherLosesNorDoublesIt) {
  race(0, scaled(100'000), seed());
}

TEST_P(ChanTimedStress, TheSameWithABufferOfOne) { race(1, scaled(50'000), seed()); }

// Each round one sender and several receivers whose limits run out at about the same time.
TEST_P(ChanTimedStress, OfManyReceiversThatGiveUpOneAtMostGetsTheValue) {
  const auto ch = make_chan<tracked>();
  const long tokens_before = tracked::tokens();
  const int rounds = scaled(1'000);
  int sent = 0;
  std::atomic<int> got = 0;
  for (int round = 0; round != rounds; ++round) {
    goro::wait_group done;
    for (int r = 0; r != 4; ++r)
      done.go([&, r] {
        if (ch.recv_for(std::chrono::microseconds(20 + r))) ++got;
      });
    tracked value(round);
    const bool ok = ch.send_for(value, 20us) == op_status::ok;
    EXPECT_NE(value.has_token(), ok) << "a value is moved from exactly when it was sent";
    sent += ok;
    done.wait();
    ASSERT_EQ(got, sent);
  }
  EXPECT_EQ(tracked::tokens(), tokens_before);
}

TEST_P(ChanTimedStress, CloseRacesWithTheLimit) {
  const int rounds = scaled(1'000);
  for (int round = 0; round != rounds; ++round) {
    const auto ch = make_chan<int>();
    goro::wait_group done;
    for (int r = 0; r != 2; ++r)
      done.go([ch] {
        const op_status status = ch.recv_for(10us).status;
        EXPECT_TRUE(status == op_status::timed_out || status == op_status::closed || status == op_status::ok);
      });
    done.go([ch] {
      int value = 1;
      try {
        // A receiver may take it before the close.
        const op_status status = ch.send_for(value, 10us);
        EXPECT_TRUE(status == op_status::timed_out || status == op_status::ok);
      } catch (const goro::channel_error&) {
      }
    });
    done.go([ch] { ch.close(); });
    done.wait();
  }
}

}  // namespace
