// SPDX-License-Identifier: MIT
// find: 3; proven: 3; deadlock: yes
// Kubernetes issue 10182 (GoKer, lock and channel): a pod's status is sent to the sync loop under the lock;
// the loop has taken the one before and wants the lock to delete it; a third wants to set its own.
#include "bugs/shape.hpp"

namespace bugs::kubernetes_10182 {

struct status_manager {
  mutex lock;
  chan<int> statuses = make_chan<int>();
};

void set_status(status_manager& m, int status, bool fixed) {
  m.lock.lock();
  if (fixed) m.lock.unlock();
  m.statuses.send(status);  // BUG: under the lock
  if (!fixed) m.lock.unlock();
}

void sync(status_manager& m, bool fixed) {
  for (int n = 0; n != 3; ++n) {
    (void)m.statuses.recv();
    if (!fixed) until_parked(wait_reason::chan_send);
    m.lock.lock();  // delete it
    m.lock.unlock();
  }
}

void run(bool fixed) {
  const auto m = std::make_shared<status_manager>();
  start("sync", [m, fixed] { sync(*m, fixed); });
  for (int n = 0; n != 3; ++n) start("status", [m, n, fixed] { set_status(*m, n, fixed); });
}

const shape self{"kubernetes_10182", run};

}  // namespace bugs::kubernetes_10182
