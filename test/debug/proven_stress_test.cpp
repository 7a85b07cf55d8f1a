// SPDX-License-Identifier: MIT
// Proofs while the program is at work: whoever is proven was meant to be stuck, and stays so.
#include "support/at_procs.hpp"
#include "support/eventually.hpp"

#include <goro/goro.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <cstring>
#include <set>
#include <string>
#include <vector>

namespace {

class ProvenStress : public goro_test::AtProcs {};
GORO_AT_PROCS(ProvenStress);

// Two that hand each other values, and a third that waits for both: all live, on channels that only their own
// stacks refer to while they run.
void traffic(int rounds, std::atomic<int>& ended) {
  const auto there = goro::make_chan<int>();
  const auto back = goro::make_chan<int>(1);
  goro::wait_group both;
  both.go([=] {
    for (int i = 0; i != rounds; ++i) {
      there.send(i);
      (void)back.recv();
    }
    there.close();
  });
  both.go([=] {
    for (const int i : there) back.send(i);
  });
  both.wait();
  ended.fetch_add(1);
}

TEST_P(ProvenStress, NobodyWhoLivesIsProven) {
  std::atomic<int> ended{0};
  std::atomic<int> wrong{0};
  std::string name;
  const int pairs = 16;
  for (int i = 0; i != pairs; ++i)
    goro::go({.name = "traffic"}, [&] { traffic(goro_test::scaled(3000), ended); });
  int proofs = 0;
  while (ended.load() != pairs) {
    const auto proof = goro::leak::prove();
    EXPECT_EQ(proof.unavailable.empty(), !goro_test::under_tsan) << proof.unavailable;
    for (const auto& g : proof.leaked) {
      ++wrong;
      name = g.name + " " + g.state;
    }
    ++proofs;
    goro::sleep_for(std::chrono::milliseconds(1));
  }
  EXPECT_EQ(wrong.load(), 0) << name;
  EXPECT_GT(proofs, 0);
}

// Some are left behind all the time. Who is proven is one of them, by name, and still there at the end.
TEST_P(ProvenStress, WhoIsProvenStaysStuck) {
  if (goro_test::under_tsan) GTEST_SKIP() << "there is no proof";
  std::atomic<int> ended{0};
  std::atomic<bool> stop{false};
  std::vector<std::uint64_t> hidden;  // the channels' addresses, as numbers, to set them free at the end
  goro::mutex guard;
  std::set<std::uint64_t> proven;
  goro::go({.name = "leaker"}, [&] {
    while (!stop.load() && hidden.size() < 200) {
      goro::wait_group done;
      done.go([&] {
        const auto ch = goro::make_chan<int>();
        goro::go({.name = "left behind"}, [ch] { (void)ch.recv(); });
        alignas(goro::chan<int>) unsigned char bytes[8];
        new (bytes) goro::chan<int>(ch);
        std::uint64_t word = 0;
        std::memcpy(&word, bytes, 8);
        const std::lock_guard hold(guard);
        hidden.push_back(~word);
      });
      done.wait();
      goro::sleep_for(std::chrono::microseconds(200));
    }
    ended.fetch_add(1);
  });
  for (int i = 0; i != 4; ++i)
    goro::go({.name = "traffic"}, [&] { traffic(goro_test::scaled(2000), ended); });
  for (int i = 0; i != 20; ++i) {
    const auto proof = goro::leak::prove();
    ASSERT_EQ(proof.unavailable, "");
    for (const auto& g : proof.leaked) {
      EXPECT_EQ(g.name, "left behind") << g.state;
      proven.insert(g.id);
    }
    goro::sleep_for(std::chrono::milliseconds(1));
  }
  stop = true;
  EXPECT_TRUE(goro_test::eventually([&] { return ended.load() == 5; }));
  std::set<std::uint64_t> there;
  for (const auto& g : goro::goroutines())
    if (g.state == "chan receive") there.insert(g.id);
  for (const std::uint64_t id : proven) EXPECT_EQ(there.count(id), 1u) << id;
  for (std::uint64_t word : hidden) {
    word = ~word;
    alignas(goro::chan<int>) unsigned char bytes[8];
    std::memcpy(bytes, &word, 8);
    const goro::chan<int> ch = std::move(*std::launder(reinterpret_cast<goro::chan<int>*>(bytes)));
    ch.close();
  }
}

}  // namespace
