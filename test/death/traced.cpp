// SPDX-License-Identifier: MIT
// A program that is busy, with goroutines that wait for a P, until it has seen itself traced a few times (or for a
// moment, if nobody traces); then it says which threads it has.
#include <goro/goro.hpp>

#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

namespace {

// The trace goes through a pipe, and on to where it was to go.
void pass_on(int from, int to, std::atomic<bool>& seen) {
  std::string all;
  char buffer[512];
  int lines = 0;
  for (ssize_t n; (n = ::read(from, buffer, sizeof buffer)) > 0;) {
    (void)!::write(to, buffer, static_cast<std::size_t>(n));
    all.append(buffer, static_cast<std::size_t>(n));
    for (std::size_t end; (end = all.find('\n')) != std::string::npos; all.erase(0, end + 1))
      if (all.find(" goroutines=20 ") < end && ++lines == 5) seen = true;
  }
}

}  // namespace

int main() {
  const char* const debug = std::getenv("GORO_DEBUG");
  const int real_stderr = ::dup(STDERR_FILENO);
  int ends[2];
  if (::pipe(ends) != 0) return std::perror("pipe"), 1;
  ::dup2(ends[1], STDERR_FILENO);
  ::close(ends[1]);
  std::atomic<bool> stop{debug == nullptr || *debug == '\0'};
  std::thread reader([&] { pass_on(ends[0], real_stderr, stop); });
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
  all.wait();
  ::dup2(real_stderr, STDERR_FILENO);  // the pipe's end is reached
  reader.join();
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    std::string name;
    std::ifstream(task.path() / "comm") >> name;
    std::printf("%s\n", name.c_str());
  }
}
