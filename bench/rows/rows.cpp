// SPDX-License-Identifier: MIT
#include "rows.hpp"

#include <sys/resource.h>
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace bench {
namespace {

int the_procs = 1;

// Built by initialisers of several files, whose order is not fixed: hence a function and not a variable.
std::vector<row_entry>& table() {
  static std::vector<row_entry> entries;
  return entries;
}

}  // namespace

volatile number sink = 0;

row::row(const char* name, void (*body)()) {
  auto& entries = table();
  const auto place = std::find_if(entries.begin(), entries.end(),
                                  [name](const row_entry& e) { return std::strcmp(e.name, name) > 0; });
  entries.insert(place, {name, body});
}

const std::vector<row_entry>& rows() { return table(); }

int procs() { return the_procs; }
void set_procs(int n) { the_procs = n; }

void out(const char* row, double value, const char* unit) {
  std::printf("%s %d %.2f %s\n", row, the_procs, value, unit);
  std::fflush(stdout);
}

void per_op(const char* row, nanoseconds elapsed, number operations) {
  out(row, static_cast<double>(elapsed.count()) / static_cast<double>(operations), "ns");
}

void milliseconds(const char* row, nanoseconds elapsed) {
  out(row, static_cast<double>(elapsed.count()) / 1e6, "ms");
}

double quantile_us(std::int64_t* begin, std::int64_t* end, double p) {
  std::sort(begin, end);
  const auto last = static_cast<double>(end - begin - 1);
  return static_cast<double>(begin[static_cast<std::size_t>(p * last)]) / 1e3;
}

double resident_bytes() {
  long total = 0;
  long resident = 0;
  if (std::FILE* file = std::fopen("/proc/self/statm", "r")) {
    if (std::fscanf(file, "%ld %ld", &total, &resident) != 2) resident = 0;
    std::fclose(file);
  }
  return static_cast<double>(resident) * 4096;
}

nanoseconds cpu_time() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return std::chrono::seconds(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
         std::chrono::microseconds(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

void fail(const char* row, const char* what) {
  std::fflush(stdout);
  std::fprintf(stderr, "bench: %s: %s\n", row, what);
  std::fflush(stderr);
  std::_Exit(1);
}

}  // namespace bench
