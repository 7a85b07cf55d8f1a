// SPDX-License-Identifier: MIT
// A program that is busy for a while, with goroutines that wait for a P; then it says which threads it has.
#include <goro/goro.hpp>

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>

int main() {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(1);
  goro::wait_group all;
  for (int i = 0; i != 20; ++i)
    all.go([end] {
      while (std::chrono::steady_clock::now() < end) {
      }
    });
  all.wait();
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    std::string name;
    std::ifstream(task.path() / "comm") >> name;
    std::printf("%s\n", name.c_str());
  }
}
