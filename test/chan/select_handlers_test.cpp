// SPDX-License-Identifier: MIT
// select's handlers, kept sets of cases, priorities and time limits.
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
#include <memory>
#include <optional>
#include <random>
#include <span>
#include <stdexcept>
#include <string>
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

class SelectHandlers : public AtProcs {};
GORO_AT_PROCS(SelectHandlers);

chan<int> with(int value) {
  auto ch = make_chan<int>(1);
  ch.send(value);
  return ch;
}

chan<int> closed() {
  auto ch = make_chan<int>();
  ch.close();
  return ch;
}

TEST_P(SelectHandlers, TheFourFormsOnAValueAndOnAClosedChannel) {
  std::string log;
  const auto note = [&log](const std::string& text) { log += text + ";"; };
  const auto by_optional = [&](std::optional<int> v) {
    note("optional " + (v ? std::to_string(*v) : "none"));
  };
  const auto by_pair = [&](int v, bool ok) { note(ok ? "pair " + std::to_string(v) : "pair none"); };
  const auto by_value = [&](int v) { note("value " + std::to_string(v)); };
  const auto by_nothing = [&] { note("nothing"); };

  EXPECT_EQ(goro::select(goro::recv(with(1), by_optional)), 0u);
  EXPECT_EQ(goro::select(goro::recv(with(2), by_pair)), 0u);
  EXPECT_EQ(goro::select(goro::recv(with(3), by_value)), 0u);
  EXPECT_EQ(goro::select(goro::recv(with(4), by_nothing)), 0u);
  EXPECT_EQ(log, "optional 1;pair 2;value 3;nothing;");

  log.clear();
  EXPECT_EQ(goro::select(goro::recv(closed(), by_optional)), 0u);
  EXPECT_EQ(goro::select(goro::recv(closed(), by_pair)), 0u);
  EXPECT_EQ(goro::select(goro::recv(closed(), by_value)), 0u);  // ran, though its handler is not called
  EXPECT_EQ(goro::select(goro::recv(closed(), by_nothing)), 0u);
  EXPECT_EQ(log, "optional none;pair none;nothing;");

  log.clear();
  const goro::recv_chan<int> view = with(5);
  const auto room = make_chan<int>(2);
  EXPECT_EQ(goro::select(goro::recv(view, by_value)), 0u);
  EXPECT_EQ(goro::select(goro::send(room, 6, by_nothing)), 0u);
  EXPECT_EQ(goro::select(goro::send(goro::send_chan<int>(room), 7, by_nothing)), 0u);
  EXPECT_EQ(goro::select(otherwise(by_nothing)), 0u);
  EXPECT_EQ(goro::select(goro::timeout(1ns, by_nothing)), 0u);
  EXPECT_EQ(log, "value 5;nothing;nothing;nothing;nothing;");
  EXPECT_EQ(room.recv(), 6);
  EXPECT_EQ(room.recv(), 7);
}

struct all_four {
  std::string* log;
  void operator()(std::optional<int>) const { *log += "optional;"; }
  void operator()(int, bool) const { *log += "pair;"; }
  void operator()(int) const { *log += "value;"; }
  void operator()() const { *log += "nothing;"; }
};
struct last_three {
  std::string* log;
  void operator()(int, bool) const { *log += "pair;"; }
  void operator()(int) const { *log += "value;"; }
  void operator()() const { *log += "nothing;"; }
};
struct last_two {
  std::string* log;
  void operator()(const std::string&) const { *log += "value;"; }
  void operator()() const { *log += "nothing;"; }
};

TEST_P(SelectHandlers, TheFormsAreTriedInTheDocumentedOrder) {
  std::string log;
  goro::select(goro::recv(with(1), all_four{&log}));
  goro::select(goro::recv(closed(), all_four{&log}));
  goro::select(goro::recv(with(1), last_three{&log}));
  goro::select(goro::recv(closed(), last_three{&log}));
  const auto words = make_chan<std::string>(1);
  words.send("w");
  goro::select(goro::recv(words, last_two{&log}));
  EXPECT_EQ(log, "optional;optional;pair;pair;value;");
}

TEST_P(SelectHandlers, HandlersTakeMoveOnlyValuesAndMayUseChannelsThemselves) {
  const auto ch = make_chan<std::unique_ptr<int>>(1);
  const auto onward = make_chan<std::unique_ptr<int>>(2);
  ch.send(std::make_unique<int>(1));
  goro::select(goro::recv(ch, [&](std::unique_ptr<int> p) { onward.send(std::move(p)); }));
  ch.send(std::make_unique<int>(2));
  goro::select(goro::recv(ch, [&](std::optional<std::unique_ptr<int>> p) {
    goro::select(goro::send(onward, std::move(*p)), otherwise([] { ADD_FAILURE(); }));
  }));
  EXPECT_EQ(**onward.recv(), 1);
  EXPECT_EQ(**onward.recv(), 2);
  const auto bare = make_chan<only_movable>(1);
  bare.send(only_movable(3));
  int seen = 0;
  goro::select(goro::recv(bare, [&](only_movable v) { seen = *v.value; }));
  EXPECT_EQ(seen, 3);
}

TEST_P(SelectHandlers, AnExceptionOutOfAHandlerComesOutOfSelect) {
  const auto ch = with(1);
  EXPECT_THROW(goro::select(goro::recv(ch, [](int) { throw std::runtime_error("mine"); })),
               std::runtime_error);
  EXPECT_EQ(ch.len(), 0u) << "the value was received, and is gone with the handler";
  EXPECT_TRUE(ch.try_send(2)) << "and no lock is left held";
}

TEST_P(SelectHandlers, AHandlerRunsOnlyForItsCase) {
  const auto idle = make_chan<int>();
  int ran = 0;
  const auto wrong = [] { ADD_FAILURE() << "a case that was not chosen ran its handler"; };
  EXPECT_EQ(goro::select(goro::recv(idle, wrong), goro::recv(with(1), [&] { ++ran; }),
                         goro::send(idle, 1, wrong), goro::timeout(1h, wrong)),
            1u);
  EXPECT_EQ(ran, 1);
}

class SelectKept : public AtProcs {};
GORO_AT_PROCS(SelectKept);

TEST_P(SelectKept, AVectorOfCasesIsUsedAgainAndAgain) {
  std::vector<chan<int>> channels;
  std::vector<int> got(64, -1);
  std::vector<goro::select_case> cases;
  for (std::size_t i = 0; i != 64; ++i) {
    channels.push_back(make_chan<int>(1));
    cases.push_back(goro::recv(channels[i], got[i]));
  }
  std::mt19937_64 random(seed());
  for (int round = 0; round != 1000; ++round) {
    const std::size_t which = random() % 64;
    channels[which].send(round);
    EXPECT_EQ(goro::select(std::span(cases)), which);
    EXPECT_EQ(got[which], round);
  }
  goro::wait_group done;  // and parked, in another goroutine each time
  for (int round = 0; round != 20; ++round) {
    const std::size_t which = random() % 64;
    done.go([&] { EXPECT_EQ(goro::select(std::span(cases)), which); });
    ASSERT_TRUE(until_parked(1, wait_reason::select));
    channels[which].send(round);
    done.wait();
    EXPECT_EQ(got[which], round);
  }
}

TEST_P(SelectKept, AKeptSendCaseSendsWhatTheVariableHoldsThen) {
  const auto ch = make_chan<int>(1);
  int value = 0;
  std::vector<goro::select_case> cases;
  cases.push_back(goro::send(ch, value));
  cases.push_back(goro::timeout(1h));
  for (value = 0; value != 10; ++value) {
    EXPECT_EQ(goro::select(std::span(cases)), 0u);
    EXPECT_EQ(ch.recv(), value);
  }
}

TEST_P(SelectKept, ACaseOwnsItsHandleAndItsHandler) {
  std::vector<goro::select_case> cases;
  int seen = 0;
  {
    auto ch = make_chan<int>(1);
    ch.send(9);
    auto text = std::make_shared<std::string>("alive");
    cases.push_back(goro::recv(ch, [&seen, text](int v) { seen = v + static_cast<int>(text->size()); }));
    cases.push_back(otherwise([text] {}));
  }
  EXPECT_EQ(goro::select(std::span(cases)), 0u);
  EXPECT_EQ(seen, 14);
  EXPECT_EQ(goro::select(std::span(cases)), 1u);
  std::vector<goro::select_case> moved = std::move(cases);
  EXPECT_EQ(goro::select(std::span(moved)), 1u);
}

TEST_P(SelectKept, AThousandChannels) {
  constexpr std::size_t n = 1000;
  std::vector<chan<int>> channels;
  std::vector<goro::select_case> cases;
  int value = 0;
  for (std::size_t i = 0; i != n; ++i) channels.push_back(make_chan<int>());
  for (std::size_t i = 0; i != n; ++i) cases.push_back(goro::recv(channels[i], value));
  goro::wait_group done;
  done.go([&] {
    for (std::size_t i = 0; i != n; ++i) channels[(i * 7) % n].send(static_cast<int>((i * 7) % n));
  });
  std::vector<bool> seen(n);
  for (std::size_t i = 0; i != n; ++i) {
    const std::size_t chosen = goro::select(std::span(cases));
    EXPECT_EQ(static_cast<std::size_t>(value), chosen);
    EXPECT_FALSE(seen[chosen]);
    seen[chosen] = true;
  }
  done.wait();
}

TEST_P(SelectKept, SixtyFourChannelsAsArguments) {
  std::array<chan<int>, 64> c;
  for (auto& ch : c) ch = make_chan<int>();
  const auto select_all = [&]<std::size_t... I>(std::index_sequence<I...>) {
    return goro::select(goro::recv(c[I])...);
  };
  goro::wait_group done;
  for (std::size_t i = 0; i != 64; ++i) {
    done.go([&, i] { EXPECT_EQ(select_all(std::make_index_sequence<64>()), i); });
    ASSERT_TRUE(until_parked(1, wait_reason::select));
    c[i].send(1);
    done.wait();
  }
  for (auto& ch : c) EXPECT_FALSE(ch.try_send(1)) << "a case was left in a queue";
}

TEST_P(SelectKept, InOrderTakesTheFirstReadyCase) {
  const auto low = make_chan<int>(1000);
  const auto high = make_chan<int>(1000);
  for (int i = 0; i != 1000; ++i) {
    low.send(i);
    high.send(i);
  }
  std::vector<goro::select_case> kept;
  kept.push_back(goro::recv(high));
  kept.push_back(goro::recv(low));
  for (int i = 0; i != 500; ++i) {
    EXPECT_EQ(goro::select(goro::in_order, goro::recv(high), goro::recv(low)), 0u);
    EXPECT_EQ(goro::select(goro::in_order, std::span(kept)), 0u);
  }
  for (int i = 0; i != 500; ++i) {
    EXPECT_EQ(goro::select(goro::in_order, goro::recv(high), goro::recv(low), otherwise), 1u);
    EXPECT_EQ(goro::select(goro::in_order, std::span(kept)), 1u);
  }
  EXPECT_EQ(goro::select(goro::in_order, goro::recv(high), goro::recv(low), otherwise), 2u);
  EXPECT_EQ(goro::select(goro::in_order, otherwise, goro::recv(with(1))), 1u)
      << "otherwise is last in any order";
}

class SelectTimeout : public AtProcs {};
GORO_AT_PROCS(SelectTimeout);

TEST_P(SelectTimeout, EndsTheWaitNotEarlierThanItSays) {
  const auto idle = make_chan<int>();
  const auto body = [&] {
    for (const auto limit : {0ms, 1ms, 10ms}) {
      const auto start = std::chrono::steady_clock::now();
      EXPECT_EQ(goro::select(goro::recv(idle), goro::timeout(limit), goro::send(idle, 1)), 1u);
      EXPECT_GE(std::chrono::steady_clock::now() - start, limit);
    }
    EXPECT_EQ(goro::select(goro::recv(idle), goro::timeout(-1s)), 1u);
    EXPECT_EQ(goro::select(goro::timeout(1h), goro::timeout(1ms), goro::timeout(goro::duration::max())), 1u);
  };
  body();
  in_goroutine(body);
  EXPECT_FALSE(idle.try_send(1));
  EXPECT_EQ(idle.try_recv().status, op_status::would_block);
}

TEST_P(SelectTimeout, AReadyCaseIsPreferredToATimeoutOfZero) {
  for (int i = 0; i != 200; ++i) EXPECT_EQ(goro::select(goro::timeout(0ns), goro::recv(with(1))), 1u);
}

TEST_P(SelectTimeout, AHugeTimeoutDoesNotWrapRound) {
  const auto ch = make_chan<int>();
  goro::wait_group done;
  done.go([&] { EXPECT_EQ(goro::select(goro::timeout(goro::duration::max()), goro::recv(ch)), 1u); });
  ASSERT_TRUE(until_parked(1, wait_reason::select));
  ch.send(1);
  done.wait();
}

TEST_P(SelectTimeout, CountsFromEachSelectWhenKept) {
  const auto idle = make_chan<int>();
  std::vector<goro::select_case> cases;
  cases.push_back(goro::recv(idle));
  cases.push_back(goro::timeout(3ms));
  for (int i = 0; i != 3; ++i) {
    const auto start = std::chrono::steady_clock::now();
    EXPECT_EQ(goro::select(std::span(cases)), 1u);
    EXPECT_GE(std::chrono::steady_clock::now() - start, 3ms);
  }
}

TEST_P(SelectTimeout, FromPlainThreadsTheValueAndTheLimit) {
  const auto ch = make_chan<int>();
  const auto idle = make_chan<int>();
  std::vector<std::thread> threads;
  std::atomic<int> received_sum = 0;
  for (int i = 0; i != 4; ++i)
    threads.emplace_back([&] {
      int value = 0;
      EXPECT_EQ(goro::select(goro::recv(idle), goro::recv(ch, value), goro::timeout(1h)), 1u);
      received_sum += value;
      EXPECT_EQ(goro::select(goro::recv(idle), goro::timeout(1ms)), 1u);
    });
  for (int i = 1; i <= 4; ++i) EXPECT_EQ(goro::select(goro::send(ch, i), goro::recv(idle)), 0u);
  for (std::thread& t : threads) t.join();
  EXPECT_EQ(received_sum, 10);
}

}  // namespace
