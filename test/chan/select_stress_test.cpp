// SPDX-License-Identifier: MIT
// select under load: nothing lost or doubled, fair, free of deadlock, and nothing left in any queue.
#include "chan/parked.hpp"
#include "chan/probe.hpp"
#include "support/at_procs.hpp"

#include <goro/goro.hpp>
#include <goro/wait_group.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <random>
#include <span>
#include <thread>
#include <utility>
#include <vector>

using namespace goro_test;
using namespace std::chrono_literals;
using goro::chan;
using goro::make_chan;
using goro::op_status;
using goro::otherwise;

namespace {

class SelectStress : public AtProcs {};
GORO_AT_PROCS(SelectStress);

// At every instant one of the two channels is ready, so a selector that looks at both in one step never
// takes the default.
template <class MakeReady>
void snapshot(int rounds, MakeReady make_second_ready) {
  int defaults = 0;
  in_goroutine([&] {
    for (int round = 0; round != rounds; ++round) {
      const auto first = make_chan<int>(1);
      const auto second = make_chan<int>(1);
      const auto took_default = make_chan<bool>(1);
      first.send(1);
      goro::go(
          [=] { took_default.send(goro::select(goro::recv(first), goro::recv(second), otherwise) == 2); });
      make_second_ready(second);
      goro::select(goro::recv(first), otherwise);
      defaults += *took_default.recv();
    }
  });
  EXPECT_EQ(defaults, 0) << "of " << rounds;
}

TEST_P(SelectStress, SE01_DefaultNeverRunsWhileOneChannelIsReady) {
  snapshot(scaled(100'000), [](const chan<int>& ch) { ch.send(1); });
}

TEST_P(SelectStress, SE02_NorWhenTheSecondOneIsClosed) {
  snapshot(scaled(100'000), [](const chan<int>& ch) { ch.close(); });
}

TEST_P(SelectStress, SE03_TwoGoroutinesSelectSendAndReceiveOnOneChannel) {
  const int rounds = scaled(1'000);
  for (const std::size_t capacity : {0u, 10u}) {
    const auto ch = make_chan<int>(capacity);
    goro::wait_group done;
    for (int me = 0; me != 2; ++me)
      done.go([=] {
        for (int i = 0; i != rounds; ++i) {
          int got = -1;
          if (me == 0 || i % 2 == 0) {
            goro::select(goro::send(ch, me), goro::recv(ch, got));
          } else {
            goro::select(goro::recv(ch, got), goro::send(ch, me));
          }
          if (capacity == 0) {
            EXPECT_NE(got, me) << "received its own value from an unbuffered channel";
          }
        }
      });
    done.wait();
  }
}

void four_channels(int n) {
  const std::array<chan<int>, 4> c = {make_chan<int>(), make_chan<int>(), make_chan<int>(2),
                                      make_chan<int>(3)};
  std::array<std::atomic<int>, 4> received{};
  goro::wait_group done;
  for (std::size_t k = 0; k != 4; ++k) {
    done.go([=, ch = c[k]] {
      for (int i = 0; i != n; ++i) ch.send(0);
    });
    done.go([&, k] {
      for (int i = 0; i != n; ++i) {
        (void)c[k].recv();
        ++received[k];
      }
    });
  }
  done.go([=] {
    std::array<int, 4> count{};
    auto open = c;
    for (int i = 0; i != 4 * n; ++i) {
      const std::size_t k = goro::select(goro::send(open[3], 0), goro::send(open[2], 0),
                                         goro::send(open[0], 0), goro::send(open[1], 0));
      constexpr std::array<std::size_t, 4> channel_of_case = {3, 2, 0, 1};
      if (++count[channel_of_case[k]] == n) open[channel_of_case[k]] = {};
    }
  });
  done.go([&] {
    std::array<int, 4> count{};
    auto open = c;
    for (int i = 0; i != 4 * n; ++i) {
      const std::size_t k =
          goro::select(goro::recv(open[0]), goro::recv(open[1]), goro::recv(open[2]), goro::recv(open[3]));
      ++received[k];
      if (++count[k] == n) open[k] = {};
    }
  });
  done.wait();
  for (std::size_t k = 0; k != 4; ++k) {
    EXPECT_EQ(received[k], 2 * n);
    EXPECT_EQ(c[k].len(), 0u);
    EXPECT_EQ(c[k].try_recv().status, op_status::would_block);
  }
}

TEST_P(SelectStress, SE05_FourWaySelectBesidePlainOperations) { four_channels(scaled(50'000)); }

TEST(SelectStressAtTen, SE05_FourWaySelectBesidePlainOperations) {
  const hang_guard guard("SelectStressAtTen.SE05");
  const int before = goro::set_max_procs(10);
  four_channels(scaled(100'000));
  goro::set_max_procs(before);
}

TEST_P(SelectStress, SE06_FairAmongReadyChannels) {
  constexpr int picks = 10'000;
  const auto a = make_chan<int>(picks + 1);
  const auto b = make_chan<int>(picks + 1);
  const auto never = make_chan<int>();
  for (int i = 0; i != picks + 1; ++i) {
    a.send(i);
    b.send(i);
  }
  int from_a = 0;
  for (int i = 0; i != picks; ++i) {
    switch (goro::select(goro::recv(never), goro::recv(a), goro::recv(chan<int>()), goro::recv(b))) {
      case 1: ++from_a; break;
      case 3: break;
      default: ADD_FAILURE() << "a channel that is never ready was chosen";
    }
  }
  EXPECT_LT(std::abs(from_a / double{picks} - 0.5), 4.89 / (2 * std::sqrt(double{picks})));
}

TEST_P(SelectStress, SE06_FairAmongParkedSendersOfManyCases) {
  constexpr int picks = 8'000;
  std::array<int, 8> count{};
  std::array<chan<int>, 8> c;
  for (auto& ch : c) {
    ch = make_chan<int>(picks);
    for (int i = 0; i != picks; ++i) ch.send(i);
  }
  for (int i = 0; i != picks; ++i)
    ++count[goro::select(goro::recv(c[0]), goro::recv(c[1]), goro::recv(c[2]), goro::recv(c[3]),
                         goro::recv(c[4]), goro::recv(c[5]), goro::recv(c[6]), goro::recv(c[7]))];
  const double sigma = std::sqrt(picks * (1.0 / 8) * (7.0 / 8));
  for (const int n : count) EXPECT_LT(std::abs(n - picks / 8), 5.5 * sigma);
}

TEST_P(SelectStress, SE07_TwoSendsOnOneChannelAreBothChosen) {
  for (const std::size_t capacity : {0u, 100u}) {
    const auto ch = make_chan<int>(capacity);
    goro::wait_group done;
    done.go([=] {
      for (int i = 0; i != 100; ++i) goro::select(goro::send(ch, 0), goro::send(ch, 1));
    });
    int ones = 0;
    in_goroutine([&] {
      for (int i = 0; i != 100; ++i) {
        goro::yield();
        ones += *ch.recv();
      }
    });
    done.wait();
    EXPECT_GT(ones, 10);
    EXPECT_LT(ones, 90);
  }
}

TEST_P(SelectStress, SE08_TheSameChannelTwiceRoundAfterRound) {
  const int rounds = scaled(300);
  in_goroutine([=] {
    const auto twice = make_chan<int>();
    const auto leave = make_chan<int>();
    for (int round = 0; round != rounds; ++round) {
      std::atomic<int> got = 0;
      goro::wait_group done;
      done.go([&] { EXPECT_EQ(goro::select(goro::recv(twice), goro::recv(leave), goro::recv(twice)), 1u); });
      ASSERT_TRUE(until_parked(1, wait_reason::select));
      done.go([&] { got = twice.recv().value_or(-1); });
      leave.send(0);
      twice.send(round + 1);
      done.wait();
      ASSERT_EQ(got, round + 1);
    }
  });
}

TEST_P(SelectStress, SE11_OneValueFourSendCasesIsDeliveredOnce) {
  const int n = scaled(100'000);
  const auto all = make_chan<int>(100);
  std::array<chan<int>, 4> c;
  goro::wait_group copiers;
  for (auto& ch : c) {
    ch = make_chan<int>();
    copiers.go([=] {
      for (const int v : ch) all.send(v);
    });
  }
  goro::wait_group done;
  done.go([&] {
    for (int i = 0; i != n; ++i)
      goro::select(goro::send(c[0], i), goro::send(c[1], i), goro::send(c[2], i), goro::send(c[3], i));
    for (const auto& ch : c) ch.close();
    copiers.wait();
    all.close();
  });
  std::vector<char> seen(static_cast<std::size_t>(n));
  int count = 0;
  in_goroutine([&] {
    for (const int v : all) {
      EXPECT_EQ(seen[static_cast<std::size_t>(v)]++, 0) << v;
      ++count;
    }
  });
  done.wait();
  EXPECT_EQ(count, n);
}

TEST_P(SelectStress, SE12_GoroutinesOfAllFormsMeet) {
  const int rounds = scaled(300);
  const chan<int> idle = make_chan<int>();
  for (int form = 0; form != 9; ++form) {
    const auto ch = make_chan<int>();
    goro::wait_group done;
    done.go([=] {
      for (int i = 0; i != rounds; ++i) {
        if (form % 3 == 0) ch.send(i);
        if (form % 3 == 1) goro::select(goro::send(ch, i));
        if (form % 3 == 2) goro::select(goro::send(ch, i), goro::recv(idle));
      }
    });
    done.go([=] {
      for (int i = 0; i != rounds; ++i) {
        int v = -1;
        if (form / 3 == 0) v = *ch.recv();
        if (form / 3 == 1) goro::select(goro::recv(ch, v));
        if (form / 3 == 2) goro::select(goro::recv(idle), goro::recv(ch, v));
        EXPECT_EQ(v, i);
      }
    });
    done.wait();
  }
  EXPECT_FALSE(idle.try_send(0));
}

TEST_P(SelectStress, SE19_SelectsThatLoseLeaveNothingOnTheUnusedChannel) {
  const int n = scaled(100'000);
  const auto used = make_chan<int>();
  const auto never = make_chan<int>();
  const auto rounds = [&](int count) {
    goro::wait_group done;
    done.go([=] {
      for (int i = 0; i != count; ++i) used.send(i);
    });
    done.go([&, count] {
      for (int i = 0; i != count; ++i) EXPECT_EQ(goro::select(goro::recv(never), goro::recv(used)), 1u);
    });
    done.wait();
  };
  rounds(1'000);  // so that what is made once is there already
  const std::size_t heap_before = heap_in_use();
  const std::size_t resident_before = resident_bytes();
  rounds(n);
  if (!under_sanitizer) {
    EXPECT_LT(heap_in_use(), heap_before + 110'000);
    EXPECT_LT(resident_bytes(), resident_before + 1'000'000);
  }
  EXPECT_FALSE(never.try_send(1));
}

TEST_P(SelectStress, SE20_CloseWakesAThousandSelectorsOnce) {
  constexpr std::size_t n = 1'000;
  const auto shared = make_chan<int>();
  std::vector<chan<int>> own(n);
  std::vector<std::atomic<int>> woken(n);
  goro::wait_group done;
  for (std::size_t i = 0; i != n; ++i) {
    own[i] = make_chan<int>();
    done.go([&, i] {
      bool ok = true;
      int value = 0;
      const std::size_t chosen = i % 2 == 0
                                     ? goro::select(goro::recv(shared, value, ok), goro::recv(own[i]))
                                     : goro::select(goro::send(own[i], 1), goro::recv(shared, value, ok));
      EXPECT_EQ(chosen, i % 2);
      EXPECT_FALSE(ok);
      ++woken[i];
    });
  }
  ASSERT_TRUE(until_parked(n, wait_reason::select));
  shared.close();
  done.wait();
  for (std::size_t i = 0; i != n; ++i) {
    EXPECT_EQ(woken[i], 1);
    EXPECT_FALSE(own[i].try_send(1));
    EXPECT_EQ(own[i].try_recv().status, op_status::would_block);
  }
}

TEST_P(SelectStress, SE20_CloseRacesWithTheOtherCase) {
  const int rounds = scaled(2'000);
  in_goroutine([=] {
    for (int round = 0; round != rounds; ++round) {
      const auto a = make_chan<int>();
      const auto b = make_chan<int>();
      goro::wait_group done;
      std::atomic<bool> sent = false;
      std::size_t chosen = 9;
      done.go([&] { chosen = goro::select(goro::recv(a), goro::recv(b)); });
      done.go([&] { a.close(); });
      done.go([&] { sent = b.try_send(1); });
      done.wait();
      ASSERT_EQ(chosen, sent ? 1u : 0u) << "round " << round;
    }
  });
}

TEST_P(SelectStress, SE21_OppositeOrdersDoNotDeadlock) {
  const int rounds = scaled(100'000);
  const auto a = make_chan<int>();
  const auto b = make_chan<int>();
  goro::wait_group done;
  std::array<std::int64_t, 2> balance{};
  done.go([&] {
    for (int i = 0; i != rounds; ++i)
      balance[0] += goro::select(goro::send(a, i), goro::send(b, i)) == 0 ? 1 : -1;
  });
  done.go([&] {
    for (int i = 0; i != rounds; ++i) balance[1] += goro::select(goro::recv(b), goro::recv(a)) == 1 ? 1 : -1;
  });
  done.wait();
  EXPECT_EQ(balance[0], balance[1]);
}

TEST_P(SelectStress, SE21_SixtyFourChannelsInRandomOrders) {
  const int rounds = scaled(25'000);
  std::vector<chan<int>> channels(64);
  for (auto& ch : channels) ch = make_chan<int>();
  goro::wait_group done;
  std::array<std::atomic<std::int64_t>, 2> sums{};
  std::mt19937_64 random(seed());
  for (int g = 0; g != 4; ++g) {
    auto order = channels;
    std::shuffle(order.begin(), order.end(), random);
    const bool sends = g % 2 == 0;
    done.go([=, &sums] {
      int value = 0;
      std::vector<goro::select_case> cases;
      for (const auto& ch : order)
        cases.push_back(sends ? goro::select_case(goro::send(ch, value)) : goro::recv(ch, value));
      for (int i = 0; i != rounds; ++i) {
        if (sends) value = i;
        goro::select(std::span(cases));
        sums[sends ? 0 : 1] += value;
      }
    });
  }
  done.wait();
  EXPECT_EQ(sums[0], sums[1]);
  for (const auto& ch : channels) EXPECT_EQ(ch.try_recv().status, op_status::would_block);
}

TEST_P(SelectStress, SE22_OneTickWakesOneOfTwoSelectors) {
  const auto tick = goro::after(5ms);
  const auto stop = make_chan<int>();
  std::atomic<int> ticks = 0;
  std::atomic<int> stops = 0;
  goro::wait_group done;
  for (int i = 0; i != 2; ++i)
    done.go([&] {
      if (goro::select(goro::recv(tick), goro::recv(stop)) == 0) {
        ++ticks;
      } else {
        ++stops;
      }
    });
  ASSERT_TRUE(eventually([&] { return ticks == 1; }));
  ASSERT_TRUE(until_parked(1, wait_reason::select));
  let_others_run();
  EXPECT_EQ(ticks, 1);
  stop.close();
  done.wait();
  EXPECT_EQ(ticks, 1);
  EXPECT_EQ(stops, 1);
}

// The limit and the value meet at every distance: a value that was sent was received.
TEST_P(SelectStress, ATimeoutThatRacesWithAValueNeitherLosesNorDoublesIt) {
  const int rounds = scaled(20'000);
  const auto ch = make_chan<int>();
  std::vector<int> sent;
  std::vector<int> got;
  std::atomic<bool> sender_done = false;
  goro::wait_group done;
  done.go([&] {
    std::mt19937_64 random(seed());
    for (int i = 0; i != rounds; ++i)
      if (goro::select(goro::send(ch, i), goro::timeout(std::chrono::nanoseconds(random() % 4'000))) == 0)
        sent.push_back(i);
    sender_done = true;
  });
  done.go([&] {
    std::mt19937_64 random(seed() + 1);
    int value = -1;
    while (!sender_done)
      if (goro::select(goro::timeout(std::chrono::nanoseconds(random() % 4'000)), goro::recv(ch, value)) == 1)
        got.push_back(value);
  });
  done.wait();
  EXPECT_TRUE(sent == got) << sent.size() << " sent, " << got.size() << " received";
}

TEST_P(SelectStress, ThreadsAndGoroutinesSelectOnTheSameChannels) {
  const int n = scaled(3'000);
  const auto a = make_chan<int>();
  const auto b = make_chan<int>(2);
  std::vector<std::atomic<int>> seen(static_cast<std::size_t>(n));
  const auto stop = make_chan<int>();
  const auto sender = [&] {
    for (int i = 0; i != n; ++i) goro::select(goro::send(a, i), goro::send(b, i));
  };
  const auto receiver = [&] {
    for (int v = 0;;) {
      const std::size_t chosen =
          goro::select(goro::in_order, goro::recv(a, v), goro::recv(b, v), goro::recv(stop));
      if (chosen == 2) return;
      ++seen[static_cast<std::size_t>(v)];
    }
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
  for (auto& t : senders) t.join();
  stop.close();  // in_order: what is left in b goes before it
  received.wait();
  for (auto& t : receivers) t.join();
  EXPECT_TRUE(std::all_of(seen.begin(), seen.end(), [](const auto& count) { return count == 4; }));
}

}  // namespace
