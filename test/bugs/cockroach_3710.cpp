// SPDX-License-Identifier: MIT
// find: 2; proven: 2; deadlock: yes
// CockroachDB issue 3710 (GoKer, read lock taken again): forcing a raft log scan holds the store's read lock
// and calls what takes it again; the raft loop has come for the write lock in between.
#include "bugs/shape.hpp"

namespace bugs::cockroach_3710 {

struct store {
  rw_mutex lock;
  int replicas = 3;
};

void maybe_add(store& s, bool fixed) {
  if (!fixed) s.lock.lock_shared();  // BUG
  (void)s.replicas;
  if (!fixed) s.lock.unlock_shared();
}

void run(bool fixed) {
  const auto s = std::make_shared<store>();
  start("log scan", [s, fixed] {
    s->lock.lock_shared();
    start("raft", [s] {
      s->lock.lock();
      s->lock.unlock();
    });
    until_parked(wait_reason::rw_mutex_write);
    maybe_add(*s, fixed);
    s->lock.unlock_shared();
  });
}

const shape self{"cockroach_3710", run};

}  // namespace bugs::cockroach_3710
