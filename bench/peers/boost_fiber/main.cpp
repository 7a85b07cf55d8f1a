// SPDX-License-Identifier: MIT
// The rows in Boost.Fiber: bench_boost <row> <P> prints "<row> <P> <value> <unit>".
//
// P = 1: the default scheduler and pooled stacks. P > 1: work stealing between P threads, with stacks by
// malloc, since the pool is not for several threads. Stacks have 16 KiB. What Boost.Fiber has not (select, a
// rendezvous that closes, announced system calls) has no row.
#include "peer.hpp"

#include <cstdlib>
#include <thread>

#include <boost/fiber/algo/work_stealing.hpp>

namespace peer {
namespace {

// P - 1 more threads that steal; they end with the process.
void start_other_threads() {
  for (int i = 1; i < procs; ++i) {
    std::thread([] {
      fibers::use_scheduling_algorithm<fibers::algo::work_stealing>(static_cast<std::uint32_t>(procs), true);
      fibers::mutex mutex;
      fibers::condition_variable_any never;
      std::unique_lock lock(mutex);
      never.wait(lock, [] { return false; });
    }).detach();
  }
  fibers::use_scheduling_algorithm<fibers::algo::work_stealing>(static_cast<std::uint32_t>(procs), true);
}

}  // namespace
}  // namespace peer

int main(int argc, char** argv) {
  using namespace peer;
  if (argc > 1 && std::string(argv[1]) == "list") {
    for (const auto& [name, body] : rows) std::puts(name.c_str());
    return 0;
  }
  const auto row = argc == 3 ? rows.find(argv[1]) : rows.end();
  procs = argc == 3 ? std::atoi(argv[2]) : 0;
  if (row == rows.end() || procs < 1) {
    std::fputs("usage: bench_boost <row> <P> | list\n", stderr);
    return 2;
  }
  fibers::pooled_fixedsize_stack pool(stack_size);
  pooled = &pool;
  if (procs > 1) start_other_threads();
  go([row] {
    row->second();
    std::_Exit(0);
  });
  fibers::mutex mutex;
  fibers::condition_variable_any never;
  std::unique_lock lock(mutex);
  never.wait(lock, [] { return false; });
}
