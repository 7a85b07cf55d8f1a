// SPDX-License-Identifier: MIT
// Programs in which nobody can ever go on, and some that only look like it. usage: deadlock WHICH
#include <goro/goro.hpp>

#include <signal.h>
#include <time.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <thread>

namespace {

using namespace std::chrono_literals;

void kernel_sleep_100ms() {
  const timespec d{0, 100'000'000};
  ::nanosleep(&d, nullptr);
}

void wait_for_ever() { (void)goro::make_chan<int>().recv(); }

void one_of_each_kind() {
  const auto c = goro::make_chan<int>();
  goro::go({.name = "lonely-sender"}, [] { goro::make_chan<int>().send(1); });
  goro::go({.name = "nil-receiver"}, [] { (void)goro::chan<int>().recv(); });
  goro::go({.name = "nil-sender"}, [] { goro::chan<int>().send(1); });
  goro::go({.name = "selector"}, [c] { goro::select(goro::recv(c), goro::recv(goro::make_chan<int>())); });
  goro::go({.name = "group-waiter"}, [] {
    goro::wait_group group;
    group.add();
    group.wait();
  });
  goro::go({.name = "future-waiter"}, [] {
    goro::promise<int> p;
    (void)p.get_future().get();
  });
  (void)c.recv();
}

int scenario(std::string_view which) {
  if (which == "select") goro::select();
  if (which == "receive") wait_for_ever();
  if (which == "locked-main") {
    goro::lock_os_thread();
    wait_for_ever();
  }
  if (which == "locked-helper") {
    goro::go([] {
      goro::lock_os_thread();
      goro::select();
    });
    wait_for_ever();
  }
  if (which == "each-kind") one_of_each_kind();
  if (which == "after-work") {
    goro::wait_group group;
    for (int i = 0; i != 100; ++i)
      group.go([] {
        goro::sleep_for(100us);
        goro::blocking([] { std::this_thread::sleep_for(100us); });
      });
    group.wait();
    wait_for_ever();
  }
  if (which == "stopped-timer") {
    goro::timer t(1h);
    t.stop();
    (void)t.c().recv();
  }
  if (which == "daemon") {
    goro::go({.name = "a-daemon", .daemon = true}, [] { wait_for_ever(); });
    goro::go({.name = "a-worker"}, [] { wait_for_ever(); });
    wait_for_ever();
  }
  if (which == "handlers") {
    struct sigaction act {};
    act.sa_handler = [](int) {};
    ::sigaction(SIGINT, &act, nullptr);
    ::sigaction(SIGTERM, &act, nullptr);
    std::thread([] { ::pause(); }).detach();  // a plain thread that never uses goro
    wait_for_ever();
  }
  if (which == "goexit") {
    goro::go([] {
      goro::sleep_for(20ms);
      std::puts("the others went on");
      std::fflush(stdout);
    });
    goro::goexit();
  }
  if (which == "goexit-asleep") {
    goro::go({.name = "left-behind"}, [] { wait_for_ever(); });
    goro::goexit();
  }

  // No deadlock: each of these ends.
  const auto c = goro::make_chan<int>();
  if (which == "fine-timer")
    goro::go([c] {
      goro::sleep_for(100ms);
      c.send(1);
    });
  if (which == "fine-after-func") (void)goro::after_func(100ms, [c] { c.send(1); });
  if (which == "fine-blocking")
    goro::go([c] {
      goro::blocking(kernel_sleep_100ms);
      c.send(1);
    });
  if (which == "fine-unannounced")
    goro::go([c] {
      kernel_sleep_100ms();
      c.send(1);
    });
  if (which == "fine-locked")
    goro::go([c] {
      goro::lock_os_thread();
      kernel_sleep_100ms();
      c.send(1);
    });
  std::thread outside;
  if (which == "fine-thread")
    outside = std::thread([c] {
      goro::sleep_for(100ms);  // uses goro, so it may still wake somebody
      c.send(1);
    });
  if (which == "fine-thread") goro::sleep_for(20ms);
  (void)c.recv();
  if (outside.joinable()) goro::blocking([&] { outside.join(); });
  std::puts("ended");
  return 3;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 64;
  std::atexit([] { std::fputs("atexit ran\n", stderr); });
  return goro::run([which = std::string_view(argv[1])] { return scenario(which); });
}
