// SPDX-License-Identifier: MIT
// Proofs while blocks of the heap are made, freed and handed around: recorded_traffic ROUNDS. Many goroutines wait
// for a message each, in boxes that others pass from hand to hand: at any moment the only reference to a box is in a
// register, a stack, a heap block that nobody but one thread knows, or a slot. Whoever is proven stuck though they
// all get their messages in the end is a false alarm. Some are left behind on purpose; those should be proven.
//
// Prints "wrong N proven M of K ended E", and exits with 0 if all that live have ended.
#include <goro/goro.hpp>

#include "sched/introspect.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <list>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace std::chrono_literals;

constexpr int waiters = 60;
constexpr int slots = 16;
constexpr int movers = 6;

struct box {
  goro::chan<int> inbox = goro::make_chan<int>();
  char much[200] = {};
};
using box_ref = std::unique_ptr<box>;

std::atomic<box*> table[slots];
std::atomic<bool> stop{false};
std::atomic<int> ended{0};

std::uint32_t next(std::uint32_t& seed) { return seed = seed * 1664525 + 1013904223; }

// What one thread or goroutine has in hand lies in structures of all kinds, which grow, shrink and are freed.
void move_boxes(std::uint32_t seed) {
  std::vector<box_ref> vector;
  std::list<box_ref> list;
  std::unique_ptr<std::unique_ptr<box_ref>> deep;
  while (!stop.load()) {
    const std::uint32_t n = next(seed) >> 8;
    box_ref mine(table[n % slots].exchange(nullptr));
    switch (n / slots % 4) {
      case 0: vector.push_back(std::move(mine)); break;
      case 1: list.push_front(std::move(mine)); break;
      case 2:
        if (deep != nullptr) vector.push_back(std::move(**deep));
        deep = std::make_unique<std::unique_ptr<box_ref>>(std::make_unique<box_ref>(std::move(mine)));
        break;
      default: {
        std::vector<std::string> churn(n % 50, std::string(n % 300, 'x'));
        vector.shrink_to_fit();
        list.push_back(std::move(mine));
      }
    }
    auto& from = vector.empty() || (!list.empty() && n % 2 == 0) ? list.emplace_back() : vector.back();
    if (from == nullptr && !list.empty()) from.swap(list.front());
    box* back = from.release();
    if (back != nullptr && n % 8 == 0) back->inbox.try_send(1);
    back = table[n / 7 % slots].exchange(back);
    list.emplace_back(back);
    std::erase_if(vector, [](const box_ref& b) { return b == nullptr; });
    std::erase_if(list, [](const box_ref& b) { return b == nullptr; });
    if (n % 64 == 0) goro::yield();
  }
  // The rest goes on the pile.
  if (deep != nullptr) vector.push_back(std::move(**deep));
  for (auto& b : list) vector.push_back(std::move(b));
  for (auto& b : vector)
    if (b != nullptr) b->inbox.close();
}

void leave_one_behind() {
  goro::wait_group done;
  done.go([] {
    auto kept = std::make_shared<box>();
    goro::go({.name = "left behind"}, [kept] { (void)kept->inbox.recv(); });
  });
  done.wait();
}

}  // namespace

int main(int argc, char** argv) {
  const int rounds = argc > 1 ? std::atoi(argv[1]) : 20;
  for (int i = 0; i != waiters; ++i) {
    box_ref b(new box);
    // Has the channel, and no more; the box is the movers'.
    goro::go({.name = "waiter"}, [ch = b->inbox] {
      for (const int each : ch) (void)each;
      ended.fetch_add(1);
    });
    box_ref before(table[i % slots].exchange(b.release()));
    if (before != nullptr)
      goro::go({.name = "closer"}, [b = std::move(before)] {
        goro::sleep_for(1ms);
        b->inbox.close();
      });
  }
  std::vector<std::thread> threads;
  goro::wait_group group;
  for (int i = 0; i != movers; ++i) {
    if (i % 2 == 0)
      threads.emplace_back(move_boxes, i + 1);
    else
      group.go([i] { move_boxes(static_cast<std::uint32_t>(i) + 1); });
  }
  int wrong = 0;
  int left = 0;
  std::set<std::uint64_t> proven;
  for (int i = 0; i != rounds; ++i) {
    if (i < rounds / 2) leave_one_behind(), ++left;
    const goro::leak::proof proof = goro::leak::prove();
    if (!proof.unavailable.empty()) return std::printf("unavailable: %s\n", proof.unavailable.c_str()), 1;
    for (const auto& g : proof.leaked) {
      if (g.name == "left behind")
        proven.insert(g.id);
      else
        ++wrong, std::fprintf(stderr, "wrong: %s [%s] in round %d\n", g.name.c_str(), g.state.c_str(), i);
    }
    std::this_thread::sleep_for(1ms);
  }
  stop = true;
  for (std::thread& t : threads) t.join();
  group.wait();
  for (auto& slot : table)
    if (box_ref b(slot.exchange(nullptr)); b != nullptr) b->inbox.close();
  for (int tries = 0; tries != 20'000 && ended.load() != waiters; ++tries) std::this_thread::sleep_for(1ms);
  std::printf("wrong %d proven %zu of %d ended %d\n", wrong, proven.size(), left, ended.load());
  std::fflush(stdout);
  std::_Exit(wrong == 0 && ended.load() == waiters ? 0 : 1);
}
