// SPDX-License-Identifier: MIT
#include "sched/on_goroutine.hpp"
#include "support/eventually.hpp"

#include <goro/goro.hpp>

#include <gtest/gtest.h>

#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>

namespace {

using goro_test::eventually;
using goro_test::on_goroutine;
using goro_test::this_thread_id;

TEST(Signals, ThreadsOfTheRuntimeTakeNoUserSignal) {
  // Goroutines run on the runtime's threads, so those must block all but faults: a handler of the program
  // runs on the program's own threads. Seen from outside: SigBlk of every other thread.
  on_goroutine([] { goro::blocking([] { ::usleep(1000); }); });
  const std::string self = std::to_string(this_thread_id());
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/task")) {
    if (entry.path().filename() == self) continue;
    std::ifstream status(entry.path() / "status");
    std::string name;
    std::uint64_t blocked = 0;
    for (std::string line; std::getline(status, line);) {
      if (line.rfind("Name:", 0) == 0) name = line.substr(6);
      if (line.rfind("SigBlk:", 0) == 0) blocked = std::stoull(line.substr(8), nullptr, 16);
    }
    if (name.find("goro") == std::string::npos) continue;  // a sanitizer's helper, or a thread just gone
    for (const int s : {SIGINT, SIGTERM, SIGUSR1, SIGUSR2, SIGALRM, SIGCHLD, SIGHUP})
      EXPECT_NE(blocked & (std::uint64_t{1} << (s - 1)), 0u) << name << " takes signal " << s;
    for (const int s : {SIGSEGV, SIGBUS, SIGFPE, SIGILL})
      EXPECT_EQ(blocked & (std::uint64_t{1} << (s - 1)), 0u) << name << " blocks fault " << s;
  }
}

std::atomic<int> usr1{0};

TEST(Signals, AUserHandlerRunsOnAUserThread) {
  struct sigaction act {};
  struct sigaction old {};
  static std::atomic<pid_t> where{0};
  where = 0;
  usr1 = 0;
  act.sa_handler = [](int) {
    where = this_thread_id();
    ++usr1;
  };
  ::sigaction(SIGUSR1, &act, &old);
  on_goroutine([] {
    for (int i = 0; i != 100; ++i) goro::yield();
  });
  for (int i = 0; i != 10; ++i) {
    const int seen = usr1;
    ::kill(::getpid(), SIGUSR1);
    ASSERT_TRUE(eventually([&] { return usr1 == seen + 1; }));
    EXPECT_EQ(where, this_thread_id());
  }
  ::sigaction(SIGUSR1, &old, nullptr);
}

}  // namespace
