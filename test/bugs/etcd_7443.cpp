// SPDX-License-Identifier: MIT
// find: 2; proven: 2; deadlock: yes
// etcd issue 7443 (GoBench, lock and channel): the balancer notifies its connection of new addresses with
// the lock held; the connection's loop, which would receive them, asks the balancer first, and needs the
// lock.
#include "bugs/shape.hpp"

namespace bugs::etcd_7443 {

struct balancer {
  mutex lock;
  chan<int> notify = make_chan<int>();
};

void update(balancer& b, bool fixed) {
  b.lock.lock();
  const int addresses = 3;
  if (fixed) b.lock.unlock();
  b.notify.send(addresses);  // BUG: under the lock
  if (!fixed) b.lock.unlock();
}

void connection(balancer& b, bool fixed) {
  if (!fixed) until_parked(wait_reason::chan_send);
  b.lock.lock();  // up()
  b.lock.unlock();
  (void)b.notify.recv();
}

void run(bool fixed) {
  const auto b = std::make_shared<balancer>();
  start("update", [b, fixed] { update(*b, fixed); });
  start("connection", [b, fixed] { connection(*b, fixed); });
}

const shape self{"etcd_7443", run};

}  // namespace bugs::etcd_7443
