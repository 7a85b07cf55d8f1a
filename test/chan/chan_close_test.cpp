// SPDX-License-Identifier: MIT
// Closing a channel: what those see who receive and send afterwards, or wait at that moment; and misuse.
#include "chan/operations.hpp"
#include "chan/parked.hpp"
#include "chan/probe.hpp"
#include "support/at_procs.hpp"

#include <goro/goro.hpp>
#include <goro/wait_group.hpp>

#include <array>
#include <atomic>
#include <limits>
#include <new>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

using namespace goro_test;
using goro::channel_error;
using goro::make_chan;
using goro::op_status;

namespace {

constexpr std::array<std::size_t, 5> capacities = {0, 1, 2, 10, 100};

class ChanClose : public AtProcs {};
GORO_AT_PROCS(ChanClose);

TEST_P(ChanClose, CH03_BufferedValuesComeOutInOrderAndThenClosedForEver) {
  for (const std::size_t capacity : capacities) {
    for (const form how : all_forms) {
      SCOPED_TRACE(name(how));
      const auto ch = make_chan<int>(capacity);
      for (std::size_t i = 0; i != capacity; ++i) ch.send(static_cast<int>(i));
      ch.close();
      for (std::size_t i = 0; i != capacity; ++i) {
        const received got = receive(how, ch);
        EXPECT_EQ(got.status, op_status::ok);
        EXPECT_EQ(got.value, static_cast<int>(i));
      }
      for (int i = 0; i != 5; ++i) EXPECT_EQ(receive(how, ch).status, op_status::closed);
    }
  }
}

TEST_P(ChanClose, CH04_CloseWakesAParkedReceiver) {
  for (const std::size_t capacity : capacities) {
    for (const form how : {form::plain, form::timed, form::select_of_two}) {
      SCOPED_TRACE(name(how));
      const auto ch = make_chan<int>(capacity);
      goro::wait_group done;
      done.go([&] { EXPECT_EQ(receive(how, ch).status, op_status::closed); });
      ASSERT_TRUE(
          until_parked(1, how == form::select_of_two ? wait_reason::select : wait_reason::chan_receive));
      ch.close();
      done.wait();
    }
  }
}

TEST_P(ChanClose, CH04_CloseWakesAllParkedReceiversThreadsIncluded) {
  const auto ch = make_chan<int>();
  std::atomic<int> woken = 0;
  const auto wait_for_close = [&] {
    EXPECT_FALSE(ch.recv().has_value());
    ++woken;
  };
  std::vector<std::thread> threads;
  for (int i = 0; i != 3; ++i) threads.emplace_back(wait_for_close);
  goro::wait_group done;
  for (int i = 0; i != 50; ++i) done.go(wait_for_close);
  ASSERT_TRUE(until_parked(50, wait_reason::chan_receive));
  ch.close();
  done.wait();
  for (std::thread& t : threads) t.join();
  EXPECT_EQ(woken, 53);
}

TEST_P(ChanClose, CH15_ReceiveFromClosedNeverBlocks) {  // CH20: in every form
  for (const std::size_t capacity : capacities) {
    const auto ch = make_chan<int>(capacity);
    ch.close();
    for (const form how : all_forms) {
      SCOPED_TRACE(name(how));
      for (int i = 0; i != 10; ++i) {
        const received got = receive(how, ch);
        EXPECT_EQ(got.status, op_status::closed);
        EXPECT_EQ(got.value, -1);
      }
    }
  }
}

TEST_P(ChanClose, CH16_SendOnClosedThrowsAndStoresNothing) {  // CH20: in every form
  for (const std::size_t capacity : capacities) {
    const auto ch = make_chan<int>(capacity);
    ch.close();
    for (const form how : all_forms) {
      SCOPED_TRACE(name(how));
      expect_misuse<channel_error>([&] { send_in(how, ch, 1); }, "send");
      EXPECT_EQ(ch.len(), 0u);
      EXPECT_EQ(ch.try_recv().status, op_status::closed);
    }
  }
}

TEST_P(ChanClose, CH16_TheRefusedValueIsUntouched) {
  const auto ch = make_chan<std::string>(3);
  ch.send("kept");
  ch.close();
  std::string value = "a value long enough to live on the heap";
  EXPECT_THROW((void)ch.try_send(value), channel_error);
  EXPECT_THROW((void)ch.try_send(std::move(value)), channel_error);
  EXPECT_THROW((void)ch.send_for(value, std::chrono::seconds(1)), channel_error);
  EXPECT_THROW(goro::select(goro::send(ch, std::move(value))), channel_error);
  EXPECT_EQ(value, "a value long enough to live on the heap");
  EXPECT_EQ(ch.len(), 1u);
  EXPECT_EQ(ch.recv(), "kept");
  EXPECT_FALSE(ch.recv().has_value());
}

TEST_P(ChanClose, CH17_AParkedSenderThrowsWhenTheChannelIsClosed) {  // CH20: in every form that waits
  for (const std::size_t capacity : capacities) {
    for (const form how : {form::plain, form::timed, form::select_of_two}) {
      SCOPED_TRACE(name(how));
      const auto ch = make_chan<int>(capacity);
      for (std::size_t i = 0; i != capacity; ++i) ch.send(static_cast<int>(i));
      goro::wait_group done;
      done.go([&] { expect_misuse<channel_error>([&] { send_in(how, ch, -5); }, "send"); });
      ASSERT_TRUE(until_parked(1, how == form::select_of_two ? wait_reason::select : wait_reason::chan_send));
      ch.close();
      done.wait();
      for (std::size_t i = 0; i != capacity; ++i) EXPECT_EQ(ch.recv(), static_cast<int>(i));
      EXPECT_FALSE(ch.recv().has_value()) << "the value of the sender that threw must not be in the channel";
    }
  }
}

TEST_P(ChanClose, CH17_AllParkedSendersThrowThreadsIncluded) {
  const auto ch = make_chan<tracked>();
  const long tokens_before = tracked::tokens();
  std::atomic<int> threw = 0;
  std::atomic<int> threads_ready = 0;
  const auto send_one = [&] {
    EXPECT_THROW(ch.send(tracked(1)), channel_error);
    ++threw;
  };
  std::vector<std::thread> threads;
  for (int i = 0; i != 3; ++i)
    threads.emplace_back([&] {
      ++threads_ready;
      send_one();
    });
  goro::wait_group done;
  for (int i = 0; i != 50; ++i) done.go(send_one);
  ASSERT_TRUE(until_parked(50, wait_reason::chan_send));
  ASSERT_TRUE(eventually([&] { return threads_ready == 3; }));
  ch.close();
  done.wait();
  for (std::thread& t : threads) t.join();
  EXPECT_EQ(threw, 53);
  EXPECT_EQ(tracked::tokens(), tokens_before);
}

TEST_P(ChanClose, CH17_ATimedSenderThatThrowsKeepsItsValue) {
  const auto ch = make_chan<std::unique_ptr<int>>();
  goro::wait_group done;
  done.go([ch] {
    auto value = std::make_unique<int>(3);
    EXPECT_THROW((void)ch.send_for(value, std::chrono::hours(1)), channel_error);
    EXPECT_TRUE(value != nullptr && *value == 3);
  });
  ASSERT_TRUE(until_parked(1, wait_reason::chan_send));
  ch.close();
  done.wait();
}

TEST_P(ChanClose, CH18_CloseOfClosedAndCloseOfNilThrow) {
  for (const std::size_t capacity : capacities) {
    const auto ch = make_chan<int>(capacity);
    ch.close();
    for (int i = 0; i != 3; ++i) expect_misuse<channel_error>([&] { ch.close(); }, "close");
    expect_misuse<channel_error>([&] { goro::send_chan<int>(ch).close(); }, "close");
    EXPECT_FALSE(ch.recv().has_value());
  }
  expect_misuse<channel_error>([] { goro::chan<int>().close(); }, "close");
  expect_misuse<channel_error>([] { goro::chan<int>().close(); }, "nil");
  expect_misuse<channel_error>([] { goro::send_chan<int>().close(); }, "nil");
}

TEST_P(ChanClose, CH18_TheTextsTellTheThreeMisusesApart) {
  const auto closed = make_chan<int>();
  closed.close();
  const auto text_of = [](auto call) -> std::string {
    try {
      call();
    } catch (const std::logic_error& error) {
      return error.what();
    }
    return "";
  };
  const std::string send = text_of([&] { closed.send(1); });
  const std::string again = text_of([&] { closed.close(); });
  const std::string nil = text_of([] { goro::chan<int>().close(); });
  EXPECT_NE(send.find("closed"), std::string::npos) << send;
  EXPECT_NE(again.find("closed"), std::string::npos) << again;
  EXPECT_NE(send, again);
  EXPECT_NE(again, nil);
}

TEST_P(ChanClose, CH19_EachFormCanTakeTheLastValueOfAClosedChannel) {  // CH20: in every form
  for (const form taker : all_forms) {
    for (const form after : all_forms) {
      SCOPED_TRACE(std::string(name(taker)) + ", then " + name(after));
      const auto ch = make_chan<int>(1);
      ch.send(1);
      ch.close();
      const received got = receive(taker, ch);
      EXPECT_EQ(got.status, op_status::ok);
      EXPECT_EQ(got.value, 1);
      for (int i = 0; i != 2; ++i) EXPECT_EQ(receive(after, ch).status, op_status::closed);
    }
  }
}

TEST_P(ChanClose, CloseThroughASendViewIsSeenByAll) {
  const auto ch = make_chan<int>(1);
  const goro::send_chan<int> out = ch;
  out.send(4);
  out.close();
  EXPECT_EQ(ch.recv(), 4);
  EXPECT_FALSE(ch.recv().has_value());
  EXPECT_THROW(ch.send(1), channel_error);
}

TEST_P(ChanClose, CloseEndsAParkedRangeLoop) {
  const auto ch = make_chan<int>();
  goro::wait_group done;
  std::atomic<int> sum = 0;
  done.go([&] {
    for (const int v : ch) sum += v;
  });
  for (int i = 1; i <= 10; ++i) ch.send(i);
  ASSERT_TRUE(until_parked(1, wait_reason::chan_receive));
  ch.close();
  done.wait();
  EXPECT_EQ(sum, 55);
}

TEST_P(ChanClose, CH29_AnAbsurdCapacityIsRefusedAndLeavesNothing) {
  const auto negative = static_cast<std::size_t>(-1);
  expect_misuse<std::length_error>([=] { (void)make_chan<int>(negative); }, "make_chan");
  expect_misuse<std::length_error>([=] { (void)make_chan<kibibyte>(negative / 1024 + 1); }, "make_chan");
  expect_misuse<std::length_error>([=] { (void)make_chan<std::string>(negative - 100); }, "make_chan");

  const std::size_t before = heap_in_use();
  for (int i = 0; i != 1000; ++i) EXPECT_THROW((void)make_chan<int>(negative), std::length_error);
  if (!under_sanitizer) {
    EXPECT_LT(heap_in_use(), before + 64 * 1024);
  }
}

TEST_P(ChanClose, CH29_MoreThanTheMemoryIsRefused) {
  // Address sanitizer ends the program at such a request instead of failing it.
  if (under_sanitizer) GTEST_SKIP() << "a sanitizer ends the program where memory cannot be had";
  const std::size_t huge = std::size_t{1} << 46;
  const std::size_t before = heap_in_use();
  for (int i = 0; i != 100; ++i) {
    try {
      (void)make_chan<kibibyte>(huge);
      ADD_FAILURE() << "a channel of 2^56 bytes cannot have been made";
    } catch (const std::bad_alloc&) {
    } catch (const std::length_error&) {
    }
  }
  EXPECT_LT(heap_in_use(), before + 64 * 1024);
}

}  // namespace
