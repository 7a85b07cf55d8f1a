// SPDX-License-Identifier: MIT
// Handlers of exit() that use goro: those older than goro's first use run when goroutines have stopped.
// usage: at_exit CASE
#include <goro/goro.hpp>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <thread>

#include <unistd.h>

namespace {

using namespace std::chrono_literals;

void (*in_older_handler)() = nullptr;

// Before goro is used for the first time, so called after goroutines have stopped.
[[gnu::constructor]] void register_older_handler() {
  std::atexit([] {
    if (in_older_handler != nullptr) in_older_handler();
  });
}

// Neither is destroyed: what is tested is the wait.
goro::wait_group& group() {
  static auto* const it = new goro::wait_group;
  return *it;
}
const goro::chan<int>& channel() {
  static const auto* const it = new goro::chan<int>(goro::make_chan<int>());
  return *it;
}
void use_goro() {
  group().go([] {});
  group().wait();
}
void say(const char* what) { (void)!::write(1, what, std::strlen(what)); }

void go_and_wait() {
  group().go([] { say("ran\n"); });
  group().wait();
  say("waited\n");
}
void waits_for_one_that_stopped() {
  const auto never = goro::make_chan<int>();
  const auto begun = goro::make_chan<int>(1);
  goro::go({.name = "stopped"}, [=] {
    begun.send(1);
    (void)never.recv();
    channel().send(1);
  });
  (void)begun.recv();
  in_older_handler = [] { (void)channel().recv(); };
}
void from_a_goroutine(void (*handler)()) {
  in_older_handler = handler;
  goro::go([] { std::exit(7); });
  for (;;) std::this_thread::sleep_for(1s);
}

constexpr struct {
  std::string_view name;
  void (*run)();
} cases[] = {
    // Nobody can end these waits.
    {"older", [] { in_older_handler = go_and_wait; use_goro(); }},
    {"older-after-run", [] { in_older_handler = go_and_wait; goro::run([] { use_goro(); }); }},
    {"older-runs", [] { in_older_handler = [] { goro::run([] { say("ran\n"); }); }; use_goro(); }},
    {"older-receives", [] { channel(); use_goro(); waits_for_one_that_stopped(); }},
    {"goroutine-waits", [] { use_goro(); from_a_goroutine(go_and_wait); }},
    // These end.
    {"newer", [] { use_goro(); std::atexit(go_and_wait); }},
    {"first-use", [] { in_older_handler = go_and_wait; }},
    {"older-sleeps", [] {
       use_goro();
       in_older_handler = [] {
         goro::sleep_for(30ms);
         group().go([] {});
         if (!group().wait_for(30ms)) say("waited\n");
       };
     }},
    // By a thread that has never used goro before: not counted among those that may.
    {"older-and-a-thread", [] {
       use_goro();
       in_older_handler = [] {
         group().add();
         std::thread([] {
           std::this_thread::sleep_for(500ms);
           group().done();
         }).detach();
         group().wait();
         say("waited\n");
       };
     }},
    {"older-joins-a-sleeper", [] {
       static std::atomic<bool> enough{false};
       static std::thread* sleeper;
       use_goro();
       sleeper = new std::thread([] {
         while (!enough) goro::sleep_for(10ms);
       });
       in_older_handler = [] {
         std::this_thread::sleep_for(30ms);
         enough = true;
         sleeper->join();
         say("waited\n");
       };
     }},
    {"older-and-a-slow-thread", [] {
       use_goro();
       in_older_handler = [] {
         group().add();
         std::thread([] {
           std::this_thread::sleep_for(2500ms);
           group().done();
         }).detach();
         group().wait();
         say("waited\n");
       };
     }},
    {"goroutine-goes-on", [] {
       use_goro();
       from_a_goroutine([] {
         for (int i = 0; i != 100; ++i) goro::yield();
         for (int i = 0; i != 10; ++i) goro::blocking([] { std::this_thread::sleep_for(3ms); });
         goro::go([] { say("ran\n"); });
         goro::mutex mu;
         mu.lock();
         mu.unlock();
         say("waited\n");
       });
     }},
};

}  // namespace

int main(int argc, char** argv) {
  for (const auto& c : cases)
    if (argc == 2 && c.name == argv[1]) {
      c.run();
      return 7;
    }
  return 64;
}
