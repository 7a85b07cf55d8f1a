// SPDX-License-Identifier: MIT
// Goroutines that wait for each other's locks while the program goes on: lock_circles CASE. Ends with 0 after half
// a second, in which GORO_DEBUG=deadlock has had the time to report.
#include <goro/goro.hpp>

#include "sched/introspect.hpp"

#include <chrono>
#include <cstring>

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

constexpr struct {
  const char* name;
  void (*run)();
} cases[] = {{"ab_ba", ab_ba},
             {"itself", itself},
             {"read_again", read_again},
             {"with_a_limit", with_a_limit},
             {"given_back_by_another", given_back_by_another},
             {"chain", chain}};

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
