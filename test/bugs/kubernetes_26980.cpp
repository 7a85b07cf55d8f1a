// SPDX-License-Identifier: MIT
// find: 2; proven: 2; deadlock: yes
// Kubernetes issue 26980 (GoKer, lock and channel): an event listener's pop waits for its stop channel with
// the lock held; who would stop it first adds an event, under the same lock.
#include "bugs/shape.hpp"

namespace bugs::kubernetes_26980 {

struct listener {
  mutex lock;
  cond<mutex> added{lock};
  int pending = 1;
  chan<int> next = make_chan<int>();
  signal_chan stop = make_chan<unit>();
};

void pop(listener& l, bool fixed) {
  l.lock.lock();
  --l.pending;
  if (fixed) l.lock.unlock();
  select(send(l.next, 1), recv(l.stop));  // BUG: under the lock
  if (!fixed) l.lock.unlock();
}

void tester(listener& l) {
  until_parked(wait_reason::select);
  l.lock.lock();
  ++l.pending;
  l.lock.unlock();
  l.added.notify_one();
  l.stop.close();
}

void run(bool fixed) {
  const auto l = std::make_shared<listener>();
  start("pop", [l, fixed] { pop(*l, fixed); });
  start("tester", [l] { tester(*l); });
}

const shape self{"kubernetes_26980", run};

}  // namespace bugs::kubernetes_26980
