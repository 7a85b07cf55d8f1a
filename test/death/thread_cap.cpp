// SPDX-License-Identifier: MIT
// More blocking work than threads are allowed. usage: thread_cap announced|unannounced|queue
#include <goro/goro.hpp>

#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <iterator>
#include <string_view>
#include <thread>
#include <vector>

namespace {

using namespace std::chrono_literals;

long threads() {
  const std::filesystem::directory_iterator all("/proc/self/task");
  return std::distance(begin(all), end(all));
}

// Main and the runtime's own helpers are allowed beside the cap.
constexpr long slack = 6;

int pipes(bool announced) {
  constexpr int cap = 50;
  constexpr int n = 100;
  goro::set_max_threads(cap);
  std::vector<int> write_ends;
  goro::wait_group all;
  std::atomic<int> right{0};
  for (int i = 0; i != n; ++i) {
    int ends[2];
    if (::pipe(ends) != 0) return std::perror("pipe"), 1;
    write_ends.push_back(ends[1]);
    all.go([&right, announced, from = ends[0]] {
      char c = 0;
      const auto read_one = [&] { return ::read(from, &c, 1) == 1 && c == 'x'; };
      if (announced ? goro::blocking(read_one) : read_one()) ++right;
    });
  }
  std::this_thread::sleep_for(300ms);
  const long most = threads();
  for (const int fd : write_ends)
    if (::write(fd, "x", 1) != 1) return std::perror("write"), 1;
  all.wait();
  if (right != n) return std::printf("%d of %d\n", right.load(), n), 1;
  if (most > cap + slack) return std::printf("%ld threads under a cap of %d\n", most, cap), 1;
  std::puts("all read");
  return 0;
}

int queue() {
  constexpr int cap = 8;
  goro::set_max_procs(4);
  goro::set_max_threads(cap);
  goro::wait_group all;
  std::atomic<int> ended{0};
  std::atomic<int> at_once{0};
  std::atomic<int> most{0};
  for (int i = 0; i != 400; ++i)
    all.go([&] {
      goro::blocking([&] {
        const int now = ++at_once;
        for (int seen = most; now > seen && !most.compare_exchange_weak(seen, now);) {
        }
        std::this_thread::sleep_for(500us);
        --at_once;
      });
      ++ended;
    });
  all.wait();
  if (ended != 400) return std::printf("%d ended\n", ended.load()), 1;
  if (most > cap) return std::printf("%d blocked at once under a cap of %d\n", most.load(), cap), 1;
  std::puts("all done");
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 64;
  const std::string_view which = argv[1];
  return which == "queue" ? queue() : pipes(which == "announced");
}
