// SPDX-License-Identifier: MIT
// find: 3; proven: 3; deadlock: yes
// etcd issue 7902 (GoKer, lock and channel): in an election, the follower waits under the shared lock until
// the leader closes a channel; the leader needs the lock to get there; who started both waits in a
// wait_group.
#include "bugs/shape.hpp"

namespace bugs::etcd_7902 {

struct election {
  mutex lock;
  signal_chan released = make_chan<unit>();
  wait_group rounds;
};

void follower(election& e, bool fixed) {
  e.lock.lock();
  if (fixed) e.lock.unlock();
  (void)e.released.recv();  // BUG: under the lock
  if (!fixed) e.lock.unlock();
  e.rounds.done();
}

void leader(election& e, bool fixed) {
  if (!fixed) until_parked(wait_reason::chan_receive);
  e.lock.lock();
  e.released.close();
  e.lock.unlock();
  e.rounds.done();
}

void run(bool fixed) {
  const auto e = std::make_shared<election>();
  e->rounds.add(2);
  start("follower", [e, fixed] { follower(*e, fixed); });
  start("leader", [e, fixed] { leader(*e, fixed); });
  start("main", [e] { e->rounds.wait(); });
}

const shape self{"etcd_7902", run};

}  // namespace bugs::etcd_7902
