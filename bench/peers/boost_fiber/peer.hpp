// SPDX-License-Identifier: MIT
// What the Boost.Fiber rows share: starting a fiber, waiting for several, the line that a row prints.
#pragma once

#include <sys/resource.h>
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <boost/fiber/all.hpp>

namespace peer {

namespace fibers = boost::fibers;
using number = std::int64_t;
using clock_type = std::chrono::steady_clock;
using std::chrono::nanoseconds;
template <class T>
using unbuffered = fibers::unbuffered_channel<T>;
template <class T>
using buffered = fibers::buffered_channel<T>;  // capacities are powers of two, one place of them unused

constexpr std::size_t stack_size = 16384;
inline int procs = 1;
inline fibers::pooled_fixedsize_stack* pooled = nullptr;
inline fibers::fixedsize_stack plain(stack_size);

inline void out(const char* row, double value, const char* unit) {
  std::printf("%s %d %.2f %s\n", row, procs, value, unit);
  std::fflush(stdout);
}

inline void per_op(const char* row, nanoseconds elapsed, number operations) {
  out(row, static_cast<double>(elapsed.count()) / static_cast<double>(operations), "ns");
}

inline double milliseconds(nanoseconds elapsed) { return static_cast<double>(elapsed.count()) / 1e6; }

inline double cpu_milliseconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e3 +
         static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e3;
}

inline double resident_bytes() {
  long total = 0;
  long resident = 0;
  if (std::FILE* file = std::fopen("/proc/self/statm", "r")) {
    if (std::fscanf(file, "%ld %ld", &total, &resident) != 2) resident = 0;
    std::fclose(file);
  }
  return static_cast<double>(resident) * 4096;
}

inline double quantile_us(std::vector<number>& values, double p) {
  std::sort(values.begin(), values.end());
  return static_cast<double>(values[static_cast<std::size_t>(p * static_cast<double>(values.size() - 1))]) /
         1e3;
}

template <class F>
void go(F f) {
  if (procs == 1) {
    fibers::fiber(fibers::launch::post, std::allocator_arg, *pooled, std::move(f)).detach();
  } else {
    fibers::fiber(fibers::launch::post, std::allocator_arg, plain, std::move(f)).detach();
  }
}

class wait_group {
 public:
  void add(number n) {
    count_ += n;
    zero_ = false;
  }
  void done() {
    if (count_.fetch_sub(1) != 1) return;
    std::unique_lock lock(mutex_);
    zero_ = true;
    changed_.notify_all();
  }
  void wait() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return zero_; });
  }

 private:
  std::atomic<number> count_{0};
  fibers::mutex mutex_;
  fibers::condition_variable changed_;
  bool zero_ = false;
};

template <class F>
nanoseconds parallel(int count, F f) {
  wait_group done;
  done.add(count);
  const auto start = clock_type::now();
  for (int g = 0; g < count; ++g) {
    go([&, g] {
      f(g);
      done.done();
    });
  }
  done.wait();
  return clock_type::now() - start;
}

// All rows by name (rows.cpp).
extern const std::map<std::string, void (*)()> rows;

}  // namespace peer
