// SPDX-License-Identifier: MIT
// With nothing to do, nothing happens: no thread wakes up now and then, the monitor included.
#include "sched/on_goroutine.hpp"
#include "support/at_procs.hpp"

#include <goro/goro.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <thread>

namespace {

using namespace std::chrono_literals;
using goro_test::on_goroutine;

struct activity {
  std::string name;
  std::uint64_t switches = 0;  // voluntary ones: each is a wake-up that went back to sleep
  std::uint64_t ticks = 0;     // user and system
};

std::map<std::string, activity> all_threads() {
  std::map<std::string, activity> all;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/task")) {
    activity a;
    std::ifstream status(entry.path() / "status");
    for (std::string line; std::getline(status, line);) {
      if (line.rfind("Name:", 0) == 0) a.name = line.substr(6);
      if (line.rfind("voluntary_ctxt_switches:", 0) == 0) a.switches = std::stoull(line.substr(24));
    }
    std::ifstream stat(entry.path() / "stat");
    std::string text;
    std::getline(stat, text);
    const auto end_of_name = text.rfind(')');
    if (end_of_name == std::string::npos) continue;  // gone meanwhile
    std::istringstream rest(text.substr(end_of_name + 2));
    std::string field;
    for (int i = 3; rest >> field; ++i)
      if (i == 14 || i == 15) a.ticks += std::stoull(field);
    all[entry.path().filename()] = a;
  }
  return all;
}

// Uses everything that could leave something ticking behind.
void some_work() {
  goro::wait_group all;
  for (int i = 0; i != 64; ++i)
    all.go([] {
      for (int n = 0; n != 10; ++n) {
        goro::yield();
        goro::sleep_for(100us);
        goro::blocking([] { std::this_thread::sleep_for(100us); });
      }
    });
  all.wait();
  goro::timer far(1h);
  far.stop();
}

// Voluntary switches of all threads but the caller in a quiet time, for the best of a few tries: what runs
// when the work ends (monitor backing off, idle threads reaped) may take some seconds to come to rest.
void expect_silence(const char* when) {
  std::string story;
  for (int attempt = 0; attempt != 6; ++attempt) {
    std::this_thread::sleep_for(1s);
    const auto before = all_threads();
    std::this_thread::sleep_for(2s);
    const auto after = all_threads();
    story.clear();
    const std::string self = std::to_string(goro_test::this_thread_id());
    for (const auto& [tid, a] : after) {
      const auto was = before.find(tid);
      const bool is_new = was == before.end();
      const std::uint64_t switches = a.switches - (is_new ? 0 : was->second.switches);
      const std::uint64_t ticks = a.ticks - (is_new ? 0 : was->second.ticks);
      if (tid != self && (switches != 0 || ticks != 0))
        story += "  thread " + tid + " (" + a.name + "): " + std::to_string(switches) + " switches, " +
                 std::to_string(ticks) + " ticks\n";
    }
    if (story.empty()) return;
  }
  ADD_FAILURE() << when << ", in two seconds of idleness:\n" << story;
}

// Under a sanitizer its own background thread ticks; the test says nothing about goro then.
class Idle : public testing::Test {
 protected:
  void SetUp() override {
    if (goro_test::under_sanitizer) GTEST_SKIP() << "a sanitizer's own thread is never idle";
  }
};

TEST_F(Idle, SC36_NoThreadWakesUpWhenThereIsNothingToDo) {
  const goro_test::procs_for_now procs(4);
  some_work();
  expect_silence("after some work");
}

TEST_F(Idle, SC36_NoThreadWakesUpWhileGoroutinesWaitOnChannelsAndFarTimers) {
  const auto leave = goro::make_chan<int>();
  goro::wait_group all;
  for (int i = 0; i != 100; ++i)
    all.go([=] {
      if (i % 2 == 0)
        (void)leave.recv();
      else
        goro::select(goro::recv(leave), goro::timeout(1h));
    });
  some_work();
  expect_silence("with goroutines parked");
  leave.close();
  all.wait();
}

}  // namespace
