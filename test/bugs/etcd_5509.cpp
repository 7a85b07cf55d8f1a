// SPDX-License-Identifier: MIT
// find: 1; proven: 1; deadlock: yes
// etcd issue 5509 (GoKer, double lock): a client's error path returns with the read lock held; close() wants
// the write lock.
#include "bugs/shape.hpp"

namespace bugs::etcd_5509 {

struct client {
  rw_mutex lock;
  bool connected = false;
};

bool get_connection(client& c, bool fixed) {
  c.lock.lock_shared();
  if (!c.connected) {
    if (fixed) c.lock.unlock_shared();
    return false;  // BUG: without the line above
  }
  c.lock.unlock_shared();
  return true;
}

void close(client& c) {
  c.lock.lock();
  c.lock.unlock();
}

void run(bool fixed) {
  start("client", [c = std::make_shared<client>(), fixed] {
    if (!get_connection(*c, fixed)) close(*c);
  });
}

const shape self{"etcd_5509", run};

}  // namespace bugs::etcd_5509
