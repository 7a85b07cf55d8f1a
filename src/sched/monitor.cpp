// SPDX-License-Identifier: MIT
#include "sched/monitor.hpp"

#include "base/clock.hpp"
#include "base/fatal.hpp"
#include "base/futex.hpp"
#include "base/settings.hpp"
#include "base/thread.hpp"
#include "sched/coarse_clock.hpp"
#include "sched/call_site.hpp"
#include "sched/counters.hpp"
#include "sched/hooks.hpp"
#include "sched/kernel_state.hpp"
#include "sched/machine.hpp"
#include "sched/netpoll.hpp"
#include "sched/process_end.hpp"
#include "sched/procs.hpp"
#include "sched/stack_sweep.hpp"
#include "sched/wake.hpp"
#include "sched/width.hpp"

#include <algorithm>
#include <climits>
#include <sys/prctl.h>

namespace goro::detail {

namespace {

constexpr std::int64_t us = 1000;
constexpr std::int64_t ms = 1000 * us;
constexpr std::int64_t quickest = 20 * us;
constexpr std::int64_t slowest = 10 * ms;
constexpr std::int64_t slice = 10 * ms;
constexpr std::int64_t long_run = 10 * us;  // of a goroutine, worth moving others away from
constexpr int rounds_before_backing_off = 50;
constexpr std::int64_t poll_soon = 500 * us;  // nobody's look at the netpoller for so long: an idle P's M is to
constexpr std::int64_t poll_after = 4 * ms;   // … and if none is idle, the monitor looks itself
constexpr std::int64_t quiet_before_sleep = 100 * ms;
constexpr std::int64_t idle_before_sweep = 400 * ms;  // after that

constinit std::atomic<std::uint32_t> bell{0};           // futex word: the monitor's waits
constinit std::atomic<std::int64_t> interval{quickest};  // the present one; others read it as a hint

constinit spin_lock to_start_lock;
constinit processor* to_start = nullptr;  // Ps that wait for a thread, linked through idle_link
constinit int to_start_spinning = 0;

// What the monitor remembers of a P. Its own.
struct watch {
  std::uint64_t switches = 0;
  std::uint64_t created = 0;
  std::uintptr_t owner = 0;
  std::int64_t since = 0;        // it stands still since
  std::uint64_t blocks = 0;
  std::uint64_t turns = 0;
  std::int64_t turn_since = 0;
  std::int64_t looked = 0;       // last
  std::int64_t spread = 0;       // when somebody was last woken for its short ring
  std::int64_t next_look = 0;    // at the thread's state in the kernel
  bool told_blocking = false;    // seen in announced blocking in the round before
};
watch watches[max_max_procs];

bool somebody_waits(const processor& p, std::int64_t now) noexcept {
  return p.has_work() || the_global_queue.size() != 0 || p.timers.earliest() <= now;
}

// run_next of a P that computes on: out of it, into the global queue. By the hand-shake, and back.
void free_run_next(processor& p) noexcept {
  idle.in_flight.fetch_add(1, std::memory_order_acq_rel);
  const borrowed loan = borrow_run_next(p);
  p.eager.store(16, std::memory_order_relaxed);
  if (loan.g != nullptr) the_global_queue.push(loan.g);
  idle.in_flight.fetch_sub(1, std::memory_order_acq_rel);
  if (loan.in_hands)
    hand_off(&p);
  else
    wake_one();
}

// What a look at a P asks of the next round: to come in so many ns at the latest.
constexpr std::int64_t did_something = 0;  // and so go on at the quickest pace
constexpr std::int64_t look_soon = 50 * us;  // it may yet prove to be blocked

// One P, one round.
std::int64_t look_at(processor& p, watch& w, std::int64_t now) noexcept {
  const std::uintptr_t owner = p.owner.load(std::memory_order_acquire);
  const std::uint64_t switches = p.switches.load(std::memory_order_relaxed);
  const bool still = owner == w.owner && switches == w.switches;
  const bool idle_too = idle.idle_processors.load(std::memory_order_relaxed) != 0;
  // Its goroutines run for long on the average, others wait, and a P is idle: wake.hpp's "who is missed".
  if (idle_too && !p.ring.empty() && w.looked != 0 &&
      (still || now - w.looked > static_cast<std::int64_t>(switches - w.switches) * long_run)) {
    const std::uint32_t in_vain = p.in_vain.load(std::memory_order_relaxed);
    if (now - w.spread >= quickest << std::min(in_vain, 7u)) {
      w.spread = now;
      p.eager.store(in_vain < too_many_in_vain ? 16 : 1, std::memory_order_relaxed);
      wake_one();
    }
  }
  w.looked = now;
  // The same few hand over to each other, and rarely enough that the P has not looked at the clock.
  const std::uint64_t turns = p.turns.load(std::memory_order_relaxed);
  if (turns != w.turns || (p.ring.empty() && the_global_queue.size() == 0)) {
    w.turns = turns;
    w.turn_since = now;
  } else if (now - w.turn_since >= longest_row) {
    w.turn_since = now;
    p.poke.store(1, std::memory_order_relaxed);
  }
  w.owner = owner;
  w.switches = switches;
  if (!still || owner == 0 || owner == in_hands) {
    w.since = now;
    w.next_look = now + 50 * us;
    w.told_blocking = false;
    return never;
  }
  bool waits = somebody_waits(p, now);
  if ((owner & 1) != 0) {
    if (!idle_too && io_is_unattended()) waits = true;  // the M that gets the P will poll
    const std::uint64_t blocks = p.block_calls.load(std::memory_order_relaxed);
    const bool long_enough = w.told_blocking && w.blocks == blocks;  // still the same call
    const bool first_time = !w.told_blocking && !is_in_brief_call(p);
    w.told_blocking = true;
    w.blocks = blocks;
    if (!waits || !long_enough || !take_from_blocker(p)) return waits && first_time ? quickest : never;
    p.blocks_at.load(std::memory_order_relaxed)->lost();
    count_handoff();
    hand_off(&p);
    return did_something;
  }
  auto* const m = reinterpret_cast<machine*>(owner);
  const std::int64_t still_for = now - w.since;
  if (!waits) return never;
  if (idle_too) {  // nothing has to be taken: another M can have what waits
    if (still_for >= slice) wake_one();
    if (still_for >= quickest && p.run_next.load(std::memory_order_relaxed) != nullptr && p.ring.empty()) {
      free_run_next(p);
      return did_something;
    }
    return still_for < 200 * us ? quickest : never;
  }
  if (m->in_runtime.load(std::memory_order_relaxed) == 0 && still_for >= 50 * us && now >= w.next_look) {
    w.next_look = now + still_for;  // 50, 100, 200 … us
    if (sleeps_in_kernel(m)) {
      m->blocked_since.store(w.since, std::memory_order_relaxed);
      if (!take_from_runner(p)) {
        m->blocked_since.store(0, std::memory_order_relaxed);
        return quickest;
      }
      count_handoff();
      hand_off(&p);
      return did_something;
    }
  }
  if (still_for >= slice) {
    if (!take_from_runner(p)) return quickest;
    count_revoked_hog();
    hand_off(&p);
    return did_something;
  }
  return still_for < 200 * us ? look_soon : never;
}

void start_waiting_machines() noexcept {
  for (;;) {
    processor* p;
    bool spinning;
    {
      const spin_guard hold(to_start_lock);
      p = to_start;
      if (p == nullptr) return;
      to_start = p->idle_link;
      p->idle_link = nullptr;
      spinning = to_start_spinning > 0;
      if (spinning) --to_start_spinning;
    }
    if (start_machine(p, spinning)) continue;
    put_idle_processor(p);
    if (spinning) idle.spinning.fetch_sub(1, std::memory_order_acq_rel);
  }
}

// For how long somebody has waited for a descriptor while nobody looked at the netpoller.
std::int64_t io_neglected_for(std::int64_t now) noexcept {
  static constinit std::uint32_t seen = 0;
  static constinit std::int64_t seen_at = 0;
  const std::uint32_t polls = io_polls.load(std::memory_order_relaxed);
  if (polls != seen || !io_is_unattended()) {
    seen = polls;
    seen_at = now;
  }
  return now - seen_at;
}

struct verdict {
  bool busy = false;     // some P is not idle
  std::int64_t wanted = never;  // the next round in so many ns at the latest
  bool still = false;    // a P stands still while others wait
  std::int64_t first_timer = never;  // of Ps that stand still while one is idle, and of idle ones if nobody keeps time
  std::int64_t io_neglected = 0;
  bool pressed = false;  // somebody waits; or all Ps are busy, and timers run
};

verdict one_round(std::int64_t now) noexcept {
  verdict v;
  const int n = processor_count();
  const bool some_idle = idle.idle_processors.load(std::memory_order_relaxed) != 0;
  bool waiting = the_global_queue.size() != 0;
  bool timers = false;
  for (int i = 0; i != n; ++i) {
    processor* const p = processor_at(i);
    if (p->owner.load(std::memory_order_relaxed) != 0) v.busy = true;
    v.wanted = std::min(v.wanted, look_at(*p, watches[i], now));
    if (p->has_work() || the_global_queue.size() != 0) {
      waiting = true;
      const watch& w = watches[i];
      // Spawning is not standing still.
      if (now - w.since >= 100 * us && p->created.load(std::memory_order_relaxed) == w.created) v.still = true;
      watches[i].created = p->created.load(std::memory_order_relaxed);
    }
    const std::int64_t first = p->timers.earliest();
    if (first == never) continue;
    timers = true;
    const watch& w = watches[i];
    // A P that switches looks at its timers itself; and while none is idle, nobody else could run them sooner.
    if (w.owner == 0 ? idle.timekeeper.load(std::memory_order_relaxed) == nullptr : some_idle && w.since != now)
      v.first_timer = std::min(v.first_timer, first);
  }
  const bool idle_too = idle.idle_processors.load(std::memory_order_relaxed) != 0;
  v.pressed = waiting || (timers && !idle_too);
  v.io_neglected = io_neglected_for(now);
  if (v.busy && idle_too && (v.io_neglected >= poll_soon || visible_work(now) == visible::work))
    wake_one();  // a due timer, for one
  return v;
}

bool all_is_idle() noexcept {
  return idle.idle_processors.load(std::memory_order_relaxed) == processor_count();
}

// True: others give back too, and want to be asked again.
bool give_back_when_idle() noexcept {
  (void)reap_idle_machines(processor_count());
  (void)default_stacks.trim(default_stacks.idle_low_water() < 64 ? 64 : 32);
  auto* const ask = __atomic_load_n(&hooks.when_idle, __ATOMIC_ACQUIRE);
  return ask != nullptr && ask();
}

// Sleeps until a P stops being idle, and looks once in between after the stacks of those that wait for
// descriptors, if anybody does. False: a P is not idle.
bool sleep_while_idle() noexcept {
  std::int64_t until = somebody_waits_for_io() ? monotonic_ns() + idle_before_sweep : never;
  for (;;) {
    const std::uint32_t before = bell.load(std::memory_order_acquire);
    {
      const spin_guard hold(idle.lock);
      if (!all_is_idle()) return false;
      idle.monitor_sleeps = true;
    }
    while (bell.load(std::memory_order_acquire) == before && (until == never || monotonic_ns() < until))
      (void)futex_wait(bell, before, until);
    {
      const spin_guard hold(idle.lock);
      idle.monitor_sleeps = false;
    }
    if (bell.load(std::memory_order_acquire) != before) return true;
    sweep_stacks_while(&all_is_idle);
    until = never;
  }
}

// The process ends: no goroutine runs any more, but plain threads may wait with a limit, or for a descriptor.
[[noreturn]] void look_after_threads() noexcept {
  for (;;) {
    const std::uint32_t before = bell.load(std::memory_order_acquire);
    std::int64_t now = now_ns();
    set_coarse_now(monotonic_ns());
    for (int i = 0, n = processor_count(); i != n; ++i) (void)processor_at(i)->timers.run_expired(now, INT_MAX);
    const bool io = somebody_waits_for_io();
    if (io) (void)poll_and_ready();
    now = now_ns();
    (void)futex_wait(bell, before, std::min(earliest_timer(), now + (io ? poll_after : 10 * slowest)));
  }
}

void rounds() noexcept {
  int without = 0;
  std::int64_t quiet_since = now_ns();
  std::int64_t next_second = quiet_since + 1000 * ms;
  std::int64_t pause = quickest;
  std::int64_t next = pause;  // this time, for there may be a reason to come sooner
  width_control width;
  stack_sweep sweep;
  for (;;) {
    const std::uint32_t before = bell.load(std::memory_order_acquire);
    interval.store(next, std::memory_order_relaxed);
    (void)futex_wait(bell, before, now_ns() + next);
    if (goroutines_have_stopped()) look_after_threads();
    start_waiting_machines();
    const bool called = bell.load(std::memory_order_relaxed) != before;
    const std::int64_t now = now_ns();
    set_coarse_now(monotonic_ns());
    const verdict v = one_round(now);
    if (v.still || !v.busy) width.reset();
    const bool tiny = width.update(now);
    if (v.wanted == did_something || called) {
      without = 0;
      pause = quickest;
    } else if (++without > rounds_before_backing_off) {
      pause = std::min(pause * 2, v.pressed ? while_somebody_waits : slowest);
    }
    if (v.pressed || tiny) pause = std::min(pause, while_somebody_waits);
    if (v.busy && io_is_unattended()) {
      pause = std::min(pause, poll_after);
      if (v.io_neglected >= poll_after && poll_and_ready() != 0) pause = quickest;  // that may need a P
    }
    if (now >= next_second) {
      next_second = now + 1000 * ms;
      follow_cpu_limit();
      const std::size_t idle_stacks = default_stacks.idle_low_water();
      if (idle_stacks > 256) (void)default_stacks.trim(idle_stacks / 2);
      if (somebody_waits_for_io()) sweep.begin_lap();
    }
    sweep.go_on();
    if (v.busy) {
      quiet_since = now;
    } else if (now - quiet_since >= quiet_before_sleep) {
      if (!give_back_when_idle() && sleep_while_idle()) {
        without = 0;
        pause = quickest;
      }
      quiet_since = now_ns();
    }
    next = std::min(pause, std::max(v.wanted, quickest));
    // The first timer that nobody else looks after, so that it is not found a whole round late.
    if (v.busy && v.first_timer != never) next = std::clamp(v.first_timer - now, quickest, next);
  }
}

void thread_main(void*) noexcept {
  (void)prctl(PR_SET_TIMERSLACK, 1000, 0, 0, 0);
  rounds();
}

constexpr runtime_thread monitor_thread{.name = "goro-monitor", .stack_size = 256u * 1024, .body = &thread_main};

}  // namespace

void start_monitor() noexcept {
  if (start_thread<monitor_thread>() != 0)
    fatal("start", "the kernel gives no thread for the monitor", "raise the limit (ulimit -u)");
}

void wake_monitor() noexcept {
  bell.fetch_add(1, std::memory_order_release);
  (void)futex_wake(bell, 1);
}

void start_machine_on_monitor(processor* p, bool spinning) noexcept {
  {
    const spin_guard hold(to_start_lock);
    p->idle_link = to_start;
    to_start = p;
    if (spinning) ++to_start_spinning;
  }
  wake_monitor();
}

void call_monitor(std::int64_t backed_off_beyond) noexcept {
  if (interval.load(std::memory_order_relaxed) <= backed_off_beyond) return;
  interval.store(quickest, std::memory_order_relaxed);  // one caller is enough
  wake_monitor();
}

}  // namespace goro::detail
