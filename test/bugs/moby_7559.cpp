// SPDX-License-Identifier: MIT
// find: 1; proven: 1; deadlock: yes
// Docker issue 7559 (GoKer, missing unlock): a UDP proxy's loop locks its table, fails to dial, and
// continues without unlocking.
#include "bugs/shape.hpp"

namespace bugs::moby_7559 {

struct udp_proxy {
  mutex table;
  int packets = 2;
};

bool dial() { return false; }

void serve(udp_proxy& p, bool fixed) {
  while (p.packets-- > 0) {
    p.table.lock();
    if (!dial()) {
      if (fixed) p.table.unlock();
      continue;  // BUG: the next packet's lock waits for ever
    }
    p.table.unlock();
  }
}

void run(bool fixed) {
  start("proxy", [p = std::make_shared<udp_proxy>(), fixed] { serve(*p, fixed); });
}

const shape self{"moby_7559", run};

}  // namespace bugs::moby_7559
