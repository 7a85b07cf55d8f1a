// SPDX-License-Identifier: MIT
// find: 1; proven: 1; deadlock: yes
// Syncthing issue 4829 (GoKer, double lock): clearing a port mapping holds its write lock and notifies those
// who listen; what they call reads under the read lock.
#include "bugs/shape.hpp"

namespace bugs::syncthing_4829 {

struct mapping {
  rw_mutex lock;
  std::vector<int> addresses{1, 2};
};

std::size_t external(mapping& m) {
  m.lock.lock_shared();
  const std::size_t n = m.addresses.size();
  m.lock.unlock_shared();
  return n;
}

void clear(mapping& m, bool fixed) {
  m.lock.lock();
  m.addresses.clear();
  if (fixed) m.lock.unlock();
  (void)external(m);  // notify. BUG: under the lock
  if (!fixed) m.lock.unlock();
}

void run(bool fixed) {
  start("renewal", [m = std::make_shared<mapping>(), fixed] { clear(*m, fixed); });
}

const shape self{"syncthing_4829", run};

}  // namespace bugs::syncthing_4829
