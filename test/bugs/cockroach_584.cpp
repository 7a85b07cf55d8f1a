// SPDX-License-Identifier: MIT
// find: 1; proven: 1; deadlock: yes
// CockroachDB issue 584 (GoKer, double lock): the bootstrap loop of gossip leaves by break without
// unlocking, and the function that follows locks the same mutex.
#include "bugs/shape.hpp"

namespace bugs::cockroach_584 {

struct gossip {
  mutex lock;
  bool bootstrapped = true;
};

void bootstrap(gossip& g, bool fixed) {
  for (;;) {
    g.lock.lock();
    if (g.bootstrapped) {
      if (fixed) g.lock.unlock();
      break;  // BUG: without the line above
    }
    g.lock.unlock();
  }
}

void manage(gossip& g) {
  g.lock.lock();
  g.lock.unlock();
}

void run(bool fixed) {
  start("gossip", [g = std::make_shared<gossip>(), fixed] {
    bootstrap(*g, fixed);
    manage(*g);
  });
}

const shape self{"cockroach_584", run};

}  // namespace bugs::cockroach_584
