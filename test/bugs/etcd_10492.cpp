// SPDX-License-Identifier: MIT
// find: 1; proven: 1; deadlock: yes
// etcd issue 10492 (GoKer, double lock): renewing a lease holds the lessor's lock and calls the checkpoint
// function that was stored there, which locks the lessor.
#include "bugs/shape.hpp"

namespace bugs::etcd_10492 {

struct lessor {
  rw_mutex lock;
  void (*checkpoint)(lessor&) = nullptr;
  int saved = 0;
};

void save(lessor& l) {
  l.lock.lock();
  ++l.saved;
  l.lock.unlock();
}

void renew(lessor& l, bool fixed) {
  l.lock.lock();
  if (fixed) l.lock.unlock();
  l.checkpoint(l);  // BUG: what it calls locks, too
  if (!fixed) l.lock.unlock();
}

void run(bool fixed) {
  start("renewer", [l = std::make_shared<lessor>(), fixed] {
    l->checkpoint = &save;
    renew(*l, fixed);
  });
}

const shape self{"etcd_10492", run};

}  // namespace bugs::etcd_10492
