// SPDX-License-Identifier: MIT
// A program that is busy, with goroutines that wait for a P, until it has seen itself traced a few times (or for a
// moment, if nobody traces); then it says which threads it has.
#include "death/watched_stderr.hpp"

#include <goro/goro.hpp>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

int main() {
  const char* const debug = std::getenv("GORO_DEBUG");
  const bool is_traced = debug != nullptr && *debug != '\0';
  {
    watched_stderr trace;
    std::atomic<bool> stop{false};
    goro::wait_group all;
    for (int i = 0; i != 20; ++i)
      all.go([&] {
        do {
          const auto end = std::chrono::steady_clock::now() + std::chrono::microseconds(200);
          while (std::chrono::steady_clock::now() < end) {
          }
          goro::yield();
        } while (!stop);
      });
    while (is_traced && trace.times(" goroutines=20 ") < 5)
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    stop = true;
    all.wait();
  }
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    std::string name;
    std::ifstream(task.path() / "comm") >> name;
    std::printf("%s\n", name.c_str());
  }
}
