// SPDX-License-Identifier: MIT
// find: 2; proven: 2; deadlock: yes
// CockroachDB issue 16167 (GoKer, double lock): one lock under two names. A session holds the system
// configuration through the locker of a cond, an updater comes for the write lock, and the session reads
// once more.
#include "bugs/shape.hpp"

namespace bugs::cockroach_16167 {

struct executor {
  rw_mutex config;
  rw_mutex::reader_view locker = config.shared();  // the second name
  cond<rw_mutex::reader_view> changed{locker};
};

void update(executor& e) {
  e.config.lock();
  e.config.unlock();
  e.changed.notify_all();
}

void wait_for_config(const std::shared_ptr<executor>& e, bool fixed) {
  e->locker.lock();
  start("updater", [e] { update(*e); });
  until_parked(wait_reason::rw_mutex_write);
  if (fixed) e->locker.unlock();
  e->config.lock_shared();  // BUG: it is ours already, and a writer stands in between
  e->config.unlock_shared();
  if (!fixed) e->locker.unlock();
}

void run(bool fixed) {
  start("session", [e = std::make_shared<executor>(), fixed] { wait_for_config(e, fixed); });
}

const shape self{"cockroach_16167", run};

}  // namespace bugs::cockroach_16167
