// SPDX-License-Identifier: MIT
// find: 2; proven: 2; deadlock: yes
// Kubernetes issue 62464 (GoKer, read lock taken again): the CPU manager's state answers a query under the
// read lock by calling two others of its own, each of which read-locks; a removal wants the write lock.
#include "bugs/shape.hpp"

namespace bugs::kubernetes_62464 {

struct cpu_state {
  rw_mutex lock;
  std::vector<int> assigned{1, 2, 3};
};

bool find(cpu_state& s) {
  s.lock.lock_shared();
  const bool found = !s.assigned.empty();
  s.lock.unlock_shared();
  return found;
}

int cpu_set_or_default(cpu_state& s, bool fixed) {
  if (!fixed) s.lock.lock_shared();  // BUG: find locks
  if (!fixed) until_parked(wait_reason::rw_mutex_write);
  const int set = find(s) ? 1 : 0;
  if (!fixed) s.lock.unlock_shared();
  return set;
}

void run(bool fixed) {
  const auto s = std::make_shared<cpu_state>();
  const signal_chan reading = make_chan<unit>();
  start("reconcile", [s, reading, fixed] {
    if (!fixed) {
      s->lock.lock_shared();
      reading.close();
      until_parked(wait_reason::rw_mutex_write);
      (void)cpu_set_or_default(*s, fixed);
      s->lock.unlock_shared();
    } else {
      reading.close();
      (void)cpu_set_or_default(*s, fixed);
    }
  });
  start("removal", [s, reading] {
    (void)reading.recv();
    s->lock.lock();
    s->assigned.clear();
    s->lock.unlock();
  });
}

const shape self{"kubernetes_62464", run};

}  // namespace bugs::kubernetes_62464
