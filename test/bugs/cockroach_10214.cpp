// SPDX-License-Identifier: MIT
// find: 3; proven: 3; deadlock: yes
// CockroachDB issue 10214 (GoKer, three locks in a ring): the heartbeat queue, the store and the raft group
// each lock their own mutex and then the next one's.
#include "bugs/shape.hpp"

namespace bugs::cockroach_10214 {

struct node {
  mutex coalesced;
  mutex store;
  mutex raft;
  wait_group first_locks;
};

void both(node& n, mutex& first, mutex& second, bool fixed) {
  first.lock();
  if (fixed) {
    first.unlock();  // what it needs has been copied
  } else {
    n.first_locks.done();
    n.first_locks.wait();
  }
  second.lock();  // BUG: one after the other makes a ring
  second.unlock();
  if (!fixed) first.unlock();
}

void run(bool fixed) {
  const auto n = std::make_shared<node>();
  n->first_locks.add(3);
  start("heartbeats", [n, fixed] { both(*n, n->coalesced, n->store, fixed); });
  start("unreachable", [n, fixed] { both(*n, n->store, n->raft, fixed); });
  start("tick", [n, fixed] { both(*n, n->raft, n->coalesced, fixed); });
}

const shape self{"cockroach_10214", run};

}  // namespace bugs::cockroach_10214
