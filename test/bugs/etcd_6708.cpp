// SPDX-License-Identifier: MIT
// find: 1; proven: 1; deadlock: yes
// etcd issue 6708 (GoKer, double lock): Sync holds the cluster client's write lock while it asks who leads,
// and that request takes the read lock of the same client.
#include "bugs/shape.hpp"

namespace bugs::etcd_6708 {

struct http_cluster {
  rw_mutex lock;
  int pinned = 0;
};

int request(http_cluster& c) {
  c.lock.lock_shared();
  const int endpoint = c.pinned;
  c.lock.unlock_shared();
  return endpoint;
}

int leader(http_cluster& c) { return request(c) + 1; }

void sync(http_cluster& c, bool fixed) {
  if (fixed) {
    const int found = leader(c);
    c.lock.lock();
    c.pinned = found;
  } else {
    c.lock.lock();
    c.pinned = leader(c);  // BUG
  }
  c.lock.unlock();
}

void run(bool fixed) {
  start("sync", [c = std::make_shared<http_cluster>(), fixed] { sync(*c, fixed); });
}

const shape self{"etcd_6708", run};

}  // namespace bugs::etcd_6708
