// SPDX-License-Identifier: MIT
#include "sched/coarse_clock.hpp"
#include "sched/wake.hpp"

#include "base/arch/cpu.hpp"
#include "sched/counters.hpp"
#include "sched/deadlock.hpp"
#include "sched/machine.hpp"
#include "sched/monitor.hpp"
#include "sched/netpoll.hpp"
#include "sched/procs.hpp"
#include "sched/revoke.hpp"
#include "sched/width.hpp"

#include <algorithm>

namespace goro::detail {

constinit idle_lists idle;

namespace {

constexpr int pauses_that_show = 256;  // a few microseconds: a ring that does not move in them may not for long

// Under idle.lock.
processor* pop_processor() noexcept {
  processor* const p = idle.stopping.load(std::memory_order_relaxed) ? nullptr : idle.processors;
  if (p == nullptr) return nullptr;
  idle.processors = p->idle_link;
  p->idle_link = nullptr;
  p->owner.store(in_hands, std::memory_order_relaxed);
  idle.idle_processors.store(idle.idle_processors.load(std::memory_order_relaxed) - 1, std::memory_order_relaxed);
  if (idle.monitor_sleeps) {
    idle.monitor_sleeps = false;
    wake_monitor();
  }
  return p;
}

// Under idle.lock: to the idle list, or to rest.
void push_processor(processor* p) noexcept {
  p->owner.store(0, std::memory_order_release);
  if (p->retired.load(std::memory_order_relaxed)) {
    p->at_rest.store(true, std::memory_order_release);
    return;
  }
  p->idle_link = idle.processors;
  idle.processors = p;
  idle.idle_processors.store(idle.idle_processors.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
}

void unlink_machine(machine* m) noexcept {
  machine** at = &idle.machines;
  while (*at != m) at = &(*at)->idle_link;
  *at = m->idle_link;
  m->idle_link = nullptr;
  m->idle = false;
  idle.idle_machines.store(idle.idle_machines.load(std::memory_order_relaxed) - 1, std::memory_order_relaxed);
  if (idle.timekeeper.load(std::memory_order_relaxed) == m) idle.timekeeper.store(nullptr, std::memory_order_relaxed);
  if (idle.poller.load(std::memory_order_relaxed) == m) idle.poller.store(nullptr, std::memory_order_relaxed);
}

void push_machine(machine* m) noexcept {
  m->idle_link = idle.machines;
  idle.machines = m;
  m->idle = true;
  idle.idle_machines.store(idle.idle_machines.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
}

void own(machine* m, processor* p) noexcept {
  m->p = p;
  p->owner.store(reinterpret_cast<std::uintptr_t>(m), std::memory_order_release);
}

// Under idle.lock: m is to go on with p.
void hand(machine* m, processor* p, bool spinning) noexcept {
  unlink_machine(m);
  m->handed = p;
  m->spinning = spinning;
}

// The poller, when there is no other thread to be had: N2 of netpoll.hpp. It may have stopped being one since it was
// passed over, by an event or a late break, and be about to sleep without a look at the queues, as an idle M may.
bool run_on_poller(processor* p, bool spinning) noexcept {
  machine* m;
  bool polls;
  {
    const spin_guard hold(idle.lock);
    m = idle.poller.load(std::memory_order_relaxed);
    polls = m != nullptr;
    if (polls)
      ++idle.breaks;
    else
      m = idle.machines;
    if (m == nullptr) return false;
    hand(m, p, spinning);
  }
  count_wake();
  if (polls)
    break_poller();
  else
    m->sleep.unpark();
  return true;
}

// Starts some M on p, an idle one or a new one. False: no thread to be had, p is still the caller's.
bool run_on_some_machine(processor* p, bool spinning) noexcept {
  machine* m;
  {
    const spin_guard hold(idle.lock);
    m = idle.machines;
    if (m != nullptr && m == idle.poller.load(std::memory_order_relaxed)) m = m->idle_link;
    if (m != nullptr) hand(m, p, spinning);
  }
  if (m == nullptr) return start_machine(p, spinning) || run_on_poller(p, spinning);
  count_wake();
  m->sleep.unpark();
  return true;
}

}  // namespace

processor* take_idle_processor() noexcept {
  if (idle.idle_processors.load(std::memory_order_relaxed) == 0) return nullptr;
  const spin_guard hold(idle.lock);
  return pop_processor();
}

void put_idle_processor(processor* p) noexcept {
  if (p->retired.load(std::memory_order_acquire)) p->empty_into_shared();
  const spin_guard hold(idle.lock);
  push_processor(p);
  check_all_asleep();  // the last M may have gone to sleep while we had it in hands
}

bool wake_one_slow() noexcept {
  if (is_narrow() && idle.idle_processors.load(std::memory_order_relaxed) < processor_count()) return false;
  int none = 0;
  if (!idle.spinning.compare_exchange_strong(none, 1, std::memory_order_acq_rel)) return false;
  processor* const p = take_idle_processor();
  if (p != nullptr) {
    if (run_on_some_machine(p, true)) return true;
    put_idle_processor(p);  // no thread to be had: those that run will see the work in their turn
  }
  idle.spinning.fetch_sub(1, std::memory_order_acq_rel);
  return false;
}

void wake_one_for(processor* p) noexcept {
  if (is_narrow()) return;
  const std::uint32_t eager = p->eager.load(std::memory_order_relaxed);
  if (eager == 0 && p->ring.size() < plenty) return;
  if (wake_one() && eager != 0) p->eager.store(eager - 1, std::memory_order_relaxed);
}

void wake_from_outside() noexcept {
  if (wake_one() || idle.idle_processors.load(std::memory_order_relaxed) != 0) return;
  bool one_blocks = false;
  for (int i = 0, n = processor_count(); i != n && !one_blocks; ++i) {
    const processor* const p = processor_at(i);
    one_blocks = (p->owner.load(std::memory_order_relaxed) & 1) != 0 && !is_in_brief_call(*p);
  }
  call_monitor(one_blocks ? soon : while_somebody_waits);
}

void wake_for_timer(std::int64_t when) noexcept {
  light_fence();  // W1
  if (idle.stopping.load(std::memory_order_relaxed)) return wake_monitor();  // it is the only one to keep time
  {
    const spin_guard hold(idle.lock);
    if (idle.timekeeper.load(std::memory_order_relaxed) != nullptr && idle.timekeeper_until <= when) return;
  }
  wake_one();  // it finds nothing, and becomes the timekeeper; if no P is idle the monitor is one
}

void hand_off(processor* p) noexcept {
  if (p->retired.load(std::memory_order_acquire)) {
    put_idle_processor(p);
    return;
  }
  const bool work = p->has_work() || the_global_queue.size() != 0 || p->timers.earliest() <= now_ns();
  if (work && run_on_some_machine(p, false)) return;
  put_idle_processor(p);
  heavy_fence();  // W2: on behalf of the M that can no longer look
  const std::int64_t first = earliest_timer();
  if (visible_work(now_ns()) == visible::work)
    wake_one();
  else if (first != never)
    wake_for_timer(first);  // the M that gave the P up may have been the one to keep time
  if (io_is_unattended()) wake_one();  // … or to poll: N1 of netpoll.hpp
}

visible visible_work(std::int64_t now) noexcept {
  if (the_global_queue.size() != 0) return visible::work;
  visible seen = visible::nothing;
  for (int i = 0, in_use = processor_count(); i != in_use; ++i) {
    const processor* const p = processor_at(i);
    if (p->timers.earliest() <= now) return visible::work;
    if (p->owner.load(std::memory_order_relaxed) == 0 && p->has_work()) return visible::work;
    const std::uint32_t waiting = p->ring.size();
    if (waiting == 0) continue;
    if (waiting >= plenty || p->eager.load(std::memory_order_relaxed) != 0) return visible::work;
    seen = visible::few;
  }
  return seen;
}

standstill::standstill() noexcept {
  const int n = std::min(processor_count(), watched);
  for (int i = 0; i != n; ++i) switches_[i] = processor_at(i)->switches.load(std::memory_order_relaxed);
}

bool standstill::holds(const processor& p) const noexcept {
  return p.index < watched && !p.ring.empty() && p.in_vain.load(std::memory_order_relaxed) < too_many_in_vain &&
         p.switches.load(std::memory_order_relaxed) == switches_[p.index];
}

bool standstill::any() const noexcept {
  const int n = std::min(processor_count(), watched);
  for (int i = 0; i != n; ++i)
    if (holds(*processor_at(i))) return true;
  return false;
}

std::int64_t earliest_timer() noexcept {
  std::int64_t first = never;
  for (int i = 0, in_use = processor_count(); i != in_use; ++i) first = std::min(first, processor_at(i)->timers.earliest());
  return first;
}

bool release_and_sleep(machine* m, bool although_work) noexcept {
  processor* const p = m->p;
  bool was_spinning;
  if (p->retired.load(std::memory_order_acquire)) p->empty_into_shared();
  {
    const spin_guard hold(idle.lock);
    if (although_work && idle.idle_processors.load(std::memory_order_relaxed) + 1 >= processor_count()) return true;
    m->p = nullptr;
    push_processor(p);
    push_machine(m);
    was_spinning = m->spinning;  // from here on it is the waker's to set
    m->spinning = false;
  }
  if (was_spinning) idle.spinning.fetch_sub(1, std::memory_order_acq_rel);
  if (although_work) return sleep_until_given(m);
  heavy_fence();  // W2
  visible seen = visible_work(now_ns());
  if (seen == visible::few) {
    const standstill watch;
    for (int i = 0; i != pauses_that_show && seen == visible::few; ++i) {
      cpu_pause();
      if (the_global_queue.size() != 0) seen = visible::work;
    }
    if (watch.any()) seen = visible::work;
  }
  if (seen == visible::work) {
    const spin_guard hold(idle.lock);
    if (m->idle) {
      if (processor* const again = pop_processor()) {
        unlink_machine(m);
        own(m, again);
        m->spinning = true;
        idle.spinning.fetch_add(1, std::memory_order_acq_rel);
        return true;
      }
    }
  }
  return sleep_until_given(m);
}

namespace {

// The sleep of the poller. True: it has a P, or is told to end.
bool poll_until_given(machine* m, std::int64_t deadline) noexcept {
  poll_result found;
  poll_io(found, deadline);
  set_coarse_now(monotonic_ns());
  bool go_on = true;
  bool for_another = false;
  {
    const spin_guard hold(idle.lock);
    if (m->handed != nullptr) --idle.breaks;
    for_another = idle.breaks != 0;  // the break that we may have taken was for one who polled before us: N2
    if (idle.poller.load(std::memory_order_relaxed) == m) idle.poller.store(nullptr, std::memory_order_relaxed);
    if (m->handed != nullptr) {
      own(m, m->handed);
      m->handed = nullptr;
    } else if (m->told_to_end) {
    } else if (processor* const p = found.count != 0 || deadline <= now_ns() ? pop_processor() : nullptr) {
      unlink_machine(m);
      own(m, p);
    } else {
      if (idle.timekeeper.load(std::memory_order_relaxed) == m) idle.timekeeper.store(nullptr, std::memory_order_relaxed);
      go_on = false;  // all Ps are busy: theirs
    }
  }
  if (for_another) break_poller();
  make_ready(found);
  if (found.count != 0 && !go_on) call_monitor();
  return go_on;
}

}  // namespace

bool sleep_until_given(machine* m) noexcept {
  for (;;) {
    std::int64_t deadline = never;
    bool polls = false;
    {
      const spin_guard hold(idle.lock);
      if (m->handed == nullptr && !m->told_to_end) {
        if (!m->idle) push_machine(m);
        if (idle.processors != nullptr && !idle.stopping.load(std::memory_order_relaxed)) {
          const std::int64_t first = earliest_timer();
          if (first != never && (idle.timekeeper.load(std::memory_order_relaxed) == nullptr || first < idle.timekeeper_until)) {
            idle.timekeeper.store(m, std::memory_order_relaxed);
            idle.timekeeper_until = deadline = first;
          }
          polls = io_is_unattended();  // N1d
          if (polls) idle.poller.store(m, std::memory_order_relaxed);
        }
        if (deadline == never) check_all_asleep();
      }
    }
    if (polls) {
      if (poll_until_given(m, deadline)) return !m->told_to_end;
      continue;
    }
    const bool token = m->sleep.park_until(deadline);
    set_coarse_now(monotonic_ns());
    const spin_guard hold(idle.lock);
    if (!token && m->handed == nullptr && !m->told_to_end) {  // the first timer is due
      if (idle.timekeeper.load(std::memory_order_relaxed) == m) idle.timekeeper.store(nullptr, std::memory_order_relaxed);
      if (processor* const p = pop_processor()) {
        unlink_machine(m);
        own(m, p);
        return true;
      }
      continue;  // all Ps are busy: theirs, and the monitor's
    }
    if (m->told_to_end) return false;
    if (m->handed == nullptr) continue;
    if (!token) {
      // Handed over just as the time ran out: the token is on its way, and must not wake a later sleep.
      idle.lock.unlock();
      m->sleep.park();
      idle.lock.lock();
    }
    own(m, m->handed);
    m->handed = nullptr;
    return true;
  }
}

void found_work(machine* m) noexcept {
  m->spinning = false;
  if (idle.spinning.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  if (idle.idle_processors.load(std::memory_order_relaxed) == 0) return;
  heavy_fence();  // W2: those who skipped a wake because of us
  if (visible_work(now_ns()) == visible::work) wake_one();
}

int reap_idle_machines(int keep) noexcept {
  int ended = 0;
  for (;;) {
    machine* m;
    {
      const spin_guard hold(idle.lock);
      // A library that has cleaned up by now, as OpenSSL does at exit, would lose what it keeps for each thread.
      if (idle.stopping.load(std::memory_order_relaxed)) return ended;
      const machine* const poller = idle.poller.load(std::memory_order_relaxed);
      if (idle.idle_machines.load(std::memory_order_relaxed) <= keep + (poller != nullptr ? 1 : 0)) return ended;
      m = nullptr;  // the coldest that has no duty is the last
      for (machine* each = idle.machines; each != nullptr; each = each->idle_link)
        if (each != idle.timekeeper.load(std::memory_order_relaxed) && each != poller) m = each;
      if (m == nullptr) return ended;
      unlink_machine(m);
      m->told_to_end = true;
    }
    m->sleep.unpark();
    ++ended;
  }
}

}  // namespace goro::detail
