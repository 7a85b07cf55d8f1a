// SPDX-License-Identifier: MIT
#include "sched/procs.hpp"

#include "base/cgroup.hpp"
#include "base/settings.hpp"
#include "base/spin_lock.hpp"
#include "sched/machine.hpp"
#include "sched/park.hpp"
#include "sched/processor.hpp"
#include "sched/wake.hpp"

#include <algorithm>
#include <ctime>
#include <mutex>
#include <new>

namespace goro::detail {

constinit std::atomic<int> processors_in_use{0};
constinit std::atomic<processor*> all_processors[1024] = {};

namespace {

constinit std::mutex changing;           // held by one set_processors; its waits are short
constinit std::atomic<bool> number_fixed{false};

void pause_a_little() noexcept {
  const timespec t{0, 50'000};
  nanosleep(&t, nullptr);
}

// Waits until nobody runs on p any more and it is at rest.
void wait_retired(processor* p) noexcept {
  while (!p->at_rest.load(std::memory_order_acquire)) {
    p->poke.store(1, std::memory_order_relaxed);
    const machine* const mine = current_machine();
    if (mine != nullptr && mine->p == p) return;  // ours: given up when this goroutine next stops
    if (take_from_blocker(*p) || take_from_runner(*p))
      put_idle_processor(p);
    else
      pause_a_little();
  }
}

// Takes the retired ones off the idle list and puts them to rest.
void sweep_idle() noexcept {
  processor* swept = nullptr;
  {
    const spin_guard hold(idle.lock);
    int n = 0;
    for (processor** at = &idle.processors; *at != nullptr;) {
      processor* const p = *at;
      if (!p->retired.load(std::memory_order_relaxed)) {
        at = &p->idle_link;
        continue;
      }
      *at = p->idle_link;
      p->idle_link = swept;
      p->owner.store(in_hands, std::memory_order_relaxed);
      swept = p;
      ++n;
    }
    idle.idle_processors.store(idle.idle_processors.load(std::memory_order_relaxed) - n, std::memory_order_relaxed);
  }
  while (swept != nullptr) {
    processor* const p = swept;
    swept = p->idle_link;
    p->idle_link = nullptr;
    put_idle_processor(p);
  }
}

// A new P, or one at rest, becomes idle; one that its holder has not given up yet just stays in use.
void bring_back(processor* p) noexcept {
  p->timers.open();
  {
    const spin_guard hold(idle.lock);
    p->retired.store(false, std::memory_order_release);
    if (!p->at_rest.load(std::memory_order_relaxed)) return;
    p->at_rest.store(false, std::memory_order_relaxed);
    p->owner.store(in_hands, std::memory_order_relaxed);
  }
  put_idle_processor(p);
}

}  // namespace

int set_processors(int n, bool fixed) {
  const std::lock_guard<std::mutex> hold(changing);
  const int old = processor_count();
  if (fixed) number_fixed.store(true, std::memory_order_relaxed);
  for (int i = old; i < n; ++i) {
    if (processor_at(i) == nullptr) all_processors[i].store(new processor(i), std::memory_order_release);
    processors_in_use.store(i + 1, std::memory_order_release);
    bring_back(processor_at(i));
  }
  if (n < old) {
    {
      const spin_guard hold(idle.lock);
      for (int i = n; i < old; ++i) processor_at(i)->retired.store(true, std::memory_order_release);
    }
    processors_in_use.store(n, std::memory_order_release);
    sweep_idle();
    for (int i = n; i < old; ++i) wait_retired(processor_at(i));
  }
  wake_one();
  return old;
}

void follow_cpu_limit() noexcept {
  if (number_fixed.load(std::memory_order_relaxed) || the_settings().max_procs != 0) return;
  const int limit = cpu_count();
  if (limit != processor_count()) {
    try {
      set_processors(std::min(limit, max_max_procs), false);
    } catch (const std::bad_alloc&) {  // next time
    }
  }
}

}  // namespace goro::detail
