// SPDX-License-Identifier: MIT
// leak::prove: each rule by which a goroutine counts as stuck, and its twin that is not.
#include "debug/lost.hpp"

#include <chrono>

namespace {

using namespace std::chrono_literals;
using goro_test::lost;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using Proven = goro_test::Proven;

goro::chan<int> global_channel;
goro::mutex global_mutex;

// ---- channels

TEST_F(Proven, ASenderWithoutAReceiverWithAllThatIsKnown) {
  elsewhere([this] {
    const auto ch = new_lost_channel();
    goro::go({.name = "sender"}, [ch] { send(ch); });
  });
  ASSERT_TRUE(parked(reason::chan_send));
  const auto proof = goro::leak::prove();
  ASSERT_EQ(proof.unavailable, "");
  ASSERT_THAT(proof.leaked, SizeIs(1));
  EXPECT_EQ(proof.leaked[0].name, "sender");
  EXPECT_EQ(proof.leaked[0].state, "chan send");
  EXPECT_THAT(proof.leaked[0].created_at.file, HasSubstr("proven_test.cpp"));
  EXPECT_THAT(proof.leaked[0].stack, testing::Not(IsEmpty()));
  EXPECT_EQ(proof.parked, 1u);
  EXPECT_EQ(proof.waits, 1u);
  EXPECT_GT(proof.words, 0u);
  EXPECT_THAT(goro::leak::proven(), SizeIs(1));
}

TEST_F(Proven, NobodyIsWhileAGlobalHasTheChannel) {
  elsewhere([this] {
    global_channel = new_lost_channel();
    goro::go({.name = "receiver"}, [ch = global_channel] { receive(ch); });
  });
  ASSERT_TRUE(parked(reason::chan_receive));
  EXPECT_THAT(names(), IsEmpty());
  elsewhere([] { global_channel = {}; });
  EXPECT_THAT(names(), ElementsAre("receiver"));
}

TEST_F(Proven, NobodyIsWhileOneThatIsAwakeHasTheChannel) {
  elsewhere([this] {
    const auto ch = new_lost_channel();
    goro::go({.name = "receiver"}, [ch] { receive(ch); });
    goro::go({.name = "sleeper"}, [ch] {
      goro::sleep_for(1s);
      asm volatile("" : : "r"(&ch) : "memory");
    });
  });
  ASSERT_TRUE(parked(reason::chan_receive) && parked(reason::sleep));
  EXPECT_THAT(names(), IsEmpty());
  ASSERT_TRUE(parked(reason::sleep, 0));
  EXPECT_THAT(names(), ElementsAre("receiver"));
}

TEST_F(Proven, ABufferThatIsFullAndOneThatHasTheOnlyHandleInIt) {
  elsewhere([this] {
    const auto ch = new_lost_channel(1);
    goro::go({.name = "second value"}, [ch] {
      send(ch);
      send(ch);
    });
  });
  ASSERT_TRUE(parked(reason::chan_send));
  EXPECT_THAT(names(), ElementsAre("second value"));
}

TEST_F(Proven, SelectIsStuckIfAllCasesAre) {
  elsewhere([this] {
    const auto a = new_lost_channel();
    const auto b = new_lost_channel();
    global_channel = new_lost_channel();
    goro::go({.name = "all lost"}, [a, b] {
      goro::select(goro::recv(a, [](std::optional<int>) {}), goro::recv(b, [](std::optional<int>) {}));
    });
    goro::go({.name = "one is not"}, [a, b] {
      goro::select(goro::recv(a, [](std::optional<int>) {}), goro::recv(b, [](std::optional<int>) {}),
                   goro::recv(global_channel, [](std::optional<int>) {}));
    });
  });
  ASSERT_TRUE(parked(reason::select, 2));
  EXPECT_THAT(names(), IsEmpty());  // who lives has a and b in its hands
  elsewhere([] { global_channel = {}; });
  // The other one's own frame has the third channel now, alone.
  EXPECT_THAT(names(), ElementsAre("all lost", "one is not"));
}

TEST_F(Proven, AWaitWithALimitIsNot) {
  elsewhere([this] {
    const auto ch = new_lost_channel();
    goro::go({.name = "for a time"}, [ch] { (void)ch.recv_for(1h); });
    goro::go({.name = "select with a time"}, [ch] {
      goro::select(goro::recv(ch, [](std::optional<int>) {}), goro::timeout(1h, [] {}));
    });
  });
  ASSERT_TRUE(parked(reason::chan_receive) && parked(reason::select));
  EXPECT_THAT(names(), IsEmpty());
}

TEST_F(Proven, AWaitThatAContextEndsIsNot) {
  auto [ctx, cancel] = goro::with_cancel(goro::background());
  elsewhere([this, &ctx = ctx] {
    const auto ch = new_lost_channel();
    goro::go({.name = "cancellable"}, [ch, ctx] { (void)ch.recv(ctx); });
    goro::go({.name = "nil, cancellable"}, [ctx] { (void)goro::chan<int>().recv(ctx); });
  });
  ASSERT_TRUE(parked(reason::chan_receive) && parked(reason::chan_receive_nil));
  EXPECT_THAT(names(), IsEmpty());
  cancel();
}

TEST_F(Proven, DaemonsArePassedOver) {
  elsewhere([this] {
    const auto ch = new_lost_channel();
    goro::go({.name = "daemon", .daemon = true}, [ch] { receive(ch); });
  });
  ASSERT_TRUE(parked(reason::chan_receive));
  EXPECT_THAT(names(), IsEmpty());
}

TEST_F(Proven, AClosureOnTheHeapIsTheGoroutinesOwn) {
  elsewhere([this] {
    const auto ch = new_lost_channel();
    struct {
      goro::chan<int> ch;
      char much[100];
    } big{ch, {}};
    goro::go({.name = "big"}, [big] { receive(big.ch); });
  });
  ASSERT_TRUE(parked(reason::chan_receive));
  EXPECT_THAT(names(), ElementsAre("big"));
}

// ---- chains

TEST_F(Proven, AChainIsStuckFromItsEnd) {
  constexpr int links = 1000;
  elsewhere([this] {
    auto next = new_lost_channel();
    for (int i = 0; i != links; ++i) {
      const auto mine = i + 1 == links ? next : new_lost_channel();
      goro::go([mine, next] {
        receive(mine);
        send(next);
      });
      if (i + 1 != links) next = mine;
    }
  });
  ASSERT_TRUE(parked(reason::chan_receive, links));
  EXPECT_THAT(names(), SizeIs(links));
}

TEST_F(Proven, AChainLivesFromItsBeginning) {
  constexpr int links = 1000;
  elsewhere([this] {
    auto next = new_lost_channel();
    for (int i = 0; i != links; ++i) {
      const auto mine = new_lost_channel();
      goro::go([mine, next] {
        receive(mine);
        asm volatile("" : : "r"(&next) : "memory");
      });
      next = mine;
    }
    global_channel = next;
  });
  ASSERT_TRUE(parked(reason::chan_receive, links));
  EXPECT_THAT(names(), IsEmpty());
  elsewhere([] { global_channel = {}; });
  EXPECT_THAT(names(), SizeIs(links));
}

// ---- records

TEST_F(Proven, RecordsThatAreKeptKeepNothingAlive) {
  elsewhere([this] {
    const auto ch = new_lost_channel();
    goro::go({.name = "receiver"}, [ch] { receive(ch); });
  });
  ASSERT_TRUE(parked(reason::chan_receive));
  const auto all = goro::goroutines();
  ASSERT_THAT(all, SizeIs(1));
  EXPECT_NE(all[0].waits_on, nullptr);
  EXPECT_THAT(names(), ElementsAre("receiver"));
}

}  // namespace
