// SPDX-License-Identifier: MIT
// find: 2; proven: 2; deadlock: yes
// Kubernetes issue 1321 (GoBench, lock and channel): a broadcaster sends an event to each watcher under its
// lock; a watcher that stops needs the lock in order to close its channel, and reads no more.
#include "bugs/shape.hpp"

namespace bugs::kubernetes_1321 {

struct broadcaster {
  mutex lock;
  chan<int> result = make_chan<int>();
  signal_chan stopped = make_chan<unit>();
};

void distribute(broadcaster& b, bool fixed) {
  b.lock.lock();
  if (fixed)
    select(send(b.result, 1), recv(b.stopped));
  else
    b.result.send(1);  // BUG: to one that may have stopped
  b.lock.unlock();
}

void stop(broadcaster& b, bool fixed) {
  if (!fixed) until_parked(wait_reason::chan_send);
  if (fixed) b.stopped.close();
  b.lock.lock();
  b.result.close();
  b.lock.unlock();
}

void run(bool fixed) {
  const auto b = std::make_shared<broadcaster>();
  start("distribute", [b, fixed] { distribute(*b, fixed); });
  if (fixed) until_parked(wait_reason::select);
  start("watcher", [b, fixed] { stop(*b, fixed); });
}

const shape self{"kubernetes_1321", run};

}  // namespace bugs::kubernetes_1321
