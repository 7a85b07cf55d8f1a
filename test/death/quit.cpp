// SPDX-License-Identifier: MIT
// Programs that get a SIGQUIT, and reports that end the process with a dump. usage: quit WHICH
#include "death/watched_stderr.hpp"

#include <goro/goro.hpp>

#include <signal.h>
#include <unistd.h>

#include <sys/wait.h>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <stdexcept>
#include <string_view>
#include <thread>

namespace {

using namespace std::chrono_literals;

std::atomic<bool> spinning{false};

[[gnu::noinline]] void wait_quietly(goro::chan<int> c) {
  (void)c.recv();
  asm volatile("" ::: "memory");
}

[[gnu::noinline]] void spin_for_ever() {
  for (volatile int i = 0;; i = i + 1) spinning = true;
}

bool is_parked(std::string_view name) {
  for (const auto& g : goro::goroutines())
    if (g.name == name && g.state == "chan receive") return true;
  return false;
}

void start_waiter(const goro::chan<int>& c) {
  goro::go({.name = "quiet"}, [c] { wait_quietly(c); });
  while (!is_parked("quiet")) std::this_thread::sleep_for(1ms);
}

[[gnu::noinline]] int dive(int n) {
  volatile char frame[512];
  frame[0] = static_cast<char>(n);
  return dive(n + 1) + frame[0];
}

}  // namespace

int main(int count, char** arguments) {
  const std::string_view which = count > 1 ? arguments[1] : "";
  std::atexit([] { std::fprintf(stderr, "atexit ran\n"); });
  const auto c = goro::make_chan<int>();
  if (which == "end" || which == "end-from-goroutine") {
    goro::install_sigquit_dump();
    start_waiter(c);
    goro::go({.name = "spinner"}, [] { spin_for_ever(); });
    while (!spinning) std::this_thread::sleep_for(1ms);
    if (which == "end") {
      kill(getpid(), SIGQUIT);
    } else {
      goro::go([] { kill(getpid(), SIGQUIT); });
    }
    for (;;) pause();
  }
  if (which == "go-on") {
    goro::install_sigquit_dump(goro::sigquit::end);
    goro::install_sigquit_dump(goro::sigquit::go_on);
    start_waiter(c);
    watched_stderr dumps;
    for (const int n : {1, 2}) {
      kill(getpid(), SIGQUIT);
      while (dumps.times("SIGQUIT") != n || dumps.times("wait_quietly") < n) std::this_thread::sleep_for(1ms);
    }
    c.send(1);
    std::printf("goes on\n");
    return 3;
  }
  if (which == "forked") {
    goro::install_sigquit_dump();
    start_waiter(c);
    const pid_t child = fork();
    if (child == 0)
      for (;;) pause();
    kill(child, SIGQUIT);
    int status = 0;
    waitpid(child, &status, 0);
    std::printf("child: signal %d\n", WIFSIGNALED(status) ? WTERMSIG(status) : 0);
    return 3;
  }
  if (which == "twice") {
    goro::install_sigquit_dump();
    for (int i = 0; i != 20'000; ++i) goro::go([c] { wait_quietly(c); });
    kill(getpid(), SIGQUIT);
    kill(getpid(), SIGQUIT);
    for (;;) pause();
  }
  if (which == "uncaught") {
    start_waiter(c);
    goro::go({.name = "thrower"}, [] { throw std::runtime_error("the reason"); });
  }
  if (which == "overflow") {
    start_waiter(c);
    goro::go({.name = "diver"}, [] { std::printf("%d\n", dive(0)); });
  }
  if (which == "asleep") {
    return goro::run([c] {
      goro::go({.name = "quiet"}, [c] { wait_quietly(c); });
      goro::go({.name = "a-daemon", .daemon = true}, [c] { wait_quietly(c); });
      goro::select();
    });
  }
  if (which == "asleep-many") {
    return goro::run([c] {
      for (int i = 0; i != 2000; ++i) goro::go({.name = "quiet"}, [c] { wait_quietly(c); });
      goro::select();
    });
  }
  for (;;) pause();
}
