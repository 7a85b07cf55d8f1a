// SPDX-License-Identifier: MIT
// find: 1; proven: 1; deadlock: yes
// Docker issue 17176 (GoKer, missing unlock): cleaning up deleted devices returns early, its lock held, when
// there are none.
#include "bugs/shape.hpp"

namespace bugs::moby_17176 {

struct device_set {
  mutex lock;
  int deleted = 0;
};

void clean_up(device_set& d, bool fixed) {
  d.lock.lock();
  if (d.deleted == 0) {
    if (fixed) d.lock.unlock();
    return;  // BUG
  }
  d.deleted = 0;
  d.lock.unlock();
}

void run(bool fixed) {
  start("cleaner", [d = std::make_shared<device_set>(), fixed] {
    for (int round = 0; round != 2; ++round) clean_up(*d, fixed);
  });
}

const shape self{"moby_17176", run};

}  // namespace bugs::moby_17176
