// SPDX-License-Identifier: MIT
// Programs in which nothing runs, though "all goroutines are asleep" is not reported, and that get a SIGQUIT then:
// why_awake CASE.
#include <goro/goro.hpp>

#include "sched/introspect.hpp"
#include "sched/machine.hpp"
#include "sched/thread_waiter.hpp"
#include "sched/wake.hpp"

#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <string_view>
#include <thread>

namespace {

using namespace std::chrono_literals;

std::atomic<bool> blocks{false};

// A thread that does not use goro: a signal once all wait that are to, and their threads sleep.
void quit_when(std::string_view which) {
  std::thread([which] {
    using goro::detail::parked_count;
    using goro::detail::wait_reason;
    const auto all_wait = [which] {
      return parked_count(wait_reason::chan_receive) != 0 &&
             (which != "timer" || parked_count(wait_reason::sleep) != 0) && (which != "blocking" || blocks) &&
             goro::detail::machine_count() - goro::detail::idle.idle_machines ==
                 (which == "blocking" ? 1 : 0);
    };
    while (!all_wait()) std::this_thread::sleep_for(1ms);
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
    quit_when(which);
    std::this_thread::sleep_for(60s);
  }
  return goro::run([&] {
    quit_when(which);
    if (which == "thread") {
      std::thread([nothing] { (void)nothing.recv(); }).detach();
      while (goro::detail::plain_threads() != 2)
        goro::sleep_for(1ms);  // a timer: until then nobody is asleep
    }
    if (which == "timer") goro::go([] { goro::sleep_for(50s); });
    if (which == "blocking")
      goro::go([] {
        goro::blocking([] {
          blocks = true;
          std::this_thread::sleep_for(60s);
        });
      });
    (void)nothing.recv();
  });
}
