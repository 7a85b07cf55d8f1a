// SPDX-License-Identifier: MIT
#include "sched/processor.hpp"

#include "sched/machine.hpp"
#include "sched/procs.hpp"
#include "sched/runtime.hpp"
#include "sched/wake.hpp"

#include <algorithm>
#include <ctime>
#include <new>

namespace goro::detail {

void processor::spill(goroutine* g) noexcept {
  goroutine* half[128 + 1];
  const std::uint32_t n = ring.pop_half(half);
  if (n == 0) {  // a thief made room
    if (ring.push(g)) return;
    the_global_queue.push(g);
    return;
  }
  half[n] = g;
  the_global_queue.push_all(half, n + 1);
}

goroutine* processor::new_block() noexcept {
  if (blocks.count() == 0 && !take_blocks(blocks)) return nullptr;
  return blocks.pop();
}

void processor::flush_blocks() noexcept {
  while (blocks.count() > 0) give_blocks(blocks);
}

void processor::flush_stacks() noexcept {
  default_stacks.give(stacks, stack_cache_size / 2);
  std::copy(stacks + stack_cache_size / 2, stacks + stack_count, stacks);
  stack_count -= stack_cache_size / 2;
}

void processor::empty_into_shared() noexcept {
  if (goroutine* const g = run_next.load(std::memory_order_relaxed)) {
    run_next.store(nullptr, std::memory_order_relaxed);
    the_global_queue.push(g);
  }
  while (goroutine* const g = ring.pop()) the_global_queue.push(g);
  default_stacks.give(stacks, stack_count);
  stack_count = 0;
  flush_blocks();
  for (;;) {
    try {
      timers.move_all_to(processor_at(0)->timers);
      return;
    } catch (const std::bad_alloc&) {  // nothing is lost meanwhile; memory may come back
      const timespec t{0, 1'000'000};
      nanosleep(&t, nullptr);
    }
  }
}

timer_heap& current_timer_heap() {
  const machine* const m = current_machine();
  if (m == nullptr) start_runtime();
  processor* const p = m == nullptr ? nullptr : m->p;
  return p == nullptr ? processor_at(0)->timers : p->timers;
}

// A running P looks at its own heap every few rounds and before it goes idle; if it stands still the monitor
// does. So only two cases need help: nobody runs, or a P that is not ours must look sooner.
void timer_earlier(timer_heap&, std::int64_t when) noexcept {
  {
    const runtime_section here;
    if (processor* const p = here.p()) {
      p->rounds_left = std::min(p->rounds_left, look_for_timers_every);
      return;
    }
  }
  wake_for_timer(when);
}

}  // namespace goro::detail
