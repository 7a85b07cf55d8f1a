// SPDX-License-Identifier: MIT
// find: 4; proven: 4; deadlock: yes
// Kubernetes issue 58107 (GoKer, read lock held in a wait): a quota worker holds the read lock while it
// waits in a cond for work; the resync wants the write lock; workers that would bring work pile up behind
// it.
#include "bugs/shape.hpp"

namespace bugs::kubernetes_58107 {

struct quota_controller {
  rw_mutex workers;
  mutex queue;
  cond<mutex> filled{queue};
  int items = 0;
};

void take(quota_controller& q, bool fixed) {
  if (!fixed) q.workers.lock_shared();  // BUG: fixed, it is taken when there is work
  q.queue.lock();
  q.filled.wait([&] { return q.items > 0; });
  --q.items;
  q.queue.unlock();
  if (fixed) q.workers.lock_shared();
  q.workers.unlock_shared();
}

void add(quota_controller& q) {
  q.workers.lock_shared();
  q.queue.lock();
  ++q.items;
  q.queue.unlock();
  q.filled.notify_one();
  q.workers.unlock_shared();
}

void run(bool fixed) {
  const auto q = std::make_shared<quota_controller>();
  start("worker", [q, fixed] { take(*q, fixed); });
  until_parked(wait_reason::cond);
  start("resync", [q] {
    q->workers.lock();
    q->workers.unlock();
  });
  if (!fixed) until_parked(wait_reason::rw_mutex_write);
  for (int i = 0; i != 2; ++i) start("producer", [q] { add(*q); });
}

const shape self{"kubernetes_58107", run};

}  // namespace bugs::kubernetes_58107
