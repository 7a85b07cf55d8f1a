// SPDX-License-Identifier: MIT
// The pool without types: who may bring a job, who takes it, and when workers start and end.
//
//      submitter --enter--> place --fill--> job --next--> worker
//
//      place    idle     a worker that waits, for this job only
//               fresh    a worker that is about to start, with this job
//               queued   one of `capacity_` places in the queue
//
// A submitter first gets a place, under the lock, then makes its job, which runs the user's copy or move, and
// then fills the place. So a callable that is refused has not been touched. If making the job throws, the
// place is filled with nothing: the worker looks for other work, or the place in the queue is free again.
//
// Invariants (all under the lock)
//   I1  running_ <= workers_. A place in the queue is granted only while running_ == workers_.
//   I2  granted_ <= queued_ <= capacity_; queued_ - granted_ jobs are in the list.
//   I3  While a worker is idle, there is no job in the list and no submitter waits.
//   I4  While a submitter waits, running_ == workers_, queued_ == capacity_, nobody is idle, and the pool is
//       not closed.
//   I5  live_ counts the workers, and one more while the pool is not closed. So a worker may be counted in
//       under the lock: from at least one to at least two, where countdown::add takes no lock and does not
//       throw.
//   I6  After close() a worker leaves only when the list is empty and granted_ is 0; who fills the last granted
//       place then wakes those who are idle. So each job that got a place is run, though the pool was closed
//       before the place was filled.
//
// Who waits is claimed by the one that grants it a place, or by its own limit (waiter.hpp). Whoever loses the
// claim has changed nothing: the granter takes the next one, so no place is lost to one who gave up.
//
// Lifetime: the pool may go once wait() has returned. A worker's last touch is live_.add(-1); close() has its
// count until its own last touch. Who fills a place touches the pool under the lock, while a worker is bound
// to come for that job; after that only waiting nodes that it is to wake itself. A submitter that close() has
// turned away reads its own node and nothing else. The lock is not part of the pool (address_lock.hpp).
//
// Rejected: a channel of callables. It has the wrong state in a dump, a callable that is refused would have to
// be moved back out of it, and workers could not start late.
// Tests: test/context/worker_pool_{test,stress_test}.cpp.
#include <goro/worker_pool.hpp>

#include "sched/throw_site.hpp"
#include "sched/uncaught.hpp"
#include "sync/address_lock.hpp"
#include "sync/escape.hpp"
#include "sync/waiter.hpp"

#include <goro/errc.hpp>
#include <goro/time.hpp>

#include <chrono>
#include <new>
#include <stdexcept>
#include <string>

namespace goro::detail {

struct idle_worker : waiter {
  using waiter::waiter;
  pool_job* job = nullptr;  // written by who wakes it; null: look again
};

struct pool_submitter : waiter {
  pool_submitter(task t, pool_place& to) noexcept : waiter(t), place(to) {}
  pool_place& place;  // filled in by who grants it; still none: the pool was closed
};

namespace {

const go_options worker_options{.name = "worker_pool"};

[[noreturn]] void throw_closed(const char* call) {
  throw std::logic_error(std::string("goro: worker_pool::") + call +
                         ": the pool is closed; submit all tasks before close(), or make a new pool");
}

void run_job(pool_job* job) {
  try {
    noting_throw([job] { job->run(job); });
  } catch (...) {
    report_uncaught(escaped_exception());
  }
}

}  // namespace

// Lives on the worker's stack. Only goexit, in a task, ends it before the worker has left.
struct job_queue::worker_end {
  job_queue& queue;
  bool left = false;

  ~worker_end() {
    if (left)
      queue.live_.add(-1);
    else
      queue.replace_worker();
  }
};

job_queue::job_queue(std::size_t workers, std::size_t capacity) : workers_(workers), capacity_(capacity) {
  if (workers == 0) throw std::invalid_argument("goro: worker_pool: there are no workers; give at least one");
  live_.add(1);  // I5
}

// A goroutine that is a worker as soon as start_worker says so; spawn_abort gives it back.
spawn_place job_queue::reserve_worker() {
  return spawn_begin(2 * sizeof(void*), alignof(void*), &worker_options);
}

void job_queue::start_worker(spawn_place place, pool_job* job) noexcept {
  const auto body = [this, job] { work(job); };
  using start = closure<std::remove_const_t<decltype(body)>>;
  static_assert(sizeof(start) == 2 * sizeof(void*) && closure_fits<start>);
  ::new (place.storage) start{body};
  spawn_commit(place.g, &run_closure<start>);
}

// The first submitter that has not given up, off the list and claimed. Under the lock.
pool_submitter* job_queue::claim_submitter() noexcept {
  while (first_waiting_ != nullptr) {
    auto& first = static_cast<pool_submitter&>(*first_waiting_);
    unlink(first_waiting_, last_waiting_, first);
    if (first.claim(woken::event)) return &first;
  }
  return nullptr;
}

// Grants free places in the queue to who waits. Under the lock; returns the chain to wake without it.
waiter* job_queue::admit() noexcept {
  waiter* admitted = nullptr;
  waiter** end = &admitted;
  while (queued_ < capacity_) {
    pool_submitter* const s = claim_submitter();
    if (s == nullptr) break;
    s->place.kind_ = pool_place::kind::queued;
    ++queued_;
    ++granted_;
    s->next = nullptr;
    *end = s;
    end = &s->next;
  }
  return admitted;
}

job_queue::entered job_queue::enter(pool_place& place, const char* call, bool may_wait, std::int64_t deadline,
                                    canceller* cancel) {
  if (cancel != nullptr && cancel->is_cancelled()) return entered::canceled;
  struct reservation {
    spawn_place place{};
    ~reservation() {
      if (place.g != nullptr) spawn_abort(place.g);
    }
  } worker;
  wait_list_lock& lock = lock_of(this);
  place.queue_ = this;
  for (;;) {
    lock.lock();
    if (closed_) {
      lock.unlock();
      throw_closed(call);
    }
    if (last_idle_ != nullptr) {  // the one that ran last: its stack is warm
      auto& idle = static_cast<idle_worker&>(*last_idle_);
      unlink(first_idle_, last_idle_, idle);
      lock.unlock();
      place.worker_ = &idle;
      place.kind_ = pool_place::kind::idle;
      return entered::yes;
    }
    if (running_ == workers_) break;
    if (worker.place.g != nullptr) {
      ++running_;
      live_.add(1);  // I5
      lock.unlock();
      place.start_ = std::exchange(worker.place, {});
      place.kind_ = pool_place::kind::fresh;
      return entered::yes;
    }
    lock.unlock();
    worker.place = reserve_worker();  // may throw, and takes locks: so before the decision, not after it
  }
  if (queued_ < capacity_) {
    ++queued_;
    ++granted_;
    lock.unlock();
    place.kind_ = pool_place::kind::queued;
    return entered::yes;
  }
  if (!may_wait) {
    lock.unlock();
    return entered::full;
  }
  pool_submitter self(task::current(), place);
  link(first_waiting_, last_waiting_, self);
  lock.unlock();
  return wait_for_place(place, self, call, deadline, cancel);
}

job_queue::entered job_queue::wait_for_place(pool_place& place, pool_submitter& self, const char* call,
                                             std::int64_t deadline, canceller* cancel) {
  const auto leave = [&]() noexcept {
    const spin_guard guard(lock_of(this));
    if (self.linked) unlink(first_waiting_, last_waiting_, self);
  };
  woken by = woken::nobody;
  try {
    by = park_waiter(self, wait_reason::worker_pool, this, deadline, cancel);
  } catch (...) {
    leave();
    throw;
  }
  if (by == woken::event) {
    if (place.kind_ == pool_place::kind::none) throw_closed(call);
    return entered::yes;
  }
  leave();
  return by == woken::timer ? entered::timed_out : entered::canceled;
}

void job_queue::enter(pool_place& place, const char* call) { enter(place, call, true, never, nullptr); }

bool job_queue::try_enter(pool_place& place) {
  return enter(place, "try_submit", false, never, nullptr) == entered::yes;
}

bool job_queue::enter_for(pool_place& place, std::int64_t ns) {
  const bool may_wait = ns > 0;
  const std::int64_t deadline = may_wait ? deadline_after(std::chrono::nanoseconds(ns)) : never;
  return enter(place, "submit_for", may_wait, deadline, nullptr) == entered::yes;
}

std::error_code job_queue::enter(pool_place& place, canceller* cancel) {
  if (enter(place, "submit", true, never, cancel) == entered::yes) return {};
  return make_error_code(cancel->reason());
}

void pool_place::fill(pool_job* job) noexcept {
  switch (std::exchange(kind_, kind::none)) {
    case kind::none: break;
    case kind::queued: queue_->put(job); break;
    case kind::fresh: queue_->start_worker(start_, job); break;
    case kind::idle:
      worker_->job = job;
      ready(worker_->who);
      break;
  }
}

// Fills a granted place in the queue; null: gives it back.
void job_queue::put(pool_job* job) noexcept {
  task to;
  waiter* admitted = nullptr;
  waiter* leaving = nullptr;
  {
    const spin_guard guard(lock_of(this));
    --granted_;
    if (job == nullptr) {
      --queued_;
      admitted = admit();
    } else if (last_idle_ != nullptr) {  // by I3 nobody waits for the place that is free again
      auto& idle = static_cast<idle_worker&>(*last_idle_);
      unlink(first_idle_, last_idle_, idle);
      --queued_;
      idle.job = job;
      to = idle.who;
    } else {
      (last_job_ != nullptr ? last_job_->next : first_job_) = job;
      last_job_ = job;
    }
    if (closed_ && granted_ == 0) leaving = take_all(first_idle_, last_idle_);  // I6
  }
  if (to) ready(to);
  wake_all(admitted);
  wake_all(leaving);
}

// The worker's next job; waits for it. Null: the worker has left, and is still to be counted off.
pool_job* job_queue::next() noexcept {
  wait_list_lock& lock = lock_of(this);
  for (;;) {
    idle_worker self(task::current());
    lock.lock();
    if (first_job_ != nullptr) {
      pool_job* const job = first_job_;
      first_job_ = job->next;
      if (first_job_ == nullptr) last_job_ = nullptr;
      --queued_;
      waiter* const admitted = admit();
      lock.unlock();
      wake_all(admitted);
      return job;
    }
    if (pool_submitter* const s = claim_submitter()) {  // a rendezvous: this worker is its place
      s->place.kind_ = pool_place::kind::idle;
      s->place.worker_ = &self;
      const task who = s->who;
      lock.unlock();
      ready(who);
    } else if (closed_ && granted_ == 0) {  // I6
      --running_;
      lock.unlock();
      return nullptr;
    } else {
      link(first_idle_, last_idle_, self);
      lock.unlock();
    }
    park(self.who, wait_reason::worker_pool, this);
    if (self.job != nullptr) return self.job;
  }
}

void job_queue::work(pool_job* job) {
  worker_end end{*this};
  if (job == nullptr) job = next();
  for (; job != nullptr; job = next()) run_job(job);
  end.left = true;
}

bool job_queue::leave_if_closed() noexcept {
  const spin_guard guard(lock_of(this));
  if (!closed_ || granted_ != 0 || first_job_ != nullptr) return false;  // I6
  --running_;
  return true;
}

// In a worker that ends by goexit. Its count goes to the next one, which may be the only one to run the jobs
// that wait: if no goroutine can be had, this one stays until there is one.
void job_queue::replace_worker() noexcept {
  if (leave_if_closed()) {
    live_.add(-1);
    return;
  }
  for (;;) {
    try {
      start_worker(reserve_worker(), nullptr);
      return;
    } catch (const std::exception&) {
      sleep_for(std::chrono::milliseconds(1));
    }
  }
}

void job_queue::close() noexcept {
  waiter* refused = nullptr;
  waiter* leaving = nullptr;
  {
    const spin_guard guard(lock_of(this));
    if (closed_) return;
    closed_ = true;
    refused = take_all(first_waiting_, last_waiting_);
    if (granted_ == 0) leaving = take_all(first_idle_, last_idle_);  // I6
  }
  wake_all(refused);
  wake_all(leaving);
  live_.add(-1);  // I5
}

void job_queue::wait() { live_.wait(static_cast<int>(wait_reason::worker_pool), never, nullptr); }

}  // namespace goro::detail
