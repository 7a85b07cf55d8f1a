// SPDX-License-Identifier: MIT
// The M's thread: how it is made, and the loop on its own stack.
#include "sched/machine.hpp"

#include "base/clock.hpp"
#include "base/fault.hpp"
#include "base/spin_lock.hpp"
#include "base/thread.hpp"
#include "sched/coarse_clock.hpp"
#include "sched/entry.hpp"
#include "sched/find_work.hpp"
#include "sched/locked_thread.hpp"
#include "sched/monitor.hpp"
#include "sched/stack_overflow.hpp"
#include "sched/thread_waiter.hpp"
#include "sched/wake.hpp"

#include <pthread.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <unwind.h>
#include <algorithm>
#include <cerrno>
#include <ctime>
#include <new>

namespace goro::detail {

namespace {

constinit std::atomic<int> alive{0};
constinit std::atomic<int> limit{10'000};
constinit spin_lock spare_lock;
constinit machine* spare = nullptr;  // under spare_lock, linked through idle_link
constinit std::atomic<machine*> newest{
    nullptr};  // of all there are, linked through `older`; under spare_lock

constexpr std::uint32_t yields_before_eager = 1024;
constexpr std::size_t own_stack_size = 512u * 1024;  // timers and the rarer paths; sanitizers need the most

thread_local machine* this_thread_is = nullptr;

machine* new_machine() noexcept {
  {
    const spin_guard hold(spare_lock);
    if (machine* const m = spare) {
      spare = m->idle_link;
      m->idle_link = nullptr;
      return m;
    }
  }
  auto* const m = new (std::nothrow) machine;
  if (m == nullptr) return nullptr;
  m->rng = random(reinterpret_cast<std::uintptr_t>(m));
  const spin_guard hold(spare_lock);
  m->older = newest.load(std::memory_order_relaxed);
  newest.store(m, std::memory_order_release);
  return m;
}

void free_machine(machine* m) noexcept {
  const spin_guard hold(spare_lock);
  m->idle_link = spare;
  spare = m;
}

// Runs g, which is off every stack and has been given a place to run, until something comes back here.
GORO_NO_TSAN [[gnu::noinline]] void execute(machine* m, goroutine* g) noexcept {
  take_up(m, g);
  saved_context here;
  m->own_context = on_this_stack(&here);
  switch_to(g, &here, &m->own_fake_stack);
  forget_registers();
  sanitizer::arrive(m->own_fake_stack);
  m->settle();
}

// A goroutine without a stack to run on goes back; stacks come free as others end.
void wait_for_stack(goroutine* g) noexcept {
  the_global_queue.push(g);
  const timespec t{0, 1'000'000};
  nanosleep(&t, nullptr);
}

// These two are what TSan must see of machine_loop.
[[gnu::noinline]] bool take_a_processor(machine* m) noexcept {
  processor* const p = take_idle_processor();
  if (p == nullptr) return false;
  m->p = p;
  p->owner.store(reinterpret_cast<std::uintptr_t>(m), std::memory_order_release);
  return true;
}
[[gnu::noinline]] void hand_on_the_processor(machine* m) noexcept {
  processor* const p = m->p;
  m->p = nullptr;
  p->owner.store(in_hands, std::memory_order_release);
  hand_off(p);
}

GORO_NO_TSAN void machine_loop(machine* m) noexcept {
  for (;;) {
    goroutine* g = m->chosen;
    m->chosen = nullptr;
    if (m->ends_with_goroutine) [[unlikely]] {
      if (g != nullptr) the_global_queue.push(g);
      if (m->p != nullptr) hand_on_the_processor(m);
      return;
    }
    if (m->p == nullptr) {
      // It was taken. What we had chosen is put where those with a P look.
      if (g != nullptr) {
        the_global_queue.push(g);
        g = nullptr;
      }
      if (m->locked != nullptr) {
        if (!wait_for_locked(m)) return;
      } else if (!take_a_processor(m)) {
        wake_one();
        if (!sleep_until_given(m)) return;
      }
      continue;
    }
    if (m->locked != nullptr && (g == nullptr || g != m->locked)) {
      // This thread may run nobody else: the P goes to another M until our goroutine is ready.
      if (g != nullptr) the_global_queue.push(g);
      hand_on_the_processor(m);
      continue;
    }
    if (g == nullptr) g = find_work(m);
    if (g == nullptr) {
      if (m->told_to_end) return;
      continue;
    }
    if ((g->flags.load(std::memory_order_relaxed) & flag_locked) != 0 && g->extra->locked_to != m) {
      give_to_locked(m, g);
      continue;
    }
    if (g->stack == nullptr && !give_stack(m, g)) {
      wait_for_stack(g);
      continue;
    }
    execute(m, g);
  }
}

// Where the outermost frame of this thread begins, which is the C library's: what it saved of the registers of who
// made the thread lies there too.
const void* top_of_frames() noexcept {
  std::uintptr_t top = 0;
  (void)_Unwind_Backtrace(
      [](_Unwind_Context* frame, void* highest) {
        *static_cast<std::uintptr_t*>(highest) =
            std::max<std::uintptr_t>(*static_cast<std::uintptr_t*>(highest), _Unwind_GetCFA(frame));
        return _URC_NO_REASON;
      },
      &top);
  return reinterpret_cast<const void*>(top);
}

void thread_main(void* argument) noexcept {
  auto* const m = static_cast<machine*>(argument);
  this_thread_is = m;
  m->thread = this_thread_state();
  m->own_fiber = sanitizer::current_fiber();
  (void)prctl(PR_SET_TIMERSLACK, 1000, 0, 0, 0);  // sleeps for timers end within a microsecond or so
  pthread_attr_t attributes;
  void* bottom = nullptr;
  if (pthread_getattr_np(pthread_self(), &attributes) == 0) {
    pthread_attr_getstack(&attributes, &bottom, &m->own_size);
    pthread_attr_destroy(&attributes);
  }
  m->own_top = top_of_frames();
  m->own_bottom = bottom;
  m->tid.store(static_cast<int>(syscall(SYS_gettid)),
               std::memory_order_release);  // with bounds that are its own
  void* const signal_stack = install_signal_stack();
  set_coarse_now(monotonic_ns());
  if (processor* const p = m->handed) {
    m->handed = nullptr;
    m->p = p;
    p->owner.store(reinterpret_cast<std::uintptr_t>(m), std::memory_order_release);
  }
  machine_loop(m);
  remove_signal_stack(signal_stack);
  m->tid.store(0, std::memory_order_release);
  m->own_bottom = nullptr;
  m->told_to_end = false;
  m->locked = nullptr;
  m->ends_with_goroutine = false;
  m->p = nullptr;
  this_thread_is = nullptr;
  alive.fetch_sub(1, std::memory_order_acq_rel);
  free_machine(m);
}

constexpr runtime_thread machine_thread{.name = "goro", .stack_size = own_stack_size, .body = &thread_main};

}  // namespace

[[gnu::noinline]] machine* this_machine_slow() noexcept {
  asm volatile("" ::: "memory");
  return this_thread_is;
}

const machine* newest_machine() noexcept { return newest.load(std::memory_order_acquire); }

int machine_count() noexcept { return alive.load(std::memory_order_acquire); }
int set_machine_limit(int n) noexcept { return limit.exchange(n, std::memory_order_relaxed); }

bool start_machine(processor* p, bool spinning) noexcept {
  // A bound thread may have been given attributes of its own (a name space, a niceness), which a thread that
  // it makes would inherit; the monitor's thread has none.
  if (const machine* const maker = current_machine(); maker != nullptr && maker->locked != nullptr) {
    start_machine_on_monitor(p, spinning);
    return true;
  }
  const int saved_errno = errno;
  if (alive.fetch_add(1, std::memory_order_acq_rel) >= limit.load(std::memory_order_relaxed)) {
    alive.fetch_sub(1, std::memory_order_acq_rel);
    return false;
  }
  machine* const m = new_machine();
  bool started = false;
  if (m != nullptr) {
    m->handed = p;
    m->spinning = spinning;
    m->locked = nullptr;
    m->in_runtime.store(1, std::memory_order_relaxed);
    m->revoke.store(revocation::none, std::memory_order_relaxed);
    started = !fault("pthread_create") && start_thread<machine_thread>(m) == 0;
    if (!started) {
      m->handed = nullptr;
      m->spinning = false;
      m->locked = nullptr;
      free_machine(m);
    }
  }
  if (!started) alive.fetch_sub(1, std::memory_order_acq_rel);
  errno = saved_errno;
  return started;
}

void machine::settle_rest(goroutine* g) noexcept {
  g->state.store(goroutine_state::runnable, std::memory_order_relaxed);
  if (why_left == leaving::yielded && p != nullptr) {
    p->push(g);
    if (detail::idle.idle_processors.load(std::memory_order_relaxed) != 0) {
      // One that yields is not about to park, so what waits here does not go away by itself.
      if (++p->yields % yields_before_eager == 0) p->eager.store(16, std::memory_order_relaxed);
      wake_one_for(p);
    }
    return;
  }
  the_global_queue.push(g);  // it lost its P, or is to stand behind everybody
  wake_one();
}

void machine::settle_stack() noexcept {
  if (stack_header* const h = left_stack) {
    left_stack = nullptr;
    h->owner = nullptr;
    stack_region* const region = region_of(reinterpret_cast<std::uintptr_t>(h));
    if (p != nullptr && region == &default_stacks)
      p->put_stack(h);
    else
      region->give(&h, 1);
  }
  if constexpr (sanitizer::tsan) {
    if (dead_fiber != nullptr) {
      sanitizer::destroy_fiber(dead_fiber);
      dead_fiber = nullptr;
    }
  }
}

}  // namespace goro::detail
