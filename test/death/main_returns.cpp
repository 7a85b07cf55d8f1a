// SPDX-License-Identifier: MIT
// The program ends while goroutines are alive: many parked, 4 running, 2 blocked, some that come and go.
// usage: main_returns main|run|exit|exit-in-goroutine PARKED
#include <goro/goro.hpp>

#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <thread>

namespace {

using namespace std::chrono_literals;

// Destroyed while goroutines are alive, and slowly: they must not run into what the runtime has torn down.
struct slow_to_go {
  goro::chan<int> channel = goro::make_chan<int>();
  std::string text = "a text that lives on the heap, not inside the string";
  ~slow_to_go() { std::this_thread::sleep_for(100ms); }
} statics;

void start_all(int parked) {
  const auto never = goro::make_chan<int>();
  const auto ready = goro::make_chan<int>();
  int ends[2];
  if (::pipe(ends) != 0) std::abort();
  for (int i = 0; i != parked; ++i) goro::go([never] { (void)never.recv(); });
  for (int i = 0; i != 4; ++i)
    goro::go([ready] {
      ready.send(0);
      for (;;) asm volatile("");
    });
  for (int i = 0; i != 2; ++i)
    goro::go([=] {
      ready.send(0);
      char c;
      (void)!::read(ends[0], &c, 1);
    });
  for (int i = 0; i != 4; ++i)
    goro::go([] {
      for (;;) {
        goro::sleep_for(50us);
        goro::go([] { goro::yield(); });
      }
    });
  for (int i = 0; i != 2; ++i)
    goro::go([c = statics.channel, i] {
      for (int n = 0;; ++n) {
        if (i == 0)
          c.send(n);
        else
          (void)c.recv();
      }
    });
  for (int i = 0; i != 6; ++i) (void)ready.recv();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 64;
  const int parked = std::atoi(argv[2]);
  goro::set_max_procs(8);
  const std::string_view which = argv[1];
  std::atexit([] { std::puts("atexit ran"); });
  if (which == "run")
    return goro::run([parked] {
      start_all(parked);
      return 7;
    });
  start_all(parked);
  if (which == "exit") std::exit(7);
  if (which == "exit-in-goroutine") {
    goro::go([] { std::exit(7); });
    for (;;) std::this_thread::sleep_for(1s);
  }
  return 7;
}
