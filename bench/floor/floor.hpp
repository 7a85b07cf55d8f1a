// SPDX-License-Identifier: MIT
// What the files of floor share: how a bare cost is measured and printed.
//
// floor prints "<name> <value> <unit>" lines: what this machine and kernel charge for the things that a
// goroutine runtime is made of. A figure of bench can only be judged beside them.
#pragma once

#include <sched.h>
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <vector>

namespace floor_costs {

using u64 = std::uint64_t;

// Set by `floor quick`: a tenth of the work, and two repetitions instead of five.
inline bool quick = false;
inline int repetitions() { return quick ? 2 : 5; }
inline u64 scaled(u64 count) { return quick ? std::max<u64>(count / 10, 1) : count; }

inline u64 now() {
  timespec t{};
  clock_gettime(CLOCK_MONOTONIC, &t);
  return static_cast<u64>(t.tv_sec) * 1'000'000'000u + static_cast<u64>(t.tv_nsec);
}

inline void out(const char* name, double value, const char* unit = "ns") {
  std::printf("%s %.2f %s\n", name, value, unit);
  std::fflush(stdout);
}

// Keeps a value alive, and orders memory accesses for the compiler only.
template <class T>
inline void keep(T value) {
  asm volatile("" ::"r"(value) : "memory");
}

inline double per(u64 elapsed, u64 count) {
  return static_cast<double>(elapsed) / static_cast<double>(count);
}

// The best of several measurements; f returns nanoseconds for `count` operations.
template <class F>
double best_of(u64 count, F f) {
  double best = 1e18;
  for (int r = 0; r < repetitions(); ++r) best = std::min(best, per(f(), count));
  return best;
}

// f(i) for i from 0 up to count: the best average.
template <class F>
void loop(const char* name, u64 count, F f, double divisor = 1) {
  const u64 n = scaled(count);
  const double best = best_of(n, [&] {
    const u64 start = now();
    for (u64 i = 0; i < n; ++i) f(i);
    return now() - start;
  });
  out(name, best / divisor);
}

inline void percentiles(const char* name, std::vector<u64>& values) {
  std::sort(values.begin(), values.end());
  char line[96];
  std::snprintf(line, sizeof line, "%s_p50", name);
  out(line, static_cast<double>(values[values.size() / 2]) / 1e3, "us");
  std::snprintf(line, sizeof line, "%s_p99", name);
  out(line, static_cast<double>(values[values.size() * 99 / 100]) / 1e3, "us");
}

// The CPUs that the process may use, asked for once, before anything is pinned.
inline const std::vector<int>& cpus() {
  static const std::vector<int> allowed = [] {
    std::vector<int> found;
    cpu_set_t set;
    sched_getaffinity(0, sizeof set, &set);
    for (int c = 0; c < CPU_SETSIZE; ++c) {
      if (CPU_ISSET(c, &set)) found.push_back(c);
    }
    return found;
  }();
  return allowed;
}

// Puts the calling thread on the n-th CPU that the process may use.
inline void pin(std::size_t n) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpus()[n % cpus().size()], &set);
  sched_setaffinity(0, sizeof set, &set);
}

inline void unpin() {
  cpu_set_t set;
  CPU_ZERO(&set);
  for (int c : cpus()) CPU_SET(c, &set);
  sched_setaffinity(0, sizeof set, &set);
}

// One architecture a file: floor_x86.cpp has these, floor_other.cpp what is left of them elsewhere.
void cpu_costs_of_architecture();
void relax();  // what a spinning thread says to its CPU

void cpu_costs();
void system_costs();
void memory_costs();
void wake_costs();
void sleep_costs();

}  // namespace floor_costs
