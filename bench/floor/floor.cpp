// SPDX-License-Identifier: MIT
// floor [quick] [cpu|system|memory|wake|sleep]: the bare costs of this machine, one line each.
#include "floor.hpp"

#include <pthread.h>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <thread>

namespace floor_costs {
namespace {

thread_local int* current = nullptr;
int some_int = 0;

[[gnu::noinline]] int* current_behind_a_call() {
  asm volatile("");
  return current;
}

void atomics() {
  std::atomic<u64> a{0};
  loop("atomic_fetch_add", 100'000'000, [&](u64) { keep(a.fetch_add(1)); });
  loop("atomic_compare_exchange", 100'000'000, [&](u64) {
    u64 x = a.load(std::memory_order_relaxed);
    a.compare_exchange_strong(x, x + 1);
  });
  loop("atomic_exchange", 100'000'000, [&](u64) { keep(a.exchange(1)); });
  loop("store_release_load_acquire", 100'000'000, [&](u64 i) {
    a.store(i, std::memory_order_release);
    keep(a.load(std::memory_order_acquire));
  });
}

void clocks() {
  loop("clock_monotonic", 20'000'000, [](u64) {
    timespec t{};
    clock_gettime(CLOCK_MONOTONIC, &t);
    keep(t.tv_nsec);
  });
  loop("clock_monotonic_coarse", 20'000'000, [](u64) {
    timespec t{};
    clock_gettime(CLOCK_MONOTONIC_COARSE, &t);
    keep(t.tv_nsec);
  });
}

void library_calls() {
  std::thread([] {}).join();  // from here on the C library takes the process for multi-threaded
  loop("malloc_free_64", 50'000'000, [](u64) {
    void* p = std::malloc(64);
    keep(p);
    std::free(p);
  });
  std::vector<void*> blocks(4096);
  loop(
      "malloc_free_64_in_batches", 2000,
      [&](u64) {
        for (auto& p : blocks) p = std::malloc(64);
        for (auto* p : blocks) std::free(p);
      },
      4096);
  pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  loop("pthread_mutex_lock_unlock", 50'000'000, [&](u64) {
    pthread_mutex_lock(&mutex);
    pthread_mutex_unlock(&mutex);
  });
}

}  // namespace

void cpu_costs() {
  cpu_costs_of_architecture();
  atomics();
  current = &some_int;
  loop("thread_local_behind_a_call", 200'000'000, [](u64) { keep(current_behind_a_call()); });
  loop("thread_local_inline", 200'000'000, [](u64) { keep(current); });
  clocks();
  library_calls();
}

}  // namespace floor_costs

int main(int argc, char** argv) {
  using namespace floor_costs;
  struct group {
    const char* name;
    void (*measure)();
  };
  const group groups[] = {{"cpu", cpu_costs},
                          {"system", system_costs},
                          {"memory", memory_costs},
                          {"wake", wake_costs},
                          {"sleep", sleep_costs}};
  const char* only = nullptr;
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "quick") == 0) {
      quick = true;
      continue;
    }
    const auto* found = std::find_if(std::begin(groups), std::end(groups),
                                     [&](const group& g) { return std::strcmp(g.name, argv[i]) == 0; });
    if (found == std::end(groups)) {
      std::fprintf(stderr, "floor: no group '%s'\nusage: floor [quick] [cpu|system|memory|wake|sleep]\n",
                   argv[i]);
      return 2;
    }
    only = found->name;
  }
  (void)cpus();
  for (const group& g : groups) {
    if (only != nullptr && std::strcmp(only, g.name) != 0) continue;
    pin(0);
    g.measure();
  }
}
