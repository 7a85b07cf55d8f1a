// SPDX-License-Identifier: MIT
// Says "<max_procs> <num_cpu>", or follows a change of affinity. usage: report_procs [WHICH]
#include <goro/goro.hpp>

#include <sched.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>

namespace {

using namespace std::chrono_literals;

// All threads of the process, those of the runtime too.
void allow(const cpu_set_t& set) {
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/task"))
    ::sched_setaffinity(static_cast<pid_t>(std::stol(entry.path().filename())), sizeof set, &set);
}

cpu_set_t allowed() {
  cpu_set_t set;
  CPU_ZERO(&set);
  ::sched_getaffinity(0, sizeof set, &set);
  return set;
}

cpu_set_t first_of(const cpu_set_t& all) {
  cpu_set_t one;
  CPU_ZERO(&one);
  for (int cpu = 0; cpu != CPU_SETSIZE; ++cpu)
    if (CPU_ISSET(cpu, &all)) {
      CPU_SET(cpu, &one);
      break;
    }
  return one;
}

// Something runs all the while: a runtime that sleeps need not look.
bool becomes(int procs) {
  for (int i = 0; i != 1500; ++i) {
    goro::async([] { goro::sleep_for(10ms); }).get();
    if (goro::max_procs() == procs) return true;
  }
  return false;
}

int follow() {
  const cpu_set_t all = allowed();
  const int many = goro::max_procs();
  allow(first_of(all));
  if (!becomes(1)) return std::printf("still %d after 15 s on one CPU\n", goro::max_procs()), 1;
  allow(all);
  if (!becomes(many)) return std::printf("still %d after 15 s on %d CPUs\n", goro::max_procs(), many), 1;
  std::puts("followed");
  return 0;
}

int keep() {
  goro::async([] {}).get();
  allow(first_of(allowed()));
  for (int i = 0; i != 300; ++i) goro::async([] { goro::sleep_for(10ms); }).get();
  std::printf("kept %d\n", goro::max_procs());
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view which = argc == 2 ? argv[1] : "";
  if (which == "follow") return follow();
  if (which == "kept-variable") return keep();
  if (which == "kept-call") {
    goro::set_max_procs(2);
    return keep();
  }
  if (which == "one-cpu") allow(first_of(allowed()));
  const int procs = goro::max_procs();
  std::printf("%d %d\n", procs, goro::num_cpu());
  return 0;
}
