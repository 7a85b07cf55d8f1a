// SPDX-License-Identifier: MIT
// Programs in which nothing runs, though "all goroutines are asleep" is not reported, and that get a SIGQUIT then:
// why_awake CASE.
#include <goro/goro.hpp>

#include "sched/thread_waiter.hpp"

#include <signal.h>
#include <unistd.h>
#include <chrono>
#include <string_view>
#include <thread>

namespace {

using namespace std::chrono_literals;

// A thread that does not use goro.
void quit_soon() {
  std::thread([] {
    std::this_thread::sleep_for(100ms);
    kill(getpid(), SIGQUIT);
  }).detach();
}

}  // namespace

int main(int, char** arguments) {
  const std::string_view which = arguments[1];
  goro::install_sigquit_dump();
  const auto nothing = goro::make_chan<int>();
  if (which == "no_run") {
    goro::go([nothing] { (void)nothing.recv(); });
    quit_soon();
    std::this_thread::sleep_for(60s);
  }
  return goro::run([&] {
    quit_soon();
    if (which == "thread") {
      std::thread([nothing] { (void)nothing.recv(); }).detach();
      while (goro::detail::plain_threads() != 2)
        goro::sleep_for(1ms);  // a timer: until then nobody is asleep
    }
    if (which == "timer") goro::go([] { goro::sleep_for(50s); });
    if (which == "blocking") goro::go([] { goro::blocking([] { std::this_thread::sleep_for(60s); }); });
    (void)nothing.recv();
  });
}
