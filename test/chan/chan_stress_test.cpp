// SPDX-License-Identifier: MIT
// Channels under load: every value exactly once, in order where order is promised.
#include "chan/operations.hpp"
#include "chan/parked.hpp"
#include "chan/probe.hpp"
#include "support/at_procs.hpp"

#include <goro/goro.hpp>
#include <goro/wait_group.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <thread>
#include <vector>

using namespace goro_test;
using goro::make_chan;
using goro::op_status;

namespace {

class ChanStress : public AtProcs {};
GORO_AT_PROCS(ChanStress);

TEST_P(ChanStress, CH05_OneSenderOneReceiverKeepOrder) {
  const int n = scaled(100'000);
  for (const std::size_t capacity : {0u, 1u, 2u, 10u, 100u}) {
    const auto ch = make_chan<int>(capacity);
    goro::wait_group done;
    done.go([=] {
      for (int i = 0; i != n; ++i) ch.send(i);
      ch.close();
    });
    int next = 0;
    bool in_order = true;
    in_goroutine([&] {
      for (const int v : ch) in_order = in_order && v == next++;
    });
    EXPECT_TRUE(in_order);
    EXPECT_EQ(next, n);
    done.wait();
  }
}

TEST_P(ChanStress, CH06_EachValueSeenFourTimes) {
  const int n = scaled(1'000);
  for (const std::size_t capacity : {0u, 1u, 2u, 10u, 100u}) {
    const auto ch = make_chan<int>(capacity);
    std::vector<std::atomic<int>> seen(static_cast<std::size_t>(n));
    goro::wait_group done;
    for (int s = 0; s != 4; ++s)
      done.go([=] {
        for (int i = 0; i != n; ++i) ch.send(i);
      });
    for (int r = 0; r != 4; ++r)
      done.go([&] {
        int previous_total = 0;
        for (int i = 0; i != n; ++i) previous_total += ++seen[static_cast<std::size_t>(*ch.recv())];
        EXPECT_GE(previous_total, n);
      });
    done.wait();
    EXPECT_TRUE(std::all_of(seen.begin(), seen.end(), [](const auto& count) { return count == 4; }));
    EXPECT_EQ(ch.len(), 0u);
    EXPECT_EQ(ch.try_recv().status, op_status::would_block);
  }
}

TEST_P(ChanStress, CH06_ThreadsAndGoroutinesOnBothSides) {
  const int n = scaled(5'000);
  for (const std::size_t capacity : {0u, 1u, 10u}) {
    const auto ch = make_chan<int>(capacity);
    std::vector<std::atomic<int>> seen(static_cast<std::size_t>(n));
    const auto sender = [&] {
      for (int i = 0; i != n; ++i) ch.send(i);
    };
    const auto receiver = [&] {
      for (const int v : ch) ++seen[static_cast<std::size_t>(v)];
    };
    goro::wait_group sent;
    goro::wait_group received;
    std::vector<std::thread> senders;
    std::vector<std::thread> receivers;
    for (int i = 0; i != 2; ++i) {
      sent.go(sender);
      received.go(receiver);
      senders.emplace_back(sender);
      receivers.emplace_back(receiver);
    }
    sent.wait();
    for (std::thread& t : senders) t.join();
    ch.close();
    received.wait();
    for (std::thread& t : receivers) t.join();
    EXPECT_TRUE(std::all_of(seen.begin(), seen.end(), [](const auto& count) { return count == 4; }));
  }
}

TEST_P(ChanStress, ThreadsOnlyWithNoGoroutineAtAll) {
  const int n = scaled(5'000);
  const auto there = make_chan<int>();
  const auto back = make_chan<int>(1);
  std::thread echo([=] {
    for (const int v : there) back.send(v + 1);
    back.close();
  });
  for (int i = 0; i != n; ++i) {
    there.send(i);
    ASSERT_EQ(back.recv(), i + 1);
  }
  there.close();
  EXPECT_FALSE(back.recv().has_value());
  echo.join();
}

// One goroutine closes while another looks without waiting: the value is there all the time, or was taken.
TEST_P(ChanStress, CH08_ANonBlockingReceiveBesideACloseNeverWouldBlock) {
  const int rounds = scaled(10'000);
  in_goroutine([=] {
    for (int round = 0; round != rounds; ++round) {
      const auto ch = make_chan<int>(1);
      ch.send(1);
      goro::wait_group done;
      done.go([ch] { ch.close(); });
      const form how = round % 2 == 0 ? form::non_blocking : form::select_with_default;
      const received first = receive(how, ch);
      ASSERT_EQ(first.status, op_status::ok) << "round " << round;
      done.wait();
      ASSERT_EQ(receive(how, ch).status, op_status::closed);
    }
  });
}

TEST_P(ChanStress, CH08_SeveralNonBlockingReceiversBesideAClose) {
  const int rounds = scaled(2'000);
  in_goroutine([=] {
    for (int round = 0; round != rounds; ++round) {
      const auto ch = make_chan<int>(1);
      ch.send(1);
      std::atomic<int> values = 0;
      goro::wait_group done;
      done.go([ch] { ch.close(); });
      for (int r = 0; r != 2; ++r)
        done.go([&] {
          // Once the other one has taken the value, and before the close, the channel is open and empty.
          const auto got = ch.try_recv();
          if (got.status == op_status::ok) ++values;
          if (got.status == op_status::would_block) {
            EXPECT_EQ(ch.recv(), std::nullopt);
          }
        });
      done.wait();
      ASSERT_EQ(values, 1);
    }
  });
}

TEST_P(ChanStress, CH09_TwentyThreeWorkersOnOneChannel) {
  constexpr int workers = 23;
  const int items = scaled(271'828);
  constexpr std::array<int, 5> primes = {2, 3, 5, 7, 11};
  const auto work = make_chan<int>(workers * 3);
  const auto results = make_chan<int>(workers * 3);
  goro::wait_group busy;
  for (int w = 0; w != workers; ++w)
    busy.go([=, counter = 0]() mutable {
      for (const int item : work) {
        if (++counter % 1'000 == w) goro::yield();  // so that they do not go in step
        results.send(item);
      }
    });
  std::int64_t expected = 0;
  for (int i = 0; i != items; ++i) expected += primes[static_cast<std::size_t>(i) % primes.size()];
  goro::go([=] {
    for (int i = 0; i != items; ++i) work.send(primes[static_cast<std::size_t>(i) % primes.size()]);
    work.close();
  });
  goro::wait_group closer;
  closer.go([&] {
    busy.wait();
    results.close();
  });
  std::int64_t sum = 0;
  int count = 0;
  in_goroutine([&] {
    for (const int v : results) {
      sum += v;
      ++count;
    }
  });
  closer.wait();
  EXPECT_EQ(count, items);
  EXPECT_EQ(sum, expected);
}

struct wide {
  explicit wide(int v) { words.fill(v); }
  bool holds(int v) const {
    return std::all_of(words.begin(), words.end(), [v](int word) { return word == v; });
  }
  std::array<int, 64> words;
};

// Dirties pages far below the frame that parks later, so that there is something to give back.
__attribute__((noinline)) int dirty_the_stack(int depth) {
  volatile char page[4096];
  page[0] = static_cast<char>(depth);
  return depth == 0 ? page[0] : dirty_the_stack(depth - 1) + page[0];
}
constexpr int depth = under_sanitizer ? 4 : 16;

TEST_P(ChanStress, CH10_ValuesOfParkedSendersSurviveTheReturnOfStackPages) {
  const auto ch = make_chan<wide>();
  const int n = scaled(500);
  goro::wait_group done;
  for (int i = 0; i != n; ++i)
    done.go([=] {
      (void)dirty_the_stack(depth);
      ch.send(wide(i));
    });
  ASSERT_TRUE(until_parked(static_cast<std::size_t>(n), wait_reason::chan_send));
  std::vector<bool> seen(static_cast<std::size_t>(n));
  for (int i = 0; i != n; ++i) {
    if (i % 16 == 0) goro::detail::release_idle_memory();
    const auto got = ch.recv();
    ASSERT_TRUE(got.has_value());
    const int id = got->words[0];
    ASSERT_TRUE(id >= 0 && id < n && got->holds(id));
    EXPECT_FALSE(seen[static_cast<std::size_t>(id)]);
    seen[static_cast<std::size_t>(id)] = true;
  }
  done.wait();
}

TEST_P(ChanStress, CH11_PagesReturnedInTheVeryActOfParking) {
  const int rounds = scaled(200);
  std::atomic<bool> stop = false;
  std::thread releaser([&] {
    while (!stop) goro::detail::release_idle_memory();
  });
  for (int round = 0; round != rounds; ++round) {
    const auto ch = make_chan<wide>();
    goro::wait_group done;
    for (int i = 0; i != 8; ++i)
      done.go([=] {
        (void)dirty_the_stack(depth);
        ch.send(wide(i));
      });
    std::array<int, 8> seen{};
    for (int i = 0; i != 8; ++i) {
      const auto got = ch.recv();
      const int id = got ? got->words[0] : -1;
      if (id < 0 || id >= 8 || !got->holds(id)) {
        ADD_FAILURE() << "round " << round << ": a torn value";
        continue;
      }
      ++seen[static_cast<std::size_t>(id)];
    }
    done.wait();
    for (const int count : seen) EXPECT_EQ(count, 1);
  }
  stop = true;
  releaser.join();
}

TEST_P(ChanStress, CH25_AChainOfTenThousand) {
  const int n = under_tsan ? 1'000 : 10'000;  // of goroutines, which thread sanitizer counts as threads
  const auto leftmost = make_chan<int>();
  auto left = leftmost;
  goro::wait_group done;
  for (int i = 0; i != n; ++i) {
    const auto right = make_chan<int>();
    done.go([left, right] { left.send(*right.recv() + 1); });
    left = right;
  }
  left.send(0);
  EXPECT_EQ(leftmost.recv(), n);
  done.wait();
}

// Senders, receivers and one who closes, at random moments: what send accepted was received.
TEST_P(ChanStress, CH17_CloseAmidSendersAndReceivers) {
  const int rounds = scaled(100);
  for (int round = 0; round != rounds; ++round) {
    const auto ch = make_chan<int>(static_cast<std::size_t>(round % 3));
    std::atomic<std::int64_t> sent = 0;
    std::atomic<std::int64_t> received = 0;
    std::atomic<int> refused = 0;
    goro::wait_group done;
    for (int s = 0; s != 4; ++s)
      done.go([&] {
        try {
          for (int i = 1;; ++i) {
            ch.send(i);
            sent += i;
          }
        } catch (const goro::channel_error&) {
          ++refused;
        }
      });
    for (int r = 0; r != 4; ++r)
      done.go([&] {
        for (const int v : ch) received += v;
      });
    done.go([&] {
      for (int i = 0; i != round % 50; ++i) goro::yield();
      ch.close();
    });
    done.wait();
    ASSERT_EQ(sent, received) << "round " << round;
    ASSERT_EQ(refused, 4);
  }
}

TEST_P(ChanStress, PingPong) {
  const int n = scaled(50'000);
  const auto ping = make_chan<int>();
  const auto pong = make_chan<int>();
  goro::wait_group done;
  done.go([=] {
    for (const int v : ping) pong.send(v + 1);
    pong.close();
  });
  int value = 0;
  in_goroutine([&] {
    for (int i = 0; i != n; ++i) {
      ping.send(value);
      value = *pong.recv();
    }
    ping.close();
    EXPECT_FALSE(pong.recv().has_value());
  });
  EXPECT_EQ(value, n);
  done.wait();
}

// The lock-free "is it empty, is it full" of the trying forms beside waiting ones.
TEST_P(ChanStress, TryingAndWaitingFormsMixed) {
  const int n = scaled(20'000);
  for (const std::size_t capacity : {0u, 1u, 3u}) {
    const auto ch = make_chan<int>(capacity);
    std::vector<std::atomic<int>> seen(static_cast<std::size_t>(n));
    goro::wait_group sent;
    goro::wait_group received;
    for (int s = 0; s != 2; ++s)
      sent.go([&, s] {
        for (int i = 0; i != n; ++i) {
          if (s == 0) {
            ch.send(i);
          } else {
            while (!ch.try_send(i)) goro::yield();
          }
        }
      });
    received.go([&] {
      for (const int v : ch) ++seen[static_cast<std::size_t>(v)];
    });
    received.go([&] {
      for (;;) {
        const auto got = ch.try_recv();
        if (got.status == op_status::closed) return;
        if (got) {
          ++seen[static_cast<std::size_t>(*got)];
        } else {
          goro::yield();
        }
      }
    });
    sent.wait();
    ch.close();
    received.wait();
    EXPECT_TRUE(std::all_of(seen.begin(), seen.end(), [](const auto& count) { return count == 2; }));
  }
}

}  // namespace
