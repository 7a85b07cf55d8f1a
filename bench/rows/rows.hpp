// SPDX-License-Identifier: MIT
// What every row of the benchmark shares: the table of rows, the line that a row prints, the clock.
//
// A row is a function that runs as the main goroutine at the asked number of Ps and prints its lines itself:
//
//   void yield_row() { … bench::per_op("yield", elapsed, operations); }
//   const bench::row yield_entry{"yield", yield_row};
//
// Each row does exactly what the function of the same name in peers/go/main.go does: the same counts, the
// same bodies, the same divisor. Go's int has 64 bits, hence `number`; a channel is captured by value, as
// Go's is.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

#include <goro/go.hpp>
#include <goro/wait_group.hpp>

namespace bench {

using number = std::int64_t;
using clock = std::chrono::steady_clock;
using nanoseconds = std::chrono::nanoseconds;

// Enters a row into the table. Make one at namespace scope; names are kept as given, so pass a literal.
struct row {
  row(const char* name, void (*body)());
};

struct row_entry {
  const char* name;
  void (*body)();
};

// All rows, sorted by name.
const std::vector<row_entry>& rows();

// The number of Ps that this process was asked for.
int procs();
void set_procs(int n);

// Prints "<row> <P> <value> <unit>".
void out(const char* row, double value, const char* unit);

// The same for a time per operation, in nanoseconds: wall time by the operations of the whole process.
void per_op(const char* row, nanoseconds elapsed, number operations);
void milliseconds(const char* row, nanoseconds elapsed);

// The p-th part (0 to 1) of the values, in microseconds. Sorts them.
double quantile_us(std::int64_t* begin, std::int64_t* end, double p);

double resident_bytes();
nanoseconds cpu_time();

// Says what is wrong with the row's own result and ends the process with exit code 1.
[[noreturn]] void fail(const char* row, const char* what);

// Results go here, so that the compiler keeps the loops that made them.
extern volatile number sink;

// Runs f(0) … f(count - 1), each in a goroutine of its own. Returns how long all of them took together.
template <class F>
nanoseconds parallel(int count, F f) {
  goro::wait_group done;
  const auto start = clock::now();
  done.add(count);
  for (int g = 0; g < count; ++g) {
    goro::go([f, g, &done] {
      f(g);
      done.done();
    });
  }
  done.wait();
  return clock::now() - start;
}

}  // namespace bench
