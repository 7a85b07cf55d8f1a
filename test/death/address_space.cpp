// SPDX-License-Identifier: MIT
// Too little address space: `go` throws, nothing is lost, the program goes on. usage: address_space WHICH
#include <goro/goro.hpp>

#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <exception>
#include <string>
#include <string_view>
#include <thread>

namespace {

using namespace std::chrono_literals;

constexpr rlim_t mebi = 1u << 20;

// The address space in use now, in bytes.
rlim_t in_use() {
  long pages = 0;
  if (std::FILE* f = std::fopen("/proc/self/statm", "r")) {
    if (std::fscanf(f, "%ld", &pages) != 1) pages = 0;
    std::fclose(f);
  }
  return static_cast<rlim_t>(pages) * static_cast<rlim_t>(::sysconf(_SC_PAGESIZE));
}

void leave_only(rlim_t more) {
  rlimit limit{};
  ::getrlimit(RLIMIT_AS, &limit);
  limit.rlim_cur = in_use() + more;
  ::setrlimit(RLIMIT_AS, &limit);
}

void lift_the_limit() {
  rlimit limit{};
  ::getrlimit(RLIMIT_AS, &limit);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_AS, &limit);
}

// Starts parked goroutines until go throws, then lets them all end. 0 when none was lost.
int park_until_refused(int at_most, std::size_t stack_size, bool must_be_refused) {
  const auto gate = goro::make_chan<int>();
  std::atomic<int> ended{0};
  int started = 0;
  bool refused = false;
  char words[512] = "";
  while (started != at_most && !refused) {
    try {
      goro::go({.stack_size = stack_size}, [gate, &ended] {
        (void)gate.recv();
        ++ended;
      });
      ++started;
      if (started % 64 == 0) goro::yield();
    } catch (const std::exception& e) {
      refused = true;
      std::snprintf(words, sizeof words, "%s", e.what());
    }
  }
  std::size_t alive = goro::num_goroutine();
  if (alive != static_cast<std::size_t>(started))
    return std::printf("%zu alive of %d started\n", alive, started), 1;
  gate.close();
  for (int i = 0; i != 20'000 && ended != started; ++i) std::this_thread::sleep_for(1ms);
  if (ended != started) return std::printf("%d ended of %d started\n", ended.load(), started), 1;
  if (must_be_refused && !refused) return std::printf("%d started, none refused\n", started), 1;
  std::printf("started %s\n", started != 0 ? "some" : "none");
  if (refused) std::printf("refused: %s\n", words);
  return 0;
}

int goes_on() {
  const auto c = goro::make_chan<int>();
  goro::go([c] { c.send(42); });
  if (c.recv() != 42) return std::puts("it does not go on"), 1;
  // The sender has sent, but may not have ended: whoever counts goroutines next is not to count it.
  for (int i = 0; i != 20'000 && goro::num_goroutine() != 0; ++i) std::this_thread::sleep_for(1ms);
  std::puts("goes on");
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 64;
  const std::string_view which = argv[1];
  if (which == "stacks") {
    // 4,000 stacks of 16 MiB are 64 GiB, far beyond the limit.
    if (goes_on() != 0) return 1;
    leave_only(64 * mebi);
    if (park_until_refused(4'000, 16u << 20, true) != 0) return 1;
  }
  if (which == "first-use") {
    leave_only(48 * mebi);
    if (park_until_refused(2'000, 0, false) != 0) return 1;
    lift_the_limit();
  }
  if (which == "threads") {
    // Threads cannot be had, so blocking calls take turns.
    goro::set_max_procs(2);
    if (goes_on() != 0) return 1;
    leave_only(2 * mebi);
    goro::wait_group all;
    std::atomic<int> ended{0};
    for (int i = 0; i != 32; ++i)
      all.go([&] {
        goro::blocking([] { std::this_thread::sleep_for(1ms); });
        ++ended;
      });
    all.wait();
    if (ended != 32) return 1;
  }
  return goes_on();
}
