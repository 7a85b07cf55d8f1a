// SPDX-License-Identifier: MIT
// A descriptor's two readiness words, its deadlines, and its end.
//
// Each direction has a word:
//
//      idle --event--> ready --wait--> idle                 no switch
//      idle --wait--> task --event--> ready --task--> idle  the event makes the task ready
//                     task --deadline, close--> idle        likewise; the task looks why
//                     task --itself--> idle                 it has looked once more, and does not park
//
// Invariants
//   I1  Only the one task that fd_lock lets wait for the direction steps idle -> task and ready -> idle; the
//       others step idle -> ready, task -> ready (event) and task -> idle (deadline, close).
//   I2  Whoever takes a task out of the word by CAS calls ready for it, once; the task, if its own CAS to
//       idle fails, therefore parks (contract K1 of park.hpp).
//   I3  While a task waits with a deadline that is not `never`, `armed`, the time at which the side's timer
//       fires, is not later than the deadline. armed and the timer change under `lock`. The timer of a
//       closing descriptor is not armed again, so release, which has passed the lock after that, can wait
//       for one that is just firing.
//   I4  Blocks are never freed, only used again. An event names block and generation; one of another
//       generation is for a descriptor that is closed, and is dropped. Should it slip through all the same,
//       it is a readiness for nothing, which every user of wait() allows for.
//   I5  An event comes from the epoll set only between open() and close(), or is on its way then (I4).
//
// Pairs
//   P1  idle -> task, seq_cst;  then loads of closing and deadline, seq_cst
//       with closing or deadline stored, seq_cst;  then the word loaded, seq_cst (close, set_deadline).
//       In the one order of all these either the waiter sees the close or the new deadline, and takes itself
//       back, or the other side sees the task, and wakes it or has the timer moved.
//   P2  task -> ready, acq_rel, by the event -> task's exchange: out_of_order, stored before, is visible.
//   P3  ready -> idle, seq_cst;  then the task looks into the kernel's queue
//       with the kernel's queue filled;  then the word loaded, seq_cst (an event leaves `ready` as it is).
//       Either the task finds in the queue what the event tells of, or the event finds `idle` and makes
//       it ready.
//   P4  open: generation, release, before it is in the set -> the event, acquire: what open has written is
//       visible to who polls. (epoll_ctl and epoll_wait order it too, but say so to nobody.)
//
// Deadlines without a timer a request. A server that sets a deadline for each request moves only the word.
// The timer is armed by a wait, and only if it would fire later than the deadline. So for deadlines that
// move later and later it fires once in the time that a deadline is ahead, finds that it came too early, and
// is armed again. A deadline is over when the clock says so, timer or not: each call looks.
//
// Rejected: a lock around the words (two locked instructions more for each event); one timer for both
// directions (reads and writes have deadlines of their own, and one of them moves as a rule);
// level-triggered events (EPOLL_CTL_MOD for each wait, 1.1 us).
// Tests: test/net/deadline_*_test.cpp, test/net/conn_*_test.cpp.
#include <goro/detail/pollable.hpp>

#include "base/clock.hpp"
#include "base/lock_rank.hpp"
#include "sched/epoll.hpp"
#include "sched/goroutine.hpp"
#include "sched/netpoll.hpp"
#include "sched/park.hpp"
#include "sched/poll_descriptor.hpp"
#include "sched/timers.hpp"
#include "sched/wake.hpp"

#include <sys/epoll.h>
#include <cerrno>
#include <new>
#include <stdexcept>

namespace goro::detail {

namespace {

using side = poll_descriptor::side;

constinit ranked_spin_lock<lock_rank::slab> blocks_lock;
constinit poll_descriptor* free_blocks_ = nullptr;  // under blocks_lock

side& side_of(poll_descriptor& p, direction d) noexcept { return p.sides[static_cast<std::size_t>(d)]; }

// Takes the task that waits, if one does, and leaves `then` in the word.
task take(side& s, std::uintptr_t then) noexcept {
  std::uintptr_t seen = s.word.load(std::memory_order_seq_cst);  // P1
  for (;;) {
    if (seen == side::ready || (seen == side::idle && then == side::idle)) return {};
    if (s.word.compare_exchange_weak(seen, then, std::memory_order_acq_rel, std::memory_order_relaxed))  // P2
      return seen == side::idle ? task{} : task::from_bits(seen);
  }
}

bool has_task(std::uintptr_t word) noexcept { return word != side::idle && word != side::ready; }

poll_end check_side(const poll_descriptor& p, const side& s) noexcept {
  if (p.closing.load(std::memory_order_seq_cst)) return poll_end::closed;    // P1
  const std::int64_t deadline = s.deadline.load(std::memory_order_seq_cst);  // P1
  if (deadline != never && deadline <= now_ns()) return poll_end::timed_out;
  return poll_end::ready;
}

// Under the descriptor's lock: the timer fires at `when` or before.
void cover(side& s, std::int64_t when) {
  if (s.armed <= when) return;
  (void)timer_rearm(s, when);
  s.armed = when;
}

poll_descriptor* take_block() noexcept {
  {
    const spin_guard hold(blocks_lock);
    if (poll_descriptor* const p = free_blocks_) {
      free_blocks_ = p->next_free;
      return p;
    }
  }
  return new (std::nothrow) poll_descriptor;
}

void count_in(const poll_descriptor& p) noexcept {
  if (p.fd >= 0) io_waiters.fetch_add(1, std::memory_order_seq_cst);  // N1a
}
void count_out(const poll_descriptor& p) noexcept {
  if (p.fd >= 0) io_waiters.fetch_sub(1, std::memory_order_relaxed);
}

// A goroutine's M looks when it is out of work. A plain thread has none.
void attend_from_outside() noexcept {
  if (current_goroutine() == nullptr && io_is_unattended()) wake_one();  // N1b
}

}  // namespace

void poll_descriptor::side::on_time(timer_node& node) noexcept {
  side& s = static_cast<side&>(node);
  poll_descriptor& p = *s.owner;
  task who;
  {
    const spin_guard hold(p.lock);
    s.armed = never;
    const std::int64_t deadline = s.deadline.load(std::memory_order_seq_cst);
    if (deadline == never) return;
    if (deadline > now_ns()) {
      // It fires now, so room for it is kept, and this cannot fail.
      if (!p.closing.load(std::memory_order_relaxed)) cover(s, deadline);  // I3
      return;
    }
    who = take(s, idle);
  }
  if (who) detail::ready(who);
}

task tell(poll_descriptor& p, direction d) noexcept { return take(side_of(p, d), side::ready); }

void tell_out_of_order(poll_descriptor& p, bool gone, std::uint16_t generation) noexcept {
  p.out_of_order.store(true, std::memory_order_release);  // P2
  if (!gone) return;
  hangup_node* node;
  {
    const spin_guard hold(p.lock);
    // Unlike a readiness, a hang-up that is for nothing does harm: not to the block's next use (I4).
    if (p.generation.load(std::memory_order_relaxed) != generation) return;
    p.gone = true;
    node = p.watcher;
    p.watcher = nullptr;
    p.telling = node != nullptr;
  }
  if (node == nullptr) return;
  count_out(p);
  node->hung_up(*node);  // may take locks of its own
  const spin_guard hold(p.lock);
  p.telling = false;
}

int pollable::open_memory() noexcept {
  poll_descriptor* const p = take_block();
  if (p == nullptr) return ENOMEM;
  for (side& s : p->sides) {
    s.word.store(side::idle, std::memory_order_relaxed);
    s.deadline.store(never, std::memory_order_relaxed);
  }
  p->fd = -1;
  p->told.store(nullptr, std::memory_order_relaxed);
  p->out_of_order.store(false, std::memory_order_relaxed);
  {
    const spin_guard hold(p->lock);
    p->gone = false;
  }
  p->closing.store(false, std::memory_order_release);
  d_ = p;
  return 0;
}

namespace {

int open_with(pollable& self, poll_descriptor*& d, int fd, event_node* node) noexcept {
  if (const int error = self.open_memory()) return error;
  d->fd = fd;
  d->told.store(node, std::memory_order_release);
  d->generation.store(d->generation.load(std::memory_order_relaxed), std::memory_order_release);  // P4
  if (const int error = epoll_register(fd, *d)) {
    d->fd = -1;
    self.release();
    return error;
  }
  return 0;
}

}  // namespace

int pollable::open(int fd) noexcept { return open_with(*this, d_, fd, nullptr); }
int pollable::open(int fd, event_node& node) noexcept { return open_with(*this, d_, fd, &node); }

io_expected::io_expected() noexcept {
  io_waiters.fetch_add(1, std::memory_order_seq_cst);  // N1a
  attend_from_outside();
}
io_expected::~io_expected() { io_waiters.fetch_sub(1, std::memory_order_relaxed); }

poll_end pollable::check(direction d) const noexcept { return check_side(*d_, side_of(*d_, d)); }

poll_end pollable::wait(direction d) {
  poll_descriptor& p = *d_;
  side& s = side_of(p, d);
  for (;;) {
    if (const poll_end end = check_side(p, s); end != poll_end::ready) return end;
    std::uintptr_t seen = s.word.load(std::memory_order_acquire);
    if (seen == side::ready) {
      (void)s.word.exchange(side::idle, std::memory_order_seq_cst);  // I1, P3
      return poll_end::ready;
    }
    if (seen != side::idle)
      throw std::logic_error(
          "goro: net: two tasks wait for one direction of a descriptor; let them take turns");
    const task self = task::current();
    const std::int64_t deadline = s.deadline.load(std::memory_order_seq_cst);
    if (deadline != never) {
      const spin_guard hold(p.lock);
      cover(s, deadline);  // I3
    }
    count_in(p);
    if (!s.word.compare_exchange_strong(seen, self.bits(), std::memory_order_seq_cst)) {  // P1
      count_out(p);
      continue;  // it is ready
    }
    const bool moved = s.deadline.load(std::memory_order_seq_cst) != deadline;  // P1
    if (moved || check_side(p, s) != poll_end::ready) {
      std::uintptr_t own = self.bits();
      if (s.word.compare_exchange_strong(own, side::idle, std::memory_order_seq_cst)) {  // I2
        count_out(p);
        continue;
      }
    } else if (p.fd >= 0) {
      attend_from_outside();
    }
    park(self, wait_reason::io_wait, this);
    count_out(p);
    if (s.word.exchange(side::idle, std::memory_order_seq_cst) == side::ready)
      return poll_end::ready;  // P2, P3
    // By a deadline or a close. If the deadline has been moved since, it has not happened.
  }
}

bool pollable::is_ready(direction d) const noexcept {
  return side_of(*d_, d).word.load(std::memory_order_acquire) == side::ready;
}

bool pollable::is_out_of_order() const noexcept { return d_->out_of_order.load(std::memory_order_acquire); }

// Who watches waits for a descriptor too, so that somebody polls.
bool pollable::watch_hangup(hangup_node& node) noexcept {
  {
    const spin_guard hold(d_->lock);
    if (d_->gone) return false;
    if (d_->watcher == nullptr) count_in(*d_);
    d_->watcher = &node;
  }
  if (d_->fd >= 0) attend_from_outside();
  return true;
}

void pollable::forget_hangup(hangup_node& node) noexcept {
  for (unsigned round = 0;; ++round) {
    {
      const spin_guard hold(d_->lock);
      if (d_->watcher == &node) {
        d_->watcher = nullptr;
        count_out(*d_);
      }
      if (!d_->telling) return;
    }
    spin_wait(round);
  }
}

void pollable::set_deadline(direction d, std::int64_t when) noexcept {
  poll_descriptor& p = *d_;
  side& s = side_of(p, d);
  s.deadline.store(when, std::memory_order_seq_cst);                               // P1
  if (!has_task(s.word.load(std::memory_order_seq_cst)) || when == never) return;  // P1
  task who;
  {
    const spin_guard hold(p.lock);
    if (when <= now_ns()) {
      who = take(s, side::idle);
    } else {
      try {
        cover(s, when);
      } catch (const std::bad_alloc&) {
        who = take(s, side::idle);  // it arms the timer itself, where the exception has somewhere to go
      }
    }
  }
  if (who) ready(who);
}

void pollable::notify(direction d) noexcept {
  if (const task who = tell(*d_, d)) ready(who);
}

void pollable::close() noexcept {
  poll_descriptor& p = *d_;
  p.closing.store(true, std::memory_order_seq_cst);  // P1
  if (p.fd >= 0) epoll_forget(p.fd);
  for (side& s : p.sides)
    if (const task who = take(s, side::idle)) ready(who);
}

void pollable::release() noexcept {
  poll_descriptor* const p = d_;
  d_ = nullptr;
  p->closing.store(true, std::memory_order_relaxed);
  for (unsigned round = 0;; ++round) {
    {
      const spin_guard hold(p->lock);  // I3; and until the watcher has been told
      if (p->watcher != nullptr) count_out(*p);
      p->watcher = nullptr;
      if (!p->telling) {
        p->generation.store(static_cast<std::uint16_t>(p->generation.load(std::memory_order_relaxed) + 1),
                            std::memory_order_release);  // I4
        break;
      }
    }
    spin_wait(round);
  }
  for (side& s : p->sides) {
    (void)timer_disarm_sync(s);
    s.armed = never;
  }
  const spin_guard hold(blocks_lock);
  p->next_free = free_blocks_;
  free_blocks_ = p;
}

}  // namespace goro::detail
