// SPDX-License-Identifier: MIT
// find: 2; proven: 2; deadlock: yes
// Hugo issue 3251 (GoKer, map of mutexes): one goroutine holds the map's lock and waits for an entry's
// mutex; the entry's holder wants to read the map in order to unlock it.
#include "bugs/shape.hpp"

namespace bugs::hugo_3251 {

struct remote_lock {
  rw_mutex map;
  mutex entry;
};

void lock_url(remote_lock& r, bool fixed) {
  r.map.lock();
  if (fixed) r.map.unlock();
  r.entry.lock();  // BUG: under the map's lock
  if (!fixed) r.map.unlock();
}

void unlock_url(remote_lock& r) {
  r.map.lock_shared();
  r.entry.unlock();
  r.map.unlock_shared();
}

void run(bool fixed) {
  const auto r = std::make_shared<remote_lock>();
  start("first", [r, fixed] {
    lock_url(*r, fixed);
    start("second", [r, fixed] {
      lock_url(*r, fixed);
      unlock_url(*r);
    });
    until_parked(wait_reason::mutex);
    unlock_url(*r);
  });
}

const shape self{"hugo_3251", run};

}  // namespace bugs::hugo_3251
