// SPDX-License-Identifier: MIT
// find: 3; proven: 3; deadlock: -
// CockroachDB issue 1055 (GoKer, wait_group, lock and channels): a stopper waits under its lock for its
// tasks to end; a task ends by taking the lock; a worker waits for the stop channel that is closed after
// that.
#include "bugs/shape.hpp"

namespace bugs::cockroach_1055 {

struct stopper {
  mutex lock;
  wait_group tasks;
  signal_chan stop = make_chan<unit>();
};

void task(stopper& s, bool fixed) {
  if (!fixed) until_parked(wait_reason::wait_group);
  s.lock.lock();
  s.lock.unlock();
  s.tasks.done();
}

void stop(stopper& s, bool fixed) {
  s.lock.lock();
  if (fixed) s.lock.unlock();
  s.tasks.wait();  // BUG: under the lock
  if (!fixed) s.lock.unlock();
  s.stop.close();
}

void run(bool fixed) {
  const auto s = std::make_shared<stopper>();
  s->tasks.add(1);
  start("worker", [s] { (void)s->stop.recv(); });
  start("task", [s, fixed] { task(*s, fixed); });
  start("stop", [s, fixed] { stop(*s, fixed); });
}

const shape self{"cockroach_1055", run};

}  // namespace bugs::cockroach_1055
