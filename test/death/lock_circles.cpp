// SPDX-License-Identifier: MIT
// Goroutines that wait for each other's locks while the program goes on: lock_circles CASE. Ends with 0 after half
// a second, in which GORO_DEBUG=deadlock has had the time to report.
#include <goro/goro.hpp>

#include "debug/lock_watch.hpp"
#include "sched/introspect.hpp"

#include <goro/debug.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <iostream>
#include <span>
#include <vector>

namespace {

using namespace std::chrono_literals;
using goro::detail::parked_count;
using goro::detail::wait_reason;

goro::mutex a;
goro::mutex b;
goro::rw_mutex shared;

template <class Lock>
[[gnu::noinline]] void take(Lock& lock) {
  lock.lock();
  asm volatile("");
}

void until_parked(wait_reason why, std::size_t n) {
  while (parked_count(why) != n) goro::sleep_for(1ms);
}

void ab_ba() {
  const auto both = goro::make_chan<int>();
  goro::go({.name = "first-a"}, [both] {
    take(a);
    both.send(1);
    take(b);
  });
  goro::go({.name = "first-b"}, [both] {
    take(b);
    (void)both.recv();
    take(a);
  });
  until_parked(wait_reason::mutex, 2);
}

void itself() {
  goro::go({.name = "twice"}, [] {
    take(a);
    take(a);
  });
  until_parked(wait_reason::mutex, 1);
}

void read_again() {
  goro::go({.name = "reader"}, [] {
    shared.lock_shared();
    goro::go({.name = "writer"}, [] { take(shared); });
    until_parked(wait_reason::rw_mutex_write, 1);
    shared.lock_shared();
  });
  until_parked(wait_reason::rw_mutex_read, 1);
}

// The same circle, but one of the waits has a limit, and the other then has its lock.
void with_a_limit() {
  const auto both = goro::make_chan<int>();
  goro::go({.name = "first-a"}, [both] {
    take(a);
    both.send(1);
    take(b);
  });
  goro::go({.name = "first-b"}, [both] {
    take(b);
    (void)both.recv();
    if (!a.try_lock_for(20ms)) b.unlock();
  });
  until_parked(wait_reason::mutex, 0);
}

// Waits for a lock that somebody else gives back, which a mutex allows.
void given_back_by_another() {
  take(a);
  goro::go([] {
    goro::sleep_for(20ms);
    a.unlock();
  });
  take(a);
}

// A chain is no circle.
void chain() {
  const auto held = goro::make_chan<int>();
  take(a);
  goro::go([held] {
    take(b);
    held.send(1);
    take(a);
  });
  (void)held.recv();
  goro::go([] { take(b); });
  until_parked(wait_reason::mutex, 2);
}

// The holder waits for one that needs the lock.
void group_under_a_lock() {
  static goro::wait_group group;
  goro::go({.name = "holder"}, [] {
    take(a);
    group.go([] { take(a); });
    group.go([] {});  // others may end
    group.wait();
  });
  until_parked(wait_reason::wait_group, 1);
  until_parked(wait_reason::mutex, 1);
}

void scope_under_a_lock() {
  goro::go({.name = "holder"}, [] {
    shared.lock_shared();
    goro::scope both;
    both.go([] { take(shared); });
    both.wait();
  });
  until_parked(wait_reason::rw_mutex_write, 1);
}

void group_counts_who_waits() {
  static goro::wait_group group;
  group.go([] { group.wait(); });
  until_parked(wait_reason::wait_group, 1);
}

// The same, but the holder gives up waiting; and then one who lets go of the lock first.
void group_that_is_fine() {
  goro::wait_group group;
  take(a);
  group.go([] { take(a); });
  group.go([] { take(b); goro::sleep_for(30ms); });
  (void)group.wait_for(300ms);
  a.unlock();
  group.wait();
}

// A circle for longer than patience lasts, but one of the two has a limit.
void with_a_long_limit() {
  const auto both = goro::make_chan<int>();
  goro::wait_group done;
  done.go([both] {
    take(a);
    both.send(1);
    take(b);
    b.unlock();
    a.unlock();
  });
  done.go([both] {
    take(b);
    (void)both.recv();
    (void)a.try_lock_for(400ms);
    b.unlock();
  });
  done.wait();
}

// Once handed around, a lock may be waited for by the one who has it.
void handed_around() {
  take(a);
  goro::async([] { a.unlock(); }).get();
  take(a);
  goro::go([] {
    goro::sleep_for(400ms);
    a.unlock();
  });
  take(a);
}

// A lock held over a channel that its next holder would have to serve. Whether anybody else could, the graph does
// not know; this proof says what it is told to say.
bool proof_says = false;
std::atomic<bool> asked_for_proof{false};
std::vector<std::uint64_t> proof(std::span<const std::uint64_t> asked) {
  asked_for_proof = true;
  return proof_says ? std::vector<std::uint64_t>(asked.begin(), asked.end()) : std::vector<std::uint64_t>{};
}
void send_under_a_lock() {
  const auto pipe = goro::make_chan<int>();
  goro::go({.name = "sender"}, [pipe] {
    take(a);
    pipe.send(1);
    a.unlock();
  });
  until_parked(wait_reason::chan_send, 1);
  goro::go({.name = "receiver"}, [pipe] {
    take(a);
    a.unlock();
    (void)pipe.recv();
  });
}
void until_asked() {
  while (!asked_for_proof) goro::sleep_for(1ms);
}
void send_under_a_lock_proven() {
  proof_says = true;
  goro::detail::prove_stuck = &proof;
  send_under_a_lock();
  until_asked();
}
void send_under_a_lock_not_proven() {
  goro::detail::prove_stuck = &proof;
  send_under_a_lock();
  until_asked();
}

// Who holds what a goroutine waits for, in a dump.
void dump() {
  goro::go({.name = "has it"}, [] {
    take(a);
    shared.lock_shared();
    goro::go({.name = "wants it"}, [] { take(a); });
    goro::go({.name = "writes"}, [] { take(shared); });
    goro::sleep_for(10s);
  });
  until_parked(wait_reason::mutex, 1);
  until_parked(wait_reason::rw_mutex_write, 1);
  goro::dump_goroutines(std::cout);
  goro::dump_goroutines_json(std::cout);
  for (const goro::goroutine_info& g : goro::goroutines())
    for (const std::uint64_t id : g.held_by) std::cout << g.name << " waits for " << id << '\n';
  std::cout.flush();
}

// And nothing else goes on.
void all_asleep() {
  ab_ba();
  (void)goro::make_chan<int>().recv();
}

constexpr struct {
  const char* name;
  void (*run)();
} cases[] = {{"ab_ba", ab_ba},
             {"itself", itself},
             {"read_again", read_again},
             {"with_a_limit", with_a_limit},
             {"given_back_by_another", given_back_by_another},
             {"chain", chain},
             {"group_under_a_lock", group_under_a_lock},
             {"scope_under_a_lock", scope_under_a_lock},
             {"group_counts_who_waits", group_counts_who_waits},
             {"group_that_is_fine", group_that_is_fine},
             {"with_a_long_limit", with_a_long_limit},
             {"handed_around", handed_around},
             {"send_under_a_lock", send_under_a_lock},
             {"send_under_a_lock_proven", send_under_a_lock_proven},
             {"send_under_a_lock_not_proven", send_under_a_lock_not_proven},
             {"all_asleep", all_asleep},
             {"dump", dump}};

}  // namespace

int main(int, char** argv) {
  for (const auto& c : cases) {
    if (std::strcmp(c.name, argv[1]) != 0) continue;
    return goro::run([&c] {
      c.run();
      goro::sleep_for(500ms);
    });
  }
  return 1;
}
