// SPDX-License-Identifier: MIT
// find: 2; proven: 2; deadlock: yes
// CockroachDB issue 7504 (GoKer, AB-BA): releasing a table lease locks the lease and then the name cache;
// looking a table up by name locks the cache and then the lease.
#include "bugs/shape.hpp"

namespace bugs::cockroach_7504 {

struct tables {
  mutex lease;
  mutex names;
  meeting both;
};

void release(tables& t, bool fixed) {
  t.lease.lock();
  if (!fixed) t.both.arrive();
  t.names.lock();
  t.names.unlock();
  t.lease.unlock();
}

void get(tables& t, bool fixed) {
  if (fixed) {  // the name is looked up first, and the cache let go of
    t.names.lock();
    t.names.unlock();
    t.lease.lock();
    t.lease.unlock();
    return;
  }
  t.names.lock();
  t.both.arrive();
  t.lease.lock();  // BUG: the other way round
  t.lease.unlock();
  t.names.unlock();
}

void run(bool fixed) {
  const auto t = std::make_shared<tables>();
  start("release", [t, fixed] { release(*t, fixed); });
  start("get", [t, fixed] { get(*t, fixed); });
}

const shape self{"cockroach_7504", run};

}  // namespace bugs::cockroach_7504
